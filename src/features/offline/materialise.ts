/** What a moment sees of every entity of a view, from its source: the rows of a set of the online store, and the tiles of its windows. */
import type { DuckDBConnection } from '@duckdb/node-api'
import { quoted } from '../as-of/statement.ts'
import {
  EMPTY_TILE,
  mergeTiles,
  smallest,
  tileOf,
  tileOfValue,
  windowStart,
  type Tile,
  type Value,
} from '../as-of/windows.ts'
import type { View, WindowFeature } from '../definitions/definitions.ts'
import { entityText } from '../online/keys.ts'
import { MOST_TEXT } from '../online/pack.ts'
import { ColumnError } from './columns.ts'
import type { SourceRow, SourceTile } from '../online/source-rows.ts'
import { viewRowsSql, windowColumn, type Files } from './load.ts'
import { originOf, requireOneStatement, values } from './origin.ts'
import { statisticsOf, type MadeStatistics } from './statistics.ts'

export interface Materialisation {
  readonly view: View
  readonly sources: Readonly<Record<string, Files>>
  /** The moment, ns: what happened or became known later is left out. */
  readonly until: bigint
  /** Takes some of what was found; what it is given is nowhere else. */
  readonly take: (
    found: { readonly rows: readonly SourceRow[] } | { readonly tiles: readonly SourceTile[] },
  ) => void | Promise<void>
}

export interface Materialised {
  readonly rows: number
  readonly tiles: number
  /** Rows of the source whose key is null, which no entity has. */
  readonly without_key: number
  /** Rows of the source that happen, or become known, after the moment. */
  readonly later: number
  readonly statistics: MadeStatistics
}

const MS = 1_000_000n

/** Rows that are handed over at once, if there are so many: each time costs a wait for the disk, and keeps what is pushed waiting meanwhile. */
const TAKEN_AT_ONCE = 2000

/** Throws `ColumnError`, or an error of DuckDB, whose messages name what does not fit. */
export async function materialise(
  duck: DuckDBConnection,
  { view, sources, until, take }: Materialisation,
): Promise<Materialised> {
  await requireOneStatement(duck, view)
  const from = await originOf(duck, view, sources)
  await duck.run(`CREATE TEMP TABLE source AS ${viewRowsSql(view, from)}`)
  const keyed = view.keys.map(({ name }) => `${quoted(name)} IS NOT NULL`).join(' AND ') || 'TRUE'
  const seen = `event <= ${until} AND created <= ${until}`
  const [[without = 0n, later = 0n] = []] = await values(
    duck,
    `SELECT count(*) FILTER (WHERE NOT (${keyed})), count(*) FILTER (WHERE (${keyed}) AND NOT (${seen})) FROM source`,
  )
  const where = `${keyed} AND ${seen}`
  await duck.run(`CREATE TEMP TABLE newest AS ${newestSql(view, where)}`)
  const rows = await takeRows(duck, view, (some) => take({ rows: some }))
  const statistics = await statisticsOf(duck, { view, rows: 'source', newest: 'newest', until })
  await duck.run('DROP TABLE newest')
  const tiles = await takeTiles(duck, { view, where, until }, (some) => take({ tiles: some }))
  await duck.run('DROP TABLE source')
  return { rows, tiles, without_key: Number(without), later: Number(later), statistics }
}

/** The number of the last row of each entity: the search carries three numbers alone, and values are read by it afterwards. */
function newestSql(view: View, where: string): string {
  const keys = view.keys.map(({ name }) => quoted(name))
  const group = keys.length === 0 ? '' : `GROUP BY ${keys.join(', ')}`
  return `SELECT latest.arrival AS arrival FROM (SELECT max(struct_pack(event := event, created := created, arrival := arrival)) AS latest FROM source WHERE ${where} ${group})`
}

/** The last row of each entity. */
async function takeRows(
  duck: DuckDBConnection,
  view: View,
  take: (rows: SourceRow[]) => void | Promise<void>,
): Promise<number> {
  const keys = view.keys.map(({ name }) => quoted(name))
  const columns = [...keys, ...view.features.map(({ name }) => quoted(name))].map((column) => `s.${column}`)
  const sql = `SELECT ${['s.event', 's.created', 's.arrival', ...columns].join(', ')} FROM source AS s SEMI JOIN newest AS l ON s.arrival = l.arrival`
  let count = 0
  let found: SourceRow[] = []
  const hand = async (): Promise<void> => {
    const some = found
    found = []
    if (some.length > 0) await take(some)
  }
  // chunks are small: of most rows of the source nothing is left
  await eachChunk(duck, sql, async (rows) => {
    count += rows.length
    for (const row of rows) found.push(...sourceRows(view, row))
    if (found.length >= TAKEN_AT_ONCE) await hand()
  })
  await hand()
  return count
}

/** A row as it was found; none where a part of its key is null. */
function sourceRows(view: View, [event, created, arrival, ...rest]: readonly Value[]): SourceRow[] {
  const entity = entityText(view.keys, rest.slice(0, view.keys.length))
  if (entity === null) return []
  const values = rest
    .slice(view.keys.length)
    .map((value, i) => (view.features[i]?.type === 'time' ? value : smallest(storable(value, view.features[i]?.name))))
  return [{ entity, event: event as bigint, created: created as bigint, arrival: arrival as bigint, values }]
}

interface Tiling {
  readonly view: View
  readonly where: string
  readonly until: bigint
}

/** Tiles of all windows that reach back from `until` on; those of one entity follow each other, so that one of each step is open. */
async function takeTiles(
  duck: DuckDBConnection,
  { view, where, until }: Tiling,
  take: (tiles: SourceTile[]) => void | Promise<void>,
): Promise<number> {
  let count = 0
  for (const [step_ms, windows] of Map.groupBy(view.windows, (window) => window.step_ms)) {
    const step = BigInt(step_ms) * MS
    const over = BigInt(Math.max(...windows.map(({ over_ms }) => over_ms))) * MS
    const from = windowStart(until, { over, step })
    const keys = view.keys.map(({ name }) => quoted(name))
    const columns = windows.map(({ name, column }) => (column === null ? 'TRUE' : quoted(windowColumn(name))))
    const order = [...keys, 'event'].join(', ')
    const sql = `SELECT ${['event', 'created', 'arrival', ...keys, ...columns].join(', ')} FROM source WHERE ${where} AND event >= ${from} ORDER BY ${order}`
    let open: SourceTile | undefined
    await eachChunk(duck, sql, async (rows) => {
      const closed: SourceTile[] = []
      for (const [event, created, arrival, ...rest] of rows) {
        const entity = entityText(view.keys, rest.slice(0, keys.length)) ?? ''
        const stamp = { event: event as bigint, created: created as bigint, arrival: arrival as bigint }
        const own = rest.slice(keys.length).map((value, i) => tileOfWindow(windows[i], value, stamp))
        const tile = tileOf(stamp.event, step)
        if (open === undefined || open.entity !== entity || open.tile !== tile) {
          if (open !== undefined) closed.push(open)
          open = { entity, step, tile, tiles: own }
        } else open = { ...open, tiles: open.tiles.map((one, i) => mergeTiles(one, own[i] ?? EMPTY_TILE)) }
      }
      count += closed.length
      await take(closed)
    })
    if (open !== undefined) {
      count += 1
      await take([open])
    }
  }
  return count
}

function tileOfWindow(
  window: WindowFeature | undefined,
  value: Value,
  stamp: Pick<SourceRow, 'event' | 'created' | 'arrival'>,
): Tile {
  if (window === undefined) return EMPTY_TILE
  return tileOfValue(window.take, window.of === 'time' ? value : smallest(storable(value, window.name)), stamp)
}

/** Throws `ColumnError` for a text that is too long to be read each time. */
function storable(value: Value, feature: string | undefined): Value {
  if (typeof value !== 'string' || value.length <= MOST_TEXT) return value
  throw new ColumnError(
    `"${feature}" has a text of ${value.length} characters in a row, and at most ${MOST_TEXT} were expected`,
  )
}

async function eachChunk(duck: DuckDBConnection, sql: string, use: (rows: Value[][]) => Promise<void>): Promise<void> {
  const stream = await duck.stream(sql)
  for (let chunk = await stream.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await stream.fetchChunk())
    await use(chunk.getRows() as Value[][])
}
