/** The peer: an unmodified `mlflow server` in its default configuration with SQLite, in an environment of its own. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { testEnv } from '../test/python-env.ts'

const PACKAGE = 'mlflow==3.17.2'
const START_MS = 120_000

export interface MlflowServer {
  readonly url: string
  readonly pid: number
  /** From spawning to the first answer of status 200, seconds. */
  readonly startSeconds: number
  stop(): Promise<void>
}

/** The interpreter of an environment with the client and the server. */
export function mlflowPython(): Promise<string> {
  return testEnv([PACKAGE])
}

/** Starts it on a free port in a temporary folder; resolves once it answers. The environment is built on first use. */
export async function startMlflow(): Promise<MlflowServer> {
  const python = await mlflowPython()
  const folder = mkdtempSync(join(tmpdir(), 'bench-mlflow-'))
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const began = performance.now()
  // a group of its own, so that its workers end with it
  const child = spawn(python, ['-m', 'mlflow', 'server', '--host', '127.0.0.1', '--port', String(port)], {
    cwd: folder,
    detached: true,
    stdio: 'ignore',
    env: { ...process.env, MLFLOW_DISABLE_TELEMETRY: 'true' },
  })
  process.once('exit', () => killGroup(child))
  const stop = async (): Promise<void> => {
    await endGroup(child)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await answering(`${url}/health`, child)
  } catch (error) {
    await stop()
    throw error
  }
  return { url, pid: child.pid ?? 0, startSeconds: (performance.now() - began) / 1000, stop }
}

async function answering(url: string, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + START_MS
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`mlflow server ended with ${child.exitCode}`)
    const ok = await fetch(url).then(
      (response) => response.ok,
      () => false,
    )
    if (ok) return
    await sleep(50)
  }
  throw new Error(`mlflow server did not answer within ${START_MS} ms`)
}

async function endGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  process.kill(-child.pid, 'SIGTERM')
  const late = setTimeout(() => killGroup(child), 10_000)
  await ended
  clearTimeout(late)
}

function killGroup(child: ChildProcess): void {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
    process.kill(-child.pid, 'SIGKILL')
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo
      probe.close(() => resolve(port))
    })
  })
}
