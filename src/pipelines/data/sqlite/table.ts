/** Rows of SQLite as a Parquet file: a value there has a type of its own, and a column here has one. */
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import type { Cell, Column } from './query.ts'
import { NotQueried, type QueryTask } from './task.ts'

/** What is kept in memory of rows that are being sorted, bytes. */
const MEMORY = '512MB'
/** Beyond it a fraction cannot hold every whole number. */
const EXACT = 2n ** 53n

/** What was seen in a column so far. */
interface Seen {
  readonly column: Column
  whole: boolean
  fraction: boolean
  text: boolean
  /** A whole number that no fraction of 64 bits holds. */
  beyond: bigint | undefined
}

type Asked = Pick<QueryTask, 'ordered' | 'time' | 'limit_bytes' | 'into' | 'scratch'>

export interface Written {
  readonly rows: number
  readonly data_at: number | null
}

/** Writes the rows. Throws `NotQueried` for values that have no type in common, for blobs, and for more bytes than there may be. */
export async function writeTable(
  columns: readonly Column[],
  rows: () => Iterable<readonly Cell[]>,
  asked: Asked,
): Promise<Written> {
  const time = asked.time === null ? -1 : columns.findIndex(({ name }) => name === asked.time)
  if (asked.time !== null && time === -1)
    throw new NotQueried({
      refused: `there is no column "${asked.time}", which "time" names; the query gives ${columns.map(({ name }) => `"${name}"`).join(', ')}`,
    })
  const instance = await DuckDBInstance.create(`${asked.scratch}/rows.db`)
  const duck = await instance.connect()
  try {
    await prepare(duck, columns.length, asked.scratch)
    const seen = columns.map((column): Seen => ({
      column,
      whole: false,
      fraction: false,
      text: false,
      beyond: undefined,
    }))
    const count = await stage(duck, seen, { rows: rows(), limit_bytes: asked.limit_bytes })
    const list = seen.map((one, i) => `${valueSql(one, i)} AS ${quoted(one.column.name)}`).join(', ')
    // rows that are equal in every column are one and the same, whichever comes first
    const sorted = `SELECT ${list} FROM staged ${asked.ordered ? '' : 'ORDER BY ALL'}`
    await duck.run(`COPY (${sorted}) TO '${asked.into.replaceAll("'", "''")}' (FORMAT parquet)`)
    return { rows: count, data_at: time === -1 ? null : await newest(duck, time) }
  } finally {
    duck.closeSync()
    instance.closeSync()
  }
}

async function prepare(duck: DuckDBConnection, width: number, scratch: string): Promise<void> {
  await duck.run(`SET memory_limit = '${MEMORY}'`)
  await duck.run('SET threads = 1')
  await duck.run("SET TimeZone = 'UTC'")
  await duck.run(`SET temp_directory = '${scratch.replaceAll("'", "''")}'`)
  // what a value is stored as is known with the last row
  const parts = Array.from({ length: width }, (_, i) => `w${i} BIGINT, f${i} DOUBLE, t${i} VARCHAR`)
  await duck.run(`CREATE TABLE staged (${parts.join(', ')})`)
}

async function stage(
  duck: DuckDBConnection,
  seen: readonly Seen[],
  { rows, limit_bytes }: { readonly rows: Iterable<readonly Cell[]>; readonly limit_bytes: number },
): Promise<number> {
  const appender = await duck.createAppender('staged')
  let [count, bytes] = [0, 0]
  for (const row of rows) {
    for (const [i, one] of seen.entries()) {
      const cell = row[i] ?? null
      bytes += sizeOf(cell)
      note(one, cell)
      if (typeof cell === 'bigint') appender.appendBigInt(cell)
      else appender.appendNull()
      if (typeof cell === 'number') appender.appendDouble(cell)
      else appender.appendNull()
      if (typeof cell === 'string') appender.appendVarchar(cell)
      else appender.appendNull()
    }
    if (bytes > limit_bytes) throw new NotQueried({ over: bytes })
    appender.endRow()
    count++
  }
  appender.closeSync()
  return count
}

function sizeOf(cell: Cell): number {
  if (cell === null) return 1
  return typeof cell === 'string' ? Buffer.byteLength(cell) : 8
}

/** Throws for a blob, and for values that no column holds together. */
function note(seen: Seen, cell: Cell): void {
  if (cell === null) return
  const said = (what: string): NotQueried =>
    new NotQueried({ refused: `the column "${seen.column.name}" of the query has ${what}` })
  if (typeof cell === 'bigint') {
    seen.whole = true
    if (cell > EXACT || cell < -EXACT) seen.beyond ??= cell
  } else if (typeof cell === 'number') seen.fraction = true
  else if (typeof cell === 'string') seen.text = true
  else throw said('bytes (a BLOB), and a table has none; take hex() of it, or leave it out')
  if (seen.text && (seen.whole || seen.fraction))
    throw said(`both texts and numbers, here ${shown(cell)}; CAST it to one of them`)
  if (seen.fraction && seen.beyond !== undefined)
    throw said(`fractions and ${seen.beyond}, which no fraction of 64 bits is equal to; CAST it to one of them`)
}

function shown(cell: string | number | bigint): string {
  return typeof cell === 'string' ? JSON.stringify(cell.slice(0, 100)) : String(cell)
}

/** The values of a column in its one type: what they are, or what is declared of a column without any. */
function valueSql({ column, whole, fraction, text }: Seen, i: number): string {
  if (text) return `t${i}`
  if (fraction) return whole ? `coalesce(f${i}, CAST(w${i} AS DOUBLE))` : `f${i}`
  if (whole) return `w${i}`
  const declared = (column.declared ?? '').toUpperCase()
  // as SQLite itself reads a declared type
  if (declared.includes('INT')) return `w${i}`
  if (/CHAR|CLOB|TEXT/.test(declared)) return `t${i}`
  return /REAL|FLOA|DOUB/.test(declared) ? `f${i}` : `t${i}`
}

/** The largest time of a column: a text as of ISO 8601, in UTC where it says no zone, or seconds since 1970. */
async function newest(duck: DuckDBConnection, i: number): Promise<number | null> {
  const at = `coalesce(epoch_ms(TRY_CAST(t${i} AS TIMESTAMPTZ)), TRY_CAST(coalesce(f${i}, w${i}) * 1000 AS BIGINT))`
  const [[found] = []] = (await duck.runAndReadAll(`SELECT max(${at}) FROM staged`)).getRows()
  return typeof found === 'bigint' ? Number(found) : null
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
