/** The table that a reference is learned from: a CSV or a file of Parquet, with a column of the time of each row. */
import type { ColumnData, ParquetParsers } from 'hyparquet'
import { problem } from '../../contract/errors.ts'
import { momentOf, momentText } from '../../contract/text/moments.ts'
import { csvColumns, csvHeader, isParquet } from '../../store/csv.ts'

export interface ReferenceTable {
  /** The moment of each row, ms since 1970. */
  readonly times: Float64Array
  /** The cells of each input as text, in the order of the inputs; an empty text is a missing value. */
  readonly cells: readonly (readonly string[])[]
}

/** The names that the column of times may have; the first that is there counts. Joined features have the second. */
const TIMES = ['event_time', 'event_timestamp'] as const

const DAY_MS = 86_400_000

/** Times are texts, as those that the gateway fills in and those of a CSV are; a Date would cut them to milliseconds. */
const PARSERS: Partial<ParquetParsers> = {
  timestampFromMilliseconds: (since1970) => momentText(since1970 * 1_000_000n),
  timestampFromMicroseconds: (since1970) => momentText(since1970 * 1000n),
  timestampFromNanoseconds: (since1970) => momentText(since1970),
  dateFromDays: (days) => new Date(days * DAY_MS).toISOString().slice(0, 10),
}

/** More cells are not held as text at once. */
const MOST_CELLS = 200_000_000

/**
 * Reads the inputs and the times. Throws `unprocessable` where a column or the rows are missing, where a time cannot be read, and for a
 * file of Parquet that is broken, too large, or has lists in a column of the inputs.
 */
export async function referenceTable(bytes: Uint8Array, inputs: readonly string[]): Promise<ReferenceTable> {
  return isParquet(bytes) ? parquetTable(bytes, inputs) : csvTable(bytes, inputs)
}

/** The same of a CSV alone. */
export function csvTable(bytes: Uint8Array, inputs: readonly string[]): ReferenceTable {
  const time = timeColumn(csvHeader(bytes))
  const [stamps = [], ...cells] = csvColumns(bytes, [time, ...inputs])
  return { times: timesOf(time, stamps), cells }
}

function timeColumn(columns: readonly string[]): string {
  return TIMES.find((name) => columns.includes(name)) ?? TIMES[0]
}

/** Numbers are ms since 1970; texts are times of RFC 3339, in UTC where they name no zone. */
function timesOf(name: string, stamps: readonly string[]): Float64Array {
  const times = Float64Array.from(stamps, timeOf)
  const unread = times.findIndex((time) => !Number.isFinite(time))
  if (times.length > 0 && unread === -1) return times
  const found = unread === -1 ? 'no rows' : `"${(stamps[unread] ?? '').slice(0, 64)}" in row ${unread + 1}`
  throw problem('unprocessable', {
    detail: `the reference table needs rows with ${name} in ms since 1970 or as a time of RFC 3339; it has ${found}`,
  })
}

function timeOf(cell: string): number {
  if (cell === '') return Number.NaN
  const number = Number(cell)
  if (Number.isFinite(number)) return number
  const moment = momentOf(cell)
  return moment === undefined ? Number.NaN : Number(moment / 1_000_000n)
}

async function parquetTable(bytes: Uint8Array, inputs: readonly string[]): Promise<ReferenceTable> {
  const { parquetMetadata, parquetRead, parquetSchema } = await import('hyparquet')
  const { compressors } = await import('hyparquet-compressors')
  try {
    const file = bytes.slice().buffer
    const metadata = parquetMetadata(file)
    const names = parquetSchema(metadata).children.map(({ element }) => element.name)
    const time = timeColumn(names)
    const wanted = [...new Set([time, ...inputs])]
    const missing = wanted.find((name) => !names.includes(name))
    if (missing !== undefined) throw refused(`has no column "${missing}"; it has ${names.join(', ')}`)
    const rows = Number(metadata.num_rows)
    if (rows * wanted.length > MOST_CELLS)
      throw refused(`has ${rows} rows of ${wanted.length} columns; at most ${MOST_CELLS} cells are compared`)
    const columns = new Map(wanted.map((name) => [name, Array.from({ length: rows }, () => '')]))
    // an error that is thrown in onChunk is lost, so that chunks are only gathered there
    const chunks: ColumnData[] = []
    const onChunk = (chunk: ColumnData): void => void chunks.push(chunk)
    await parquetRead({ file, metadata, columns: wanted, compressors, parsers: PARSERS, onChunk })
    for (const chunk of chunks) fill(columns.get(chunk.columnName), chunk)
    return { times: timesOf(time, columns.get(time) ?? []), cells: inputs.map((name) => columns.get(name) ?? []) }
  } catch (error) {
    // the reader throws whatever a broken file makes of it
    if (!(error instanceof Error) || error.name === 'Problem') throw error
    throw refused(`is a file of Parquet that cannot be read: ${error.message}`, error)
  }
}

function fill(column: string[] | undefined, { columnName, columnData, rowStart }: ColumnData): void {
  if (column === undefined) return
  for (let i = 0; i < columnData.length; i++) column[rowStart + i] = textOf(columnName, columnData[i])
}

/** A cell as a CSV would have it. */
function textOf(column: string, value: unknown): string {
  if (value === null || value === undefined || (typeof value === 'number' && Number.isNaN(value))) return ''
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (typeof value === 'object') throw refused(`has lists or groups in its column "${column}"`)
  return typeof value === 'string' ? value : `${value as number | bigint | boolean}`
}

function refused(what: string, cause?: Error): Error {
  return problem('unprocessable', { detail: `the table ${what}` }, cause)
}
