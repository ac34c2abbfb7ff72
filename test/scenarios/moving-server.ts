/** A real MLflow server with things in it behind a proxy, a server of ours beside it, and an import between them. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { sendSource } from '../../src/transfer/send.ts'
import type { Report } from '../../src/transfer/send.ts'
import { mlflowServer } from '../../src/transfer/server/source.ts'
import { startMlflow, startProxy } from '../clients/mlflow-server.ts'
import type { Proxy, RealServer } from '../clients/mlflow-server.ts'
import { testEnv } from '../python-env.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { until } from '../until.ts'
import { PACKAGES, runClient } from './moving.ts'

const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts')

export interface MovingServer {
  readonly server: TestServer
  readonly mlflow: RealServer
  readonly proxy: Proxy
  /** Runs a Python program of `test/clients`; gives its last line. */
  script(program: string, ...args: string[]): Promise<string>
  /** What a server says to the mlflow client of all that it has. */
  dump(url: string): Promise<unknown>
  bringIn(dryRun?: boolean): Promise<Report>
  /** Runs `slipway import` and kills it once the server has answered so many requests. */
  killedAfter(requests: number): Promise<void>
  stop(): Promise<void>
}

/** Opens both. The MLflow server has `runs` runs made in bulk, and one with a history of `points` points. */
export async function openMovingServer(runs: number, points: number): Promise<MovingServer> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-transfer-server-'))
  const python = process.env['SLIPWAY_MLFLOW_PYTHON'] ?? (await testEnv(PACKAGES))
  const [server] = await Promise.all([
    startTestServer(),
    runClient(python, 'mlflow_store.py', [folder, String(runs)], {}),
  ])
  const script = (program: string, ...args: string[]): Promise<string> => {
    const token = args[0]?.startsWith(server.url) === true ? { MLFLOW_TRACKING_TOKEN: server.token } : {}
    return runClient(python, program, args, token)
  }
  const mlflow = await startMlflow(python, `sqlite:///${join(folder, 'mlflow.db')}`, join(folder, 'proxied'))
  await script('mlflow_more.py', mlflow.url, String(points))
  const proxy = await startProxy(mlflow.url)
  return {
    server,
    mlflow,
    proxy,
    script,
    dump: async (url) => JSON.parse(await script('mlflow_dump.py', url)) as unknown,
    bringIn: (dryRun = false) => bringIn(server, proxy.url, dryRun),
    async killedAfter(requests) {
      proxy.pass = requests
      const env = { ...process.env, SLIPWAY_TOKEN: server.token }
      const args = [MAIN, 'import', 'mlflow', proxy.url, '--url', server.url]
      const child = spawn(process.execPath, args, { env, stdio: 'ignore' })
      const ended = new Promise((done) => child.on('close', done))
      await until('a request that hangs', () => proxy.hanging() > 0 || child.exitCode !== null)
      assert.equal(child.exitCode, null, 'it is killed in the middle')
      child.kill('SIGKILL')
      await ended
      proxy.pass = Number.POSITIVE_INFINITY
    },
    async stop() {
      await proxy.stop()
      await mlflow.stop()
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Imports from the server at `url`. */
export async function bringIn(server: TestServer, url: string, dryRun = false): Promise<Report> {
  const source = await mlflowServer(url, {})
  return sendSource(server.client, source, { dryRun, progress: () => undefined })
}
