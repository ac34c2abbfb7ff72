/** One caller's worst requests beside another caller: what the other waits for searches of control and for the gateway. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { authApi } from '../../src/contract/auth.ts'
import { startTestServer } from '../../test/server.ts'
import type { TestServer } from '../../test/server.ts'
import { COMPILED } from '../program/serve.ts'
import { ms } from '../table.ts'
import type { Options, Row } from '../table.ts'
import type { Answers, Attack } from './attacker.ts'
import { makeRuns } from './hundred-thousand.ts'
import type { Made } from './hundred-thousand.ts'
import { RUNS } from './searches.ts'

/** Bad requests under way at once. */
const AT_ONCE = 4
/** How long it is looked on for each second that a load is counted, ms. */
const LOOK_MS = 1500

/** Points of the longest curve that is read whole. */
const MOST_POINTS = 1_000_000

interface Bad {
  readonly path: string
  readonly body?: () => string
  /** Under way at once. */
  readonly atOnce?: number
}

const native = (filter: string): string => `/v1/runs?filter=${encodeURIComponent(filter)}`
const many = (count: number, one: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => one(i)).join(' OR ')
const PATTERN = '(?:r?u?n?-?[0-9]?){30}(?:[a-z-]{1,20}){20}x$'
const DEEP = 8_000_000

/** What a viewer, or at the end a contributor, may send. */
function worstRequests({ experiment_id, curve_run_id }: Made): Readonly<Record<string, Bad>> {
  const search = (more: object): Bad => ({
    path: '/api/2.0/mlflow/runs/search',
    body: () => JSON.stringify({ experiment_ids: [experiment_id], ...more }),
  })
  const sort = ['metrics.acc', 'metrics.loss', 'metrics.auc', 'params.lr', 'params.model', 'tags.team', 'params.seed']
  return {
    nothing: { path: '', atOnce: 0 },
    'twenty regular expressions': { path: native(many(20, (i) => `attributes.run_name RLIKE '${PATTERN}${i}'`)) },
    'a hundred LIKE': { path: native(many(100, (i) => `params.model LIKE '%n%e%t%${i}%x'`)) },
    'a sort by seven keys': search({ order_by: sort, max_results: 1000 }),
    'fifty thousand runs whole': search({ max_results: 50_000 }),
    'a long curve whole': { path: `/api/2.0/mlflow/metrics/get-history?run_id=${curve_run_id}&metric_key=curve` },
    'a curve of a million points': { path: `/v1/runs/${curve_run_id}/metrics?key=curve` },
    'ten thousand experiments': search({ experiment_ids: Array.from({ length: 10_000 }, (_, i) => `${i + 10}`) }),
    'deep JSON': { path: '/api/2.0/mlflow/runs/log-inputs', body: () => '['.repeat(DEEP) + ']'.repeat(DEEP) },
    'two million values': {
      path: '/api/2.0/mlflow/runs/log-inputs',
      body: () => `{"datasets":[${'{},'.repeat(1_990_000)}{}]}`,
    },
    'a flood of 64 connections': { path: `/api/2.0/mlflow/runs/get?run_id=${curve_run_id}`, atOnce: 64 },
  }
}

/** One row a request. */
export async function worst({ seconds }: Options): Promise<Row[]> {
  const data = mkdtempSync(join(tmpdir(), 'bench-worst-'))
  try {
    const made = await makeRuns({ dataDir: data, runs: RUNS, points: MOST_POINTS })
    return await worstOf(data, made, seconds * LOOK_MS)
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
}

/** The same in a data folder that is there; each row looks on for `forMs`. */
async function worstOf(data: string, made: Made, forMs: number): Promise<Row[]> {
  const server = await startTestServer({ data, gateways: 1, env: { NODE_COMPILE_CACHE: COMPILED } })
  try {
    const tokenOf = async (name: string, role: 'viewer' | 'contributor'): Promise<string> =>
      (await server.client.call(authApi.createToken, { body: { name, role } })).token
    const [bad, good] = [await tokenOf('bad', 'contributor'), await tokenOf('good', 'viewer')]
    const rows: Row[] = []
    for (const [name, request] of Object.entries(worstRequests(made)))
      rows.push(rowOf(name, await beside(server, { bad, good, request, made, forMs })))
    return rows
  } finally {
    await server.stop()
  }
}

interface Beside {
  readonly searches: readonly number[]
  readonly gateway: readonly number[]
  /** Answers of the bad requests, by status. */
  readonly answers: Answers
}

async function beside(
  server: TestServer,
  { bad, good, request, made, forMs }: { bad: string; good: string; request: Bad; made: Made; forMs: number },
): Promise<Beside> {
  const given: Attack = {
    url: server.url + request.path,
    token: bad,
    body: request.body && Buffer.from(request.body()),
    atOnce: request.atOnce ?? AT_ONCE,
    forMs,
  }
  const worker = new Worker(new URL('./attacker.ts', import.meta.url), { workerData: given, execArgv: [] })
  const answers = once(worker, 'message') as Promise<[Answers]>
  await once(worker, 'online')
  const until = performance.now() + forMs
  const body = JSON.stringify({ experiment_ids: [made.experiment_id], filter: 'metrics.acc > 0.5', max_results: 20 })
  const [searches, gateway] = await Promise.all([
    waits(until, () => ask(`${server.url}/api/2.0/mlflow/runs/search`, good, body)),
    waits(until, () => ask(`${server.gatewayUrl}/v2/health/live`, good)),
  ])
  const [told] = await answers
  return { searches, gateway, answers: told }
}

async function ask(url: string, token: string, body?: string): Promise<void> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const reply = await fetch(url, body === undefined ? { headers } : { method: 'POST', headers, body })
  if (!reply.ok) throw new Error(`${url} answered ${reply.status}: ${await reply.text()}`)
  await reply.arrayBuffer()
}

/** How long each call took, one after the other with a short pause, until the time is over. */
async function waits(until: number, call: () => Promise<unknown>): Promise<number[]> {
  const taken: number[] = []
  while (performance.now() < until) {
    const began = performance.now()
    await call()
    taken.push(performance.now() - began)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return taken.sort((one, other) => one - other)
}

const share = (sorted: readonly number[], part: number): number =>
  sorted[Math.ceil(sorted.length * part) - 1] ?? Number.NaN

function rowOf(name: string, { searches, gateway, answers }: Beside): Row {
  const [search, live] = [share(searches, 0.99), share(gateway, 0.99)]
  return {
    name: `another caller beside ${name}`,
    measured: `search p50 ${ms(share(searches, 0.5))}, p99 ${ms(search)}; gateway p99 ${ms(live)}; answers ${JSON.stringify(answers)}`,
    target: 'p99 < 250 ms',
    beside: '',
    ok: search < 250 && live < 250,
    figures: { search_p50_ms: share(searches, 0.5), search_p99_ms: search, gateway_p99_ms: live, answers },
  }
}
