/** The files of a version as one table: batches of rows whose cells are null, texts, numbers or booleans. */
import { problem } from '../../contract/errors.ts'
import { csvSource } from '../../serving/batch/csv-source.ts'
import { isDecimal } from '../../serving/batch/decimals.ts'
import { instantText, isInstant } from '../../serving/batch/instants.ts'
import { bytesText, parquetSource } from '../../serving/batch/parquet-source.ts'
import type { Source, SourceRow } from '../../serving/batch/table.ts'

/** A file of a table that lies here; `name` is what people know it by. */
export interface TableFile {
  readonly path: string
  readonly name: string
  readonly format: 'csv' | 'parquet'
}

export type Cell = null | string | number | boolean

export interface Table {
  readonly columns: readonly string[]
  /** Rows with more or fewer cells than the head, so far; they are filled up or cut. */
  readonly faults: () => number
  /** All rows, in batches. The arrays are the caller's. */
  readonly batches: () => AsyncGenerator<readonly (readonly Cell[])[]>
}

/** Rows that are held at once; of wide tables as many as have so many cells, and of long texts as many as have so many letters. */
const BATCH = 20_000
const BATCH_CELLS = 1_000_000
const BATCH_LETTERS = 16_000_000
/** Rows of a file that are read before anything is known of their texts, and those by which a batch is judged. */
const FIRST = 16
const MOST_COLUMNS = 2000

/** Looks at the heads of the files. Throws `unprocessable` for what is no table, and for files with different columns. */
export async function openTable(files: readonly TableFile[]): Promise<Table> {
  const [first] = files
  if (first === undefined) throw problem('unprocessable', { detail: 'it has no file that is a table' })
  const columns = await namesOf(first)
  if (columns.length > MOST_COLUMNS)
    throw problem('unprocessable', { detail: `it has ${columns.length} columns; at most ${MOST_COLUMNS} are profiled` })
  for (const file of files.slice(1)) {
    const names = await namesOf(file)
    if (names.length !== columns.length || !columns.every((name) => names.includes(name)))
      throw problem('unprocessable', { detail: `"${file.name}" has other columns than "${first.name}"` })
  }
  const seen = { faults: 0 }
  return {
    columns,
    faults: () => seen.faults,
    async *batches() {
      seen.faults = 0
      for (const file of files) yield* rowsOf(file, columns, seen)
    },
  }
}

function open({ path, format }: TableFile): Promise<Source> {
  return format === 'csv' ? csvSource(path) : parquetSource(path)
}

async function namesOf(file: TableFile): Promise<string[]> {
  const source = await open(file)
  await source.close()
  return source.columns.map(({ name }) => name)
}

async function* rowsOf(
  file: TableFile,
  columns: readonly string[],
  seen: { faults: number },
): AsyncGenerator<readonly (readonly Cell[])[]> {
  const source = await open(file)
  try {
    const own = source.columns.map(({ name }) => name)
    const places = columns.map((name) => own.indexOf(name))
    const isSame = places.every((place, i) => place === i)
    const cell = file.format === 'csv' ? csvCell : parquetCell
    const most = Math.min(BATCH, Math.ceil(BATCH_CELLS / Math.max(1, own.length)))
    let count = Math.min(most, FIRST)
    for (let at = source.first, end = false; !end;) {
      const chunk = await source.read(at, count)
      count = Math.min(most, Math.max(1, Math.floor(BATCH_LETTERS / lettersOf(chunk.rows))))
      for (const row of chunk.rows) if (row.fault !== undefined) seen.faults++
      yield chunk.rows.map(({ cells }) => (isSame ? cells.map(cell) : places.map((place) => cell(cells[place]))))
      at = chunk.next
      end = chunk.end
    }
  } finally {
    await source.close()
  }
}

/** Letters and bytes of the longest of some rows. */
function lettersOf(rows: readonly SourceRow[]): number {
  const step = Math.ceil(rows.length / FIRST)
  const some = rows.filter((_, i) => i % step === 0)
  const lengths = some.map(({ cells }) =>
    cells.reduce<number>(
      (sum, cell) => sum + (typeof cell === 'string' || cell instanceof Uint8Array ? cell.length : 0),
      0,
    ),
  )
  return Math.max(1, ...lengths)
}

function csvCell(cell: unknown): Cell {
  return cell === '' ? null : (cell as string)
}

function parquetCell(cell: unknown): Cell {
  if (cell === null || cell === undefined) return null
  if (typeof cell === 'string' || typeof cell === 'number' || typeof cell === 'boolean') return cell
  if (typeof cell === 'bigint') return Number.isSafeInteger(Number(cell)) ? Number(cell) : String(cell)
  if (cell instanceof Uint8Array) return bytesText(cell)
  if (isInstant(cell)) return instantText(cell)
  if (isDecimal(cell)) return cell.decimal
  return cell instanceof Date ? cell.toISOString() : JSON.stringify(cell)
}
