/** Quality of labelled predictions by window, version and slice, with intervals and how many labels are there. */
import { DAY_MS } from '../../contract/ids.ts'
import { turnOfLoop } from '../../http/callers/turns.ts'
import { onThread } from '../../jobs/thread.ts'
import type { Db } from '../../store/db.ts'
import { scoredDays } from '../labels/scored.ts'
import type { ScoredDay, ScoredRow } from '../labels/scored.ts'
import { windowFigures } from './figures.ts'
import type { PerformanceItem, WindowQuery } from './figures.ts'
import { packRows } from './packed-rows.ts'
import type { WindowTask } from './packed-rows.ts'

/** Times are ms, event time; `from` inclusive, `to` exclusive. */
export interface PerformanceQuery extends WindowQuery {
  readonly endpoint: string
}

interface Kept {
  /** Tells whether rows or labels of the window changed. */
  readonly state: string
  readonly items: Promise<PerformanceItem[]>
}

/** Figures of windows that did not change since: closed windows are asked for again and again. */
const kept = new WeakMap<Db, Map<string, Kept>>()
const MOST_KEPT = 2000

/** The figures, bucket by bucket, in order of time. `names` gives the inputs of a version, for slices. */
export async function performance(
  db: Db,
  query: PerformanceQuery,
  names: (version: string) => Promise<readonly string[]>,
): Promise<PerformanceItem[]> {
  const { slice, due = Infinity } = query
  const days = await scoredDays(db, { ...query, slice: slice === undefined ? undefined : { name: slice, names } })
  const buckets = Map.groupBy(days, ({ day }) => bucketOf(day * DAY_MS, query.bucket))
  const cache = kept.get(db) ?? new Map<string, Kept>()
  kept.set(db, cache)
  const items: PerformanceItem[] = []
  for (const [start, mine] of buckets) {
    const key = JSON.stringify([start, { ...query, due: 0 }])
    const state = JSON.stringify([
      mine.map(({ day, seq }) => [day, seq]),
      Math.min(due, (mine.at(-1)!.day + 1) * DAY_MS),
    ])
    const before = cache.get(key)
    const known = before?.state === state ? before : { state, items: figuresOf(start, mine, query) }
    if (!cache.has(key) && cache.size >= MOST_KEPT) cache.clear()
    cache.set(key, known)
    try {
      items.push(...(await known.items))
    } catch (error) {
      if (cache.get(key) === known) cache.delete(key)
      throw error
    }
  }
  return items
}

/** So many rows are looked at in one turn of the loop; the figures of more are computed on a thread. */
const AT_ONCE = 5000

async function figuresOf(start: number, days: readonly ScoredDay[], query: WindowQuery): Promise<PerformanceItem[]> {
  if (days.reduce((sum, { rows }) => sum + rows.length, 0) <= AT_ONCE) {
    // many small windows are a long time together
    await turnOfLoop()
    return windowFigures(start, rowsOf(days), query)
  }
  const task: WindowTask = { start, rows: await packRows(days), query }
  return onThread({ file: new URL('./figures-thread.ts', import.meta.url), task, what: 'computes figures of a window' })
}

function rowsOf(days: readonly ScoredDay[]): ScoredRow[] {
  return days.flatMap(({ rows }) => rows)
}

/** Monday, 5 January 1970. */
const FIRST_MONDAY = 4 * DAY_MS

/** Start of the bucket, ms: days, weeks (from Monday) and months in UTC. */
function bucketOf(time: number, bucket: PerformanceQuery['bucket']): number {
  if (bucket === 'all') return 0
  if (bucket === 'day') return Math.floor(time / DAY_MS) * DAY_MS
  if (bucket === 'week') return Math.floor((time - FIRST_MONDAY) / (7 * DAY_MS)) * 7 * DAY_MS + FIRST_MONDAY
  const date = new Date(time)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1)
}
