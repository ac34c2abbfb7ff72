/** Scores a table of rows with a lowered model, for comparisons outside the gateway. */
import { loadNative } from './load.ts'

type Cell = number | string | null
type ColumnOf = (input: string, kind: 'number' | 'string') => Cell[] | undefined

/**
 * One score a row: the probability of the second class of a binary classifier, else the (first) prediction. Undefined when an input
 * has no column. Throws what `loadNative` throws, and `invalid_field` for a value that the model refuses.
 */
export function scoreNative(dir: string, columnOf: ColumnOf, rows: number): Float64Array | undefined {
  const model = loadNative(dir)
  const columns = model.inputs.map((input) => columnOf(input.name, input.kind === 'string' ? 'string' : 'number'))
  if (columns.some((column) => column === undefined)) return undefined
  const { probabilities, predictions } = model.predictBatch(columns as Cell[][], rows)
  if (model.targets > 1) return predictions.filter((_, i) => i % model.targets === 0)
  if (probabilities === undefined || rows === 0 || probabilities.length !== 2 * rows) return predictions
  return Float64Array.from({ length: rows }, (_, i) => probabilities[2 * i + 1] ?? Number.NaN)
}
