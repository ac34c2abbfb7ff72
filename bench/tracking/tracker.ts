/** A server that takes MLflow's calls, asked one thing after the other. */
import { cpuMsOf, familyOf } from '../load/process.ts'
import { ms } from '../table.ts'

const TIMES = 15
/** Until plans, caches and the compiler have settled. */
const WARM_UP = 5

export interface Tracker {
  readonly url: string
  readonly pid: number
  readonly headers: Readonly<Record<string, string>>
  readonly token: string
}

/** Waits of a caller that asks one thing after the other, ms, and the server's CPU for each, ms. */
export interface Timed {
  readonly p50: number
  readonly worst: number
  readonly cpu: number
}

/** The waits in words. */
export function waits({ p50, worst, cpu }: Timed): string {
  return `p50 ${ms(p50)}, worst ${ms(worst)}, ${ms(cpu)} CPU`
}

/** Asks a few times to warm up, then some times. */
export async function timed(tracker: Tracker, work: () => Promise<unknown>, times = TIMES): Promise<Timed> {
  for (let i = 0; i < WARM_UP; i++) await work()
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

export type Reply = Record<string, unknown>

/** One call; throws for an answer of another status than 200. */
export async function call(tracker: Tracker, method: 'GET' | 'POST', path: string, body?: object): Promise<Reply> {
  const response = await fetch(`${tracker.url}/api/2.0/mlflow/${path}`, {
    method,
    headers: { ...tracker.headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`)
  return (await response.json()) as Reply
}

/** Makes a run; gives its id. */
export async function createRun(tracker: Tracker): Promise<string> {
  const reply = await call(tracker, 'POST', 'runs/create', { experiment_id: '0', start_time: Date.now() })
  return (reply as { run: { info: { run_id: string } } }).run.info.run_id
}
