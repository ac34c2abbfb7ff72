/** What callers notice of a change of versions, and of the death of one of two gateways: requests that failed. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '../src/client/client.ts'
import { servingApi } from '../src/contract/serving.ts'
import type { ControlArguments, ControlReady } from '../test/fixtures/serving-control.ts'
import { startLoad } from '../test/predict-load.ts'
import type { LoadResult } from '../test/predict-load.ts'
import { servingModels } from '../test/serving-models.ts'
import { firstLine, ROOT } from './loaded.ts'
import { familyOf } from './process.ts'
import { thousands } from './table.ts'
import type { Options, Row } from './table.ts'

const CLIENTS = 16
const NAME = 'bench'
const SWAPS = 10
/** Clients of a load that does not fill two cores: what is measured under it is not its own queue. */
const STEADY = 2

interface Running {
  readonly child: ChildProcess
  readonly ready: ControlReady
  readonly bodies: readonly string[]
}

/** Rows of ten swaps and of one kill, each under load; a request whose connection broke is sent once more. */
export async function swap(options: Options): Promise<Row[]> {
  const dataDir = mkdtempSync(join(tmpdir(), 'bench-swap-'))
  const running = await start(dataDir)
  const ended = new Promise((resolve) => running.child.once('exit', resolve))
  try {
    const swapped = await under(running, (deploy) => swaps(deploy, options))
    const asked: Asked[] = []
    const returned = await under(running, (deploy) => rollbacks(running, deploy, asked), STEADY)
    const killed = await under(running, () => killOne(running, options))
    return [
      row(`${SWAPS} swaps of versions under load, ${CLIENTS} clients`, swapped, ''),
      rollbackRow(asked, returned),
      row('kill -9 of one of two gateways under load', killed, `, ${killed.broken} connections broke`),
    ]
  } finally {
    running.child.kill('SIGTERM')
    await ended
    rmSync(dataDir, { recursive: true, force: true })
  }
}

async function start(dataDir: string): Promise<Running> {
  const models = await servingModels()
  const bodies = models.rows.map((row) => {
    const { score: _, ...inputs } = row
    return JSON.stringify({ inputs })
  })
  const versions = { '1': models.files('hgb'), '2': models.files('hgb2') }
  const given: ControlArguments = { dataDir, versions, gateways: 2 }
  const script = join(ROOT, 'test/fixtures/serving-control.ts')
  const child = spawn(process.execPath, [script, JSON.stringify(given)], { stdio: ['ignore', 'pipe', 'inherit'] })
  process.once('exit', () => child.kill('SIGTERM'))
  const ready = JSON.parse(await firstLine(child)) as ControlReady
  const admin = createClient({ url: ready.url, token: ready.tokens.admin })
  const params = { name: NAME }
  await admin.call(servingApi.putEndpoint, { params, body: { project: 'bench', model: 'hgb' } })
  await admin.call(servingApi.deploy, { params, body: { version: '1' } })
  return { child, ready, bodies }
}

type Deploy = (version: string) => Promise<unknown>

/** Does something while the load runs; resolves to what the load met. */
async function under(
  { ready, bodies }: Running,
  work: (deploy: Deploy) => Promise<void>,
  clients = CLIENTS,
): Promise<LoadResult> {
  const admin = createClient({ url: ready.url, token: ready.tokens.admin })
  const load = startLoad({
    url: () => `${ready.gatewayUrl}/v1/endpoints/${NAME}:predict`,
    body: (i) => bodies[i % bodies.length] ?? '',
    headers: { authorization: `Bearer ${ready.tokens.service}` },
    clients,
    retries: 1,
  })
  await sleep(500)
  await work((version) => admin.call(servingApi.deploy, { params: { name: NAME }, body: { version } }))
  await sleep(500)
  return load.stop()
}

async function swaps(deploy: Deploy, options: Options): Promise<void> {
  for (let i = 0; i < SWAPS; i++) {
    await deploy(i % 2 === 0 ? '2' : '1')
    await sleep((options.seconds * 1000) / SWAPS)
  }
}

/** When a rollback was asked for, and the version that it left. */
interface Asked {
  readonly at: number
  readonly left: string
  /** A call of the server that only reads, just before, ms: below it no rollback can be. */
  readonly floor: number
}

const ROLLBACKS = 20

async function rollbacks({ ready }: Running, deploy: Deploy, asked: Asked[]): Promise<void> {
  const admin = createClient({ url: ready.url, token: ready.tokens.admin })
  await deploy('1')
  await deploy('2')
  for (let i = 0; i < ROLLBACKS; i++) {
    await sleep(150)
    const before = performance.now()
    await admin.call(servingApi.getLimits, { params: { name: NAME } })
    const at = performance.now()
    asked.push({ at, left: i % 2 === 0 ? '2' : '1', floor: at - before })
    await admin.call(servingApi.rollbackEndpoint, { params: { name: NAME }, body: {} })
  }
  await sleep(150)
}

/** From the moment at which a rollback is asked for until a caller gets the last answer of the version that is left, over HTTP on both sides. */
function rollbackRow(asked: readonly Asked[], { answers, failed }: LoadResult): Row {
  const took = asked
    .map(({ at, left }, i) => {
      const end = asked[i + 1]?.at ?? Infinity
      const late = answers.filter((one) => one.version === left && one.at >= at && one.at < end)
      return Math.max(0, ...late.map((one) => one.at - at))
    })
    .toSorted((a, b) => a - b)
  const [median, worst] = [took[took.length >> 1] ?? 0, took.at(-1) ?? 0]
  const floor = asked.map((one) => one.floor).toSorted((a, b) => a - b)[asked.length >> 1] ?? 0
  return {
    name: `rollback under load: asked for to last answer of the bad version, ${STEADY} clients`,
    measured: `median ${median.toFixed(1)} ms, worst of ${took.length} ${worst.toFixed(1)} ms; ${failed.length} failed`,
    target: '≤ 50 ms',
    beside: `a call that only reads: ${floor.toFixed(1)} ms`,
    ok: median <= 50 && failed.length === 0,
    figures: { floor_ms: floor, median_ms: median, worst_ms: worst, all_ms: took, failed: failed.length },
  }
}

async function killOne({ child }: Running, options: Options): Promise<void> {
  const gateways = familyOf(child.pid ?? 0).filter((pid) => commandOf(pid).includes('gateway/main.ts'))
  if (gateways.length !== 2 || gateways[0] === undefined) throw new Error(`${gateways.length} gateways run, not 2`)
  process.kill(gateways[0], 'SIGKILL')
  await sleep(options.seconds * 500)
}

function commandOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
}

function row(name: string, { answers, failed, broken }: LoadResult, more: string): Row {
  return {
    name,
    measured: `${failed.length} failed of ${thousands(answers.length + failed.length)}${more}`,
    target: '0 failed',
    beside: '',
    ok: failed.length === 0,
    figures: { requests: answers.length + failed.length, failed: failed.length, broken, first: failed[0] },
  }
}
