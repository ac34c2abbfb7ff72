/** A control process with gateways in front of three versions, and a load on it while something happens to them. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ifGone } from '../../src/contract/absence/absent.ts'
import { createClient } from '../../src/client/client.ts'
import { servingApi } from '../../src/contract/serving.ts'
import { gatewayFile, isAlive, readJsonFile } from '../../src/gateway/run-files.ts'
import type { GatewayFile } from '../../src/gateway/run-files.ts'
import type { ControlArguments, ControlReady } from '../../test/fixtures/serving-control.ts'
import { startLoad } from '../../test/predict-load.ts'
import type { LoadResult } from '../../test/predict-load.ts'
import { servingModels } from '../../test/serving-models.ts'
import { endWithBench } from '../load/children.ts'
import { firstLine, ROOT } from '../load/loaded.ts'
import { familyOf } from '../load/process.ts'

/** Callers at the same time, each waiting for its answer. */
export const CLIENTS = 16
const NAME = 'bench'

/** Deploys version 1 or 2 (native) or 3 (the first one in Python); resolves with the epoch of its table. */
export type Deploy = (version: string) => Promise<{ readonly epoch: number }>

export interface Running {
  readonly child: ChildProcess
  /** Process ids of the gateways that listen. */
  readonly listening: () => number[]
  /** Does something while the load runs; resolves to what the load met. A request whose connection broke is sent once more, or `retries` times. */
  readonly under: (
    work: (deploy: Deploy) => Promise<void>,
    load?: { clients?: number; retries?: number },
  ) => Promise<LoadResult>
  /** Goes back to the version before. */
  readonly rollBack: () => Promise<unknown>
  /** A call of the control process that only reads. */
  readonly read: () => Promise<unknown>
}

/** Starts it, does the work, and ends it. */
export async function release<T>(
  options: { readonly gateways: number; readonly workers?: number },
  work: (running: Running) => Promise<T>,
): Promise<T> {
  const dataDir = mkdtempSync(join(tmpdir(), 'bench-release-'))
  const { child, ready, bodies } = await start(dataDir, options)
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const admin = createClient({ url: ready.url, token: ready.tokens.admin })
  const deploy: Deploy = (version) => admin.call(servingApi.deploy, { params: { name: NAME }, body: { version } })
  try {
    await admin.call(servingApi.putEndpoint, { params: { name: NAME }, body: { project: 'bench', model: 'hgb' } })
    await deploy('1')
    return await work({
      child,
      listening: () => listening(dataDir, options.gateways),
      rollBack: () => admin.call(servingApi.rollbackEndpoint, { params: { name: NAME }, body: {} }),
      read: () => admin.call(servingApi.getLimits, { params: { name: NAME } }),
      async under(happening, { clients = CLIENTS, retries = 1 } = {}) {
        const load = startLoad({
          url: () => `${ready.gatewayUrl}/v1/endpoints/${NAME}:predict`,
          body: (i) => bodies[i % bodies.length] ?? '',
          headers: { authorization: `Bearer ${ready.tokens.service}` },
          clients,
          retries,
        })
        await sleep(500)
        await happening(deploy)
        await sleep(500)
        return load.stop()
      },
    })
  } finally {
    child.kill('SIGTERM')
    await ended
    rmSync(dataDir, { recursive: true, force: true })
  }
}

async function start(
  dataDir: string,
  options: { readonly gateways: number; readonly workers?: number },
): Promise<{ child: ChildProcess; ready: ControlReady; bodies: readonly string[] }> {
  const models = await servingModels()
  const bodies = models.rows.map((row) => {
    const { score: _, ...inputs } = row
    return JSON.stringify({ inputs })
  })
  const versions = { '1': models.files('hgb'), '2': models.files('hgb2'), '3': models.files('hgb', true) }
  const given: ControlArguments = { dataDir, versions, ...options }
  const script = join(ROOT, 'test/fixtures/serving-control.ts')
  const child = spawn(process.execPath, [script, JSON.stringify(given)], { stdio: ['ignore', 'pipe', 'inherit'] })
  endWithBench(child)
  return { child, ready: JSON.parse(await firstLine(child)) as ControlReady, bodies }
}

/** A gateway writes its file once it listens. */
function listening(dataDir: string, gateways: number): number[] {
  const files = Array.from({ length: gateways }, (_, index) => readJsonFile(gatewayFile(dataDir, index)))
  return (files as (GatewayFile | undefined)[]).flatMap((file) =>
    file !== undefined && isAlive(file.pid, file.start) ? [file.pid] : [],
  )
}

/** Ids of the processes below one whose command line holds a text. */
export function processesOf(child: ChildProcess, text: string): number[] {
  return familyOf(child.pid ?? 0).filter((pid) => commandOf(pid).includes(text))
}

function commandOf(pid: number): string {
  return ifGone(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')) ?? ''
}
