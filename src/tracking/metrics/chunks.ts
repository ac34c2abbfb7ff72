/** Metrics on PostgreSQL: points of one metric that come together lie in one row, for the cost of a row outweighs that of its points. */
import type { Sql, SqlValue, Tx } from '../../store/db.ts'
import { stored } from '../context/points.ts'
import type { MetricPoint } from '../context/points.ts'
import type { RunRow } from '../runs/runs.ts'
import type { Element } from '../../store/sql/pg-array.ts'
import { arrayOf, sql } from '../../store/sql/sql.ts'

/** The points of one metric of one run that are written together, by timestamp and step. */
export interface Series {
  readonly run: Pick<RunRow, 'run_id' | 'experiment_id'>
  readonly key: string
  readonly points: readonly MetricPoint[]
}

/** Fewer points than these cost less as rows. NaN is never in a chunk. */
const FEWEST = 4

/** What names a metric of a run. */
export function placeOf(runId: string, key: string): string {
  return `${runId} ${key}`
}

/**
 * Writes what can lie in chunks, and gives what is to be written as rows: few points, and points that a chunk may hold already.
 * `appended` are the metrics whose points all come after those that are there.
 */
export async function writeChunks(t: Tx, series: readonly Series[], appended: ReadonlySet<string>): Promise<Series[]> {
  const chunks: Series[] = []
  const few: Series[] = []
  const old: Series[] = []
  for (const one of series) {
    const numbers = one.points.filter(({ value }) => !Number.isNaN(value))
    if (numbers.length > 0 && !appended.has(placeOf(one.run.run_id, one.key))) old.push(one)
    else if (numbers.length < Math.max(FEWEST, one.points.length)) few.push(one)
    else chunks.push({ ...one, points: distinct(one.points) })
  }
  if (chunks.length > 0) await insertChunks(t, chunks)
  return [...few, ...(old.length === 0 ? [] : await outside(t, old))]
}

/** Of points that are the same only one. */
function distinct(points: readonly MetricPoint[]): MetricPoint[] {
  return points.filter((point, at) => {
    for (let before = at - 1; before >= 0; before--) {
      const other = points[before]
      if (other?.timestamp !== point.timestamp || other.step !== point.step) return true
      if (stored(other.value)[0] === stored(point.value)[0]) return false
    }
    return true
  })
}

/** One value of each row, as an array of the database. */
function column<Row>(type: Element, rows: readonly Row[], of: (row: Row, at: number) => SqlValue): Sql {
  return arrayOf(type, rows.map(of))
}

async function insertChunks(t: Tx, chunks: readonly Series[]): Promise<void> {
  const points = chunks.flatMap((chunk) => chunk.points)
  const ends: number[] = []
  for (const chunk of chunks) ends.push((ends.at(-1) ?? 0) + chunk.points.length)
  const insert = sql`INSERT INTO metric_chunks (run_id, key, first_timestamp, last_timestamp, timestamps, steps, numbers)
    SELECT c.run_id, c.key, c.first_timestamp, c.last_timestamp, p.timestamps[c.low:c.high], p.steps[c.low:c.high], p.numbers[c.low:c.high]
    FROM (SELECT ${column('BIGINT', points, ({ timestamp }) => timestamp)} AS timestamps,
      ${column('BIGINT', points, ({ step }) => step)} AS steps,
      ${column('DOUBLE PRECISION', points, ({ value }) => stored(value)[0])} AS numbers) p,
    unnest(${column('TEXT', chunks, ({ run }) => run.run_id)}, ${column('TEXT', chunks, ({ key }) => key)},
      ${column('BIGINT', chunks, (chunk) => chunk.points[0]?.timestamp ?? 0)},
      ${column('BIGINT', chunks, (chunk) => chunk.points.at(-1)?.timestamp ?? 0)},
      ${column('BIGINT', ends, (end, at) => end - (chunks[at]?.points.length ?? 0) + 1)},
      ${arrayOf('BIGINT', ends)}) AS c (run_id, key, first_timestamp, last_timestamp, low, high)`
  await t.run(insert.text, insert.params)
}

/** What of some metrics lies in no chunk. */
async function outside(t: Tx, series: readonly Series[]): Promise<Series[]> {
  const query = chunkPoints(series)
  const rows = await t.all<{ run_id: string; key: string } & Record<'timestamp' | 'step' | 'value', number>>(
    query.text,
    query.params,
  )
  if (rows.length === 0) return [...series]
  const known = new Set(rows.map((row) => [row.run_id, row.key, row.timestamp, row.step, row.value].join(' ')))
  return series.map((one) => ({ ...one, points: one.points.filter((point) => !known.has(identity(one, point))) }))
}

/** The points in chunks that lie within the time of one of the series. */
function chunkPoints(series: readonly Series[]): Sql {
  return sql`SELECT c.run_id, c.key, p.timestamp, p.step, p.value
    FROM unnest(${column('TEXT', series, ({ run }) => run.run_id)}, ${column('TEXT', series, ({ key }) => key)},
      ${column('BIGINT', series, ({ points }) => points[0]?.timestamp ?? 0)}, ${column('BIGINT', series, ({ points }) => points.at(-1)?.timestamp ?? 0)})
      AS s (run_id, key, first, last)
    JOIN metric_chunks c ON c.run_id = s.run_id AND c.key = s.key AND c.last_timestamp >= s.first AND c.first_timestamp <= s.last
    CROSS JOIN LATERAL unnest(c.timestamps, c.steps, c.numbers) AS p (timestamp, step, value)
    WHERE p.timestamp BETWEEN s.first AND s.last`
}

function identity({ run, key }: Series, { timestamp, step, value }: MetricPoint): string {
  const [number, isNan] = stored(value)
  return isNan === 1 ? '' : [run.run_id, key, timestamp, step, number].join(' ')
}
