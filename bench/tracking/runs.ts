/** Tracking beside the unmodified `mlflow server`: batches, new runs, the real client, history, and search among 100,000 runs. */
import { callsRow, clientCalls } from './client-calls.ts'
import type { Calls } from './client-calls.ts'
import { measured } from '../load/loaded.ts'
import type { Loaded } from '../load/loaded.ts'
import { peerOptions, startMlflow } from '../load/mlflow.ts'
import { familyOf } from '../load/process.ts'
import { POINTS, RUNS, SEARCHES, searchTimes, withRuns } from './searches.ts'
import type { SearchTimes } from './searches.ts'
import { ms, thousands } from '../table.ts'
import type { Options, Row } from '../table.ts'
import { call, createRun, timed, waits } from './tracker.ts'
import type { Timed, Tracker } from './tracker.ts'

const CLIENTS = 16

/** What is measured of both servers. */
interface Figures {
  readonly batch: Loaded
  readonly create: Loaded
  readonly calls: Calls
  readonly pages: Timed
  readonly sampled: Timed
}

/** All rows. Making the runs takes most of the time. */
export async function runs(options: Options): Promise<Row[]> {
  const { own, searched } = await withRuns(undefined, async (tracker, made) => ({
    searched: await searchTimes(tracker, made),
    own: await figuresOf(tracker, made.curve_run_id, options),
  }))
  const peer = options.peers ? await theirs(peerOptions(options)) : undefined
  return [...rowsOf(own, peer), await callsRow(own.calls, peer?.calls), ...searchRows(searched)]
}

function searchRows(times: SearchTimes): Row[] {
  const { filter, ordered, first, deep } = times
  const targets: Partial<Record<keyof SearchTimes, [target: string, ok: boolean]>> = {
    filter: ['p50 ≤ 30 ms', filter.p50 <= 30],
    ordered: ['p50 ≤ 60 ms', ordered.p50 <= 60],
    deep: ['as page 1', deep.p50 <= first.p50 * 1.5 + 2],
  }
  return (Object.keys(SEARCHES) as (keyof SearchTimes)[]).map((search) => {
    const [target, ok] = targets[search] ?? ['', null]
    const name = `runs/search of ${thousands(RUNS)}: ${SEARCHES[search]}`
    return { name, measured: waits(times[search]), target, beside: '', ok, figures: { ...times[search] } }
  })
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
    batch: await load('runs/log-batch', (i) => batchOf(run_id, i)),
    create: await load('runs/create', (i) =>
      JSON.stringify({
        experiment_id: '0',
        run_name: `r${i}`,
        start_time: 1.7e12 + i,
        tags: [{ key: 'mlflow.user', value: 'u' }],
      }),
    ),
    calls: await clientCalls(tracker.url, tracker.token),
    pages: await timed(tracker, () => allPages(tracker, curve), 3),
    sampled: await timed(tracker, () =>
      call(tracker, 'GET', `metrics/get-history-bulk-interval?run_ids=${curve}&metric_key=curve&max_results=500`),
    ),
  }
}

function curvePoint(i: number): object {
  return { key: 'curve', value: i / 7, timestamp: 1e12 + i, step: i }
}

/** Number of the first batch; all have as many digits. */
const FIRST = 100_000_000

/** Stands for the number of the batch. */
const AT = '\u0000'

/** Ten points of each of ten metrics, all later than those of the batch before. */
const METRICS = Array.from(
  { length: 100 },
  (_, j) =>
    `{"key":"m${j % 10}","value":${AT}.${25 * (j % 4)},"timestamp":1700${AT},"step":${AT}${Math.floor(j / 10)}}`,
).join(',')
const PIECES = `","metrics":[${METRICS}]}`.split(AT)

/** The i-th batch, as text: put together from pieces, for a load must cost less than what it measures. */
export function batchOf(run_id: string, i: number): string {
  return `{"run_id":"${run_id}${PIECES.join(String(FIRST + i))}`
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

function rowsOf(own: Figures, peer: Figures | undefined): Row[] {
  const beside = (say: (of: Figures) => string): string => (peer === undefined ? '' : `MLflow ${say(peer)}`)
  const points = (of: Figures): number => of.batch.perSecond * 100
  const batch = (of: Figures): string =>
    `${thousands(points(of))} points/s, ${Math.round(of.batch.cpuUs)} µs CPU a batch, p99 ${ms(of.batch.p99)}`
  const create = (of: Figures): string =>
    `${thousands(of.create.perSecond)} runs/s, ${Math.round(of.create.cpuUs)} µs CPU, p99 ${ms(of.create.p99)}`
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
    row('history of 100,000 points, pages of 25,000', (of) => waits(of.pages), '≤ 1.5 s', own.pages.p50 <= 1500),
    row('the same, 500 samples', (of) => waits(of.sampled), '≤ 30 ms', own.sampled.p50 <= 30),
  ]
}
