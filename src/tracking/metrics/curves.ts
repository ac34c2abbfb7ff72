/** One metric of many runs as curves: whole where they are short, thinned by the database where they are long. */
import type { z } from 'zod'
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { RunCurve } from '../../contract/tracking/run-table.ts'
import { wireValue } from '../context/points.ts'
import type { Tracking } from '../context/context.ts'
import { requireRun } from '../runs/runs.ts'
import { inList, raw, searchAll, sql } from '../../store/sql/sql.ts'
import type { Sql } from '../../store/db.ts'

export interface CurvesAsked {
  readonly ids: readonly string[]
  readonly key: string
  /** Bounds of the steps, both included; absent = open. */
  readonly from_step?: number | undefined
  readonly to_step?: number | undefined
  /** Of each run, ≥ 4. */
  readonly max_points: number
}

type Curve = z.output<typeof RunCurve>

interface Extent {
  readonly run_id: string
  readonly n: number
  readonly low: number
  readonly high: number
  readonly first: number
  readonly last: number
}

interface Point {
  readonly run_id: string
  readonly step: number
  readonly timestamp: number
  readonly value: number
  readonly is_nan: number
}

/**
 * The curves in the order of the ids, points by step. A curve with more than `max_points` points is cut into equal ranges of
 * steps (of time, when all steps are the same), each of which gives its least and its greatest value; NaN is then left out.
 * Throws RESOURCE_DOES_NOT_EXIST for a run that the caller does not see, and `invalid_field` for an empty range.
 */
export async function readCurves(room: Tracking, who: Principal, asked: CurvesAsked): Promise<Curve[]> {
  const { from_step: from, to_step: to } = asked
  if (from !== undefined && to !== undefined && from > to) {
    throw problem('invalid_field', { field: 'query.to_step', value: to, expected: `at least from_step, ${from}` })
  }
  const ids = [...new Set(asked.ids)]
  for (const id of ids) await requireRun(room.db, who, id)
  const extents = await searchAll<Extent>(
    room.db,
    sql`SELECT run_id, COUNT(*) AS n, MIN(step) AS low, MAX(step) AS high, MIN(timestamp) AS first, MAX(timestamp) AS last
      FROM metric_history WHERE ${points(ids, asked)} GROUP BY run_id`,
  )
  const long = extents.filter((one) => one.n > asked.max_points)
  const short = extents.filter((one) => one.n <= asked.max_points)
  const [whole, thinned] = await Promise.all([wholeCurves(room, short, asked), thinCurves(room, long, asked)])
  const found = Map.groupBy([...whole, ...thinned], (point) => point.run_id)
  const totals = new Map(extents.map((one) => [one.run_id, one.n]))
  return ids.map((id) => {
    const own = found.get(id) ?? []
    return {
      id,
      total: totals.get(id) ?? 0,
      steps: own.map((point) => point.step),
      times: own.map((point) => point.timestamp),
      values: own.map(wireValue),
    }
  })
}

function points(ids: readonly string[], { key, from_step, to_step }: CurvesAsked): Sql {
  const above = from_step === undefined ? raw('') : sql` AND step >= ${from_step}`
  const below = to_step === undefined ? raw('') : sql` AND step <= ${to_step}`
  return sql`run_id IN ${inList(ids)} AND key = ${key}${above}${below}`
}

async function wholeCurves(room: Tracking, extents: readonly Extent[], asked: CurvesAsked): Promise<Point[]> {
  if (extents.length === 0) return []
  const ids = extents.map((one) => one.run_id)
  return searchAll<Point>(
    room.db,
    sql`SELECT run_id, step, timestamp, value, is_nan FROM metric_history WHERE ${points(ids, asked)}
      ORDER BY run_id, step, timestamp, value`,
  )
}

interface Bucket {
  readonly run_id: string
  readonly low: number
  readonly high: number
  readonly first: number
  readonly last: number
  readonly least: number
  readonly greatest: number
  readonly mean: number
}

/** The grids are the program's own numbers, so that both engines divide whole numbers. */
async function thinCurves(room: Tracking, extents: readonly Extent[], asked: CurvesAsked): Promise<Point[]> {
  const curves = await Promise.all(
    extents.map((extent) => {
      const [column, start, end]: [string, number, number] =
        extent.low < extent.high ? ['step', extent.low, extent.high] : ['timestamp', extent.first, extent.last]
      const width = Math.max(1, Math.ceil((end - start + 1) / Math.floor(asked.max_points / 2)))
      const place = raw(`(${column} - (${start})) / ${width}`)
      return searchAll<Bucket>(
        room.db,
        sql`SELECT MIN(run_id) AS run_id, MIN(step) AS low, MAX(step) AS high, MIN(timestamp) AS first,
            MAX(timestamp) AS last, MIN(value) AS least, MAX(value) AS greatest, AVG(value) AS mean
          FROM metric_history WHERE ${points([extent.run_id], asked)} AND is_nan = 0
          GROUP BY ${place} ORDER BY low, first`,
      )
    }),
  )
  return curves.flatMap(drawn)
}

/** The least and the greatest of each part, in the order in which the curve moves: a falling one begins with its greatest. */
function drawn(buckets: readonly Bucket[]): Point[] {
  return buckets.flatMap((bucket, i) => {
    const { run_id, low, high, first, last, least, greatest } = bucket
    const before = buckets[i - 1]?.mean ?? buckets[i + 1]?.mean ?? bucket.mean
    const rises = i === 0 ? before >= bucket.mean : before <= bucket.mean
    const [one, two] = rises ? [least, greatest] : [greatest, least]
    const start = { run_id, step: low, timestamp: first, value: one, is_nan: 0 }
    if (low === high && first === last && least === greatest) return [start]
    return [start, { run_id, step: high, timestamp: last, value: two, is_nan: 0 }]
  })
}
