/** What one durable `log-metric` costs over HTTP, beside the unmodified `mlflow server` where that is asked for. */
import { join } from 'node:path'
import { startTestServer } from '../../test/server.ts'
import { syncTime } from '../load/disk-sync.ts'
import { measured, said, started } from '../load/loaded.ts'
import type { Loaded } from '../load/loaded.ts'
import { peerOptions, startMlflow } from '../load/mlflow.ts'
import { familyOf } from '../load/process.ts'
import { COMPILED } from '../program/serve.ts'
import { ms } from '../table.ts'
import type { Options, Row } from '../table.ts'

const CLIENTS = [1, 16, 64] as const

/** A server that takes MLflow's calls. */
export interface Tracker {
  readonly url: string
  readonly pid: number
  readonly headers: Readonly<Record<string, string>>
}

/** Rows for 1, 16 and 64 clients. */
export async function logMetric(options: Options): Promise<Row[]> {
  const floor = await bareHttp(options)
  const sync = await syncTime()
  const own = await ours(options)
  const peer = options.peers ? await theirs(peerOptions(options)) : undefined
  return CLIENTS.map((clients, i) => rowOf(own[i] as Loaded, { clients, floor, sync, peer: peer?.[i] }))
}

interface Beside {
  readonly clients: number
  readonly floor: Loaded
  /** A disk sync, ms. */
  readonly sync: number
  readonly peer: Loaded | undefined
}

function rowOf(own: Loaded, { clients, floor, sync, peer }: Beside): Row {
  const ratio = peer === undefined ? undefined : own.perSecond / peer.perSecond
  const judged = clients === 64
  const floorSaid = `node:http alone ${Math.round(floor.cpuUs)} µs CPU`
  return {
    name: `log-metric, durable, ${clients} ${clients === 1 ? 'client' : 'clients'}`,
    measured: said(own),
    target: TARGETS[clients] ?? '',
    beside: [
      ...(clients === 1 ? [`a disk sync alone ${ms(sync)}`] : []),
      ...(judged ? [floorSaid] : []),
      ...(peer === undefined ? [] : [`MLflow ${said(peer)}: ${ratio?.toFixed(0)} ×`]),
    ].join('; '),
    ok: reached(clients, own, ratio),
    figures: { clients, ...own, sync, ...(judged && { floor }), ...(peer !== undefined && { peer }) },
  }
}

const TARGETS: Readonly<Record<number, string>> = {
  16: '≥ 30 × MLflow req/s',
  64: '≤ 80 µs CPU, p99 ≤ 25 ms; ≥ 30 × MLflow req/s',
}

/** Null where there is no target, or nothing to compare with. */
function reached(clients: number, own: Loaded, ratio: number | undefined): boolean | null {
  if (clients === 64) return own.cpuUs <= 80 && own.p99 <= 25 && (ratio ?? 30) >= 30 && own.refused === 0
  return clients === 16 && ratio !== undefined ? ratio >= 30 : null
}

/** What the same bodies cost a server that only parses them. */
async function bareHttp(options: Options): Promise<Loaded> {
  const server = await started(join(import.meta.dirname, '../load/floor.ts'))
  try {
    return await measured(server, { path: '/', bodies: pointsOf('0'.repeat(32)), clients: 64 }, options)
  } finally {
    await server.stop()
  }
}

async function ours(options: Options): Promise<Loaded[]> {
  const server = await startTestServer({ env: { NODE_COMPILE_CACHE: COMPILED } })
  try {
    const headers = { Authorization: `Bearer ${server.token}` }
    return await loads({ url: server.url, pid: server.pid, headers }, options)
  } finally {
    await server.stop()
  }
}

async function theirs(options: Options): Promise<Loaded[]> {
  const server = await startMlflow()
  try {
    return await loads({ url: server.url, pid: server.pid, headers: {} }, options)
  } finally {
    await server.stop()
  }
}

async function loads(tracker: Tracker, options: Options): Promise<Loaded[]> {
  const results: Loaded[] = []
  for (const clients of CLIENTS) results.push(await load(tracker, clients, options))
  return results
}

/** A run per load. */
async function load(tracker: Tracker, clients: number, options: Options): Promise<Loaded> {
  const { url, pid, headers } = tracker
  const bodies = pointsOf(await createRun(tracker))
  const target = { port: Number(new URL(url).port), pids: familyOf(pid) }
  return measured(target, { path: '/api/2.0/mlflow/runs/log-metric', headers, bodies, clients }, options)
}

/** Bodies of points of a run: every point is new, four metrics in turn. */
export function pointsOf(run_id: string): (i: number) => string {
  return (i) => JSON.stringify({ run_id, key: `m${i % 4}`, value: i / 7, timestamp: 1_700_000_000_000 + i, step: i })
}

/** Makes a run in the default experiment and gives its id. */
export async function createRun({ url, headers }: Tracker): Promise<string> {
  const response = await fetch(`${url}/api/2.0/mlflow/runs/create`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ experiment_id: '0', start_time: Date.now() }),
  })
  if (!response.ok) throw new Error(`runs/create answered ${response.status}: ${await response.text()}`)
  return ((await response.json()) as { run: { info: { run_id: string } } }).run.info.run_id
}
