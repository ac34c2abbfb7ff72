/** Tracking beside the unmodified `mlflow server`: batches, new runs, the real client, history, and search among 100,000 runs. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startTestServer } from '../test/server.ts'
import { makeRuns } from './hundred-thousand.ts'
import type { Made } from './hundred-thousand.ts'
import { measured } from './loaded.ts'
import type { Loaded } from './loaded.ts'
import { mlflowPython, startMlflow } from './mlflow.ts'
import { cpuMsOf, familyOf } from './process.ts'
import { COMPILED } from './serve.ts'
import { ms, thousands } from './table.ts'
import type { Options, Row } from './table.ts'

const RUNS = 100_000
const POINTS = 100_000
const CLIENTS = 16
const TIMES = 15

interface Tracker {
  readonly url: string
  readonly pid: number
  readonly headers: Readonly<Record<string, string>>
  readonly token: string
}

/** What is measured of both servers. */
interface Figures {
  readonly batch: Loaded
  readonly create: Loaded
  readonly clientSeconds: number
  readonly pages: Timed
  readonly sampled: Timed
}

/** Waits of a caller that asks one thing after the other, ms, and the server's CPU for each, ms. */
interface Timed {
  readonly p50: number
  readonly worst: number
  readonly cpu: number
}

/** All rows. Making the runs takes most of the time. */
export async function tracking(options: Options): Promise<Row[]> {
  const data = mkdtempSync(join(tmpdir(), 'bench-tracking-'))
  try {
    const made = await makeRuns({ dataDir: data, runs: RUNS, points: POINTS })
    const server = await startTestServer({ data, env: { NODE_COMPILE_CACHE: COMPILED } })
    const headers = { Authorization: `Bearer ${server.token}` }
    const tracker = { url: server.url, pid: server.pid, headers, token: server.token }
    let own: Figures
    let searched: Row[]
    try {
      searched = await searches(tracker, made)
      own = await figuresOf(tracker, made.curve_run_id, options)
    } finally {
      await server.stop()
    }
    const peer = options.peers ? await theirs(options) : undefined
    return [...rowsOf(own, peer), ...searched]
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
}

async function theirs(options: Options): Promise<Figures> {
  const server = await startMlflow()
  try {
    const tracker = { url: server.url, pid: server.pid, headers: {}, token: '' }
    const run_id = await createRun(tracker)
    for (let from = 0; from < POINTS; from += 1000) {
      const metrics = Array.from({ length: 1000 }, (_, i) => curvePoint(from + i))
      await call(tracker, 'POST', 'runs/log-batch', { run_id, metrics })
    }
    return await figuresOf(tracker, run_id, options)
  } finally {
    await server.stop()
  }
}

async function figuresOf(tracker: Tracker, curve: string, options: Options): Promise<Figures> {
  const run_id = await createRun(tracker)
  const target = { port: Number(new URL(tracker.url).port), pids: familyOf(tracker.pid) }
  const load = (path: string, bodies: (i: number) => string): Promise<Loaded> =>
    measured(target, { path: `/api/2.0/mlflow/${path}`, headers: tracker.headers, bodies, clients: CLIENTS }, options)
  return {
    batch: await load('runs/log-batch', (i) => JSON.stringify({ run_id, metrics: batchOf(i) })),
    create: await load('runs/create', (i) =>
      JSON.stringify({
        experiment_id: '0',
        run_name: `r${i}`,
        start_time: 1.7e12 + i,
        tags: [{ key: 'mlflow.user', value: 'u' }],
      }),
    ),
    clientSeconds: await realClient(tracker),
    pages: await timed(tracker, () => allPages(tracker, curve), 3),
    sampled: await timed(tracker, () =>
      call(tracker, 'GET', `metrics/get-history-bulk-interval?run_ids=${curve}&metric_key=curve&max_results=500`),
    ),
  }
}

function curvePoint(i: number): object {
  return { key: 'curve', value: i / 7, timestamp: 1e12 + i, step: i }
}

function batchOf(i: number): object[] {
  return Array.from({ length: 100 }, (_, j) => ({
    key: `m${j % 10}`,
    value: i + j / 4,
    timestamp: 1.7e12 + i,
    step: i * 10 + Math.floor(j / 10),
  }))
}

async function allPages(tracker: Tracker, run_id: string): Promise<void> {
  let token = ''
  let points = 0
  do {
    const query = new URLSearchParams({ run_id, metric_key: 'curve', max_results: '25000', page_token: token })
    const page = await call(tracker, 'GET', `metrics/get-history?${query.toString()}`)
    points += (page['metrics'] as unknown[]).length
    token = (page['next_page_token'] as string | undefined) ?? ''
  } while (token !== '')
  if (points !== POINTS) throw new Error(`the history has ${points} points`)
}

const SCRIPT = `
import mlflow, time
with mlflow.start_run():
    mlflow.log_metric('warm', 1)
    began = time.time()
    for i in range(1000): mlflow.log_metric('m', i, step=i)
    print(time.time() - began)
`

/** 1,000 calls of log_metric by the unmodified client, one after the other, seconds. */
async function realClient({ url, token }: Tracker): Promise<number> {
  const env = { ...process.env, MLFLOW_TRACKING_URI: url, ...(token !== '' && { MLFLOW_TRACKING_TOKEN: token }) }
  const { stdout } = await promisify(execFile)(await mlflowPython(), ['-c', SCRIPT], { env, timeout: 300_000 })
  return Number(stdout.trim().split('\n')[0])
}

async function searches(tracker: Tracker, made: Made): Promise<Row[]> {
  const find = (more: object) => async () => {
    const asked = { experiment_ids: [made.experiment_id], max_results: 100, ...more }
    return call(tracker, 'POST', 'runs/search', asked)
  }
  const filter = 'metrics.acc > 0.5'
  const ordered = { filter, order_by: ['metrics.loss ASC'] }
  const first = await timed(tracker, find({}))
  const deep = await timed(tracker, find({ page_token: await tokenOfPage(find, 500) }))
  const one = await timed(tracker, find({ filter }))
  const both = await timed(tracker, find(ordered))
  const rare = { filter: 'metrics.acc > 0.9 AND metrics.loss < 0.1 AND metrics.auc < 0.1' }
  return [
    searchRow('a metric filter', one, 'p50 ≤ 30 ms', one.p50 <= 30),
    searchRow('and the order of another metric', both, 'p50 ≤ 60 ms', both.p50 <= 60),
    searchRow('three metrics, 0.1 % of the runs', await timed(tracker, find(rare)), '', null),
    searchRow('page 1', first, '', null),
    searchRow('page 500', deep, 'as page 1', deep.p50 <= first.p50 * 1.5 + 2),
  ]
}

function searchRow(name: string, time: Timed, target: string, ok: boolean | null): Row {
  const full = `runs/search of ${thousands(RUNS)}: ${name}`
  return { name: full, measured: waits(time), target, beside: '', ok, figures: { ...time } }
}

async function tokenOfPage(find: (more: object) => () => Promise<Reply>, page: number): Promise<string> {
  let token = ''
  for (let at = 1; at < page; at++) token = (await find({ page_token: token })())['next_page_token'] as string
  return token
}

function rowsOf(own: Figures, peer: Figures | undefined): Row[] {
  const beside = (say: (of: Figures) => string): string => (peer === undefined ? '' : `MLflow ${say(peer)}`)
  const points = (of: Figures): number => of.batch.perSecond * 100
  const batch = (of: Figures): string =>
    `${thousands(points(of))} points/s, ${Math.round(of.batch.cpuUs)} µs CPU a batch, p99 ${ms(of.batch.p99)}`
  const create = (of: Figures): string =>
    `${thousands(of.create.perSecond)} runs/s, ${Math.round(of.create.cpuUs)} µs CPU, p99 ${ms(of.create.p99)}`
  const client = (of: Figures): string => `${of.clientSeconds.toFixed(1)} s`
  const row = (name: string, say: (of: Figures) => string, target: string, ok: boolean): Row => ({
    name,
    measured: say(own),
    target,
    beside: beside(say),
    ok,
    figures: { own, peer },
  })
  return [
    row(`log-batch of 100 metrics, ${CLIENTS} clients`, batch, '≥ 50,000 points/s', points(own) >= 50_000),
    row(`runs/create, ${CLIENTS} clients`, create, '≥ 2,000 runs/s', own.create.perSecond >= 2000),
    row('1,000 log_metric calls of the mlflow client', client, '≤ 4 s', own.clientSeconds <= 4),
    row('history of 100,000 points, pages of 25,000', (of) => waits(of.pages), '≤ 1.5 s', own.pages.p50 <= 1500),
    row('the same, 500 samples', (of) => waits(of.sampled), '≤ 30 ms', own.sampled.p50 <= 30),
  ]
}

function waits({ p50, worst, cpu }: Timed): string {
  return `p50 ${ms(p50)}, worst ${ms(worst)}, ${ms(cpu)} CPU`
}

/** Asks once to warm up, then some times. */
async function timed(tracker: Tracker, work: () => Promise<unknown>, times = TIMES): Promise<Timed> {
  await work()
  const pids = familyOf(tracker.pid)
  const before = cpuMsOf(pids)
  const taken: number[] = []
  for (let i = 0; i < times; i++) {
    const began = performance.now()
    await work()
    taken.push(performance.now() - began)
  }
  taken.sort((left, right) => left - right)
  const cpu = (cpuMsOf(pids) - before) / times
  return { p50: taken[times >> 1] ?? Number.NaN, worst: taken.at(-1) ?? Number.NaN, cpu }
}

type Reply = Record<string, unknown>

async function call(tracker: Tracker, method: 'GET' | 'POST', path: string, body?: object): Promise<Reply> {
  const response = await fetch(`${tracker.url}/api/2.0/mlflow/${path}`, {
    method,
    headers: { ...tracker.headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`)
  return (await response.json()) as Reply
}

async function createRun(tracker: Tracker): Promise<string> {
  const reply = await call(tracker, 'POST', 'runs/create', { experiment_id: '0', start_time: Date.now() })
  return (reply as { run: { info: { run_id: string } } }).run.info.run_id
}
