/** Scores of a native form on the rows of a hold-out, in the order of the predictions of those rows. */
import { csvRows } from '../../store/csv.ts'
import type { Cell, ScoreNative } from '../context/context.ts'

/** The tables of a candidate, and the folder of the native form that is to score them. */
export interface ScoreTask {
  readonly dir: string
  readonly holdout: Uint8Array
  readonly predictions: Uint8Array
}

/** A hold-out, and for each row of its predictions the row of it; undefined where they are not of the same rows. */
export interface Aligned {
  readonly holdout: Table
  readonly order: readonly number[] | undefined
}

/** Two CSV texts as tables of the same rows. */
export function alignTables(holdout: string, predictions: string): Aligned {
  const table = csvTable(holdout)
  return { holdout: table, order: align(table, csvTable(predictions)) }
}

/** Scores of the rows in the order of the predictions; null where the rows lack an input or are not the same. */
export function scoreAligned(
  { holdout, order }: Aligned,
  dir: string,
  scoreNative: ScoreNative,
): Float64Array<ArrayBuffer> | null {
  if (order === undefined) return null
  const scores = scoreNative(dir, (input, kind) => column(holdout, input, kind), holdout.rows.length)
  return scores === undefined ? null : Float64Array.from(order, (row) => scores[row] ?? Number.NaN)
}

interface Table {
  readonly header: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

function csvTable(text: string): Table {
  const [header = [], ...rows] = csvRows(text)
  return { header, rows }
}

/** For each row of the predictions the row of the hold-out: by id where both have one, else by place. */
function align(holdout: Table, predictions: Table): number[] | undefined {
  const [left, right] = [holdout.header.indexOf('id'), predictions.header.indexOf('id')]
  if (left < 0 || right < 0)
    return holdout.rows.length === predictions.rows.length ? predictions.rows.map((_, i) => i) : undefined
  const places = new Map(holdout.rows.map((row, i) => [row[left] ?? '', i]))
  const order = predictions.rows.map((row) => places.get(row[right] ?? '') ?? -1)
  return order.includes(-1) ? undefined : order
}

function column(table: Table, input: string, kind: 'number' | 'string'): Cell[] | undefined {
  const at = table.header.indexOf(input)
  if (at < 0) return undefined
  return table.rows.map((row) => {
    const cell = row[at] ?? ''
    if (cell === '') return null
    return kind === 'number' ? Number(cell) : cell
  })
}
