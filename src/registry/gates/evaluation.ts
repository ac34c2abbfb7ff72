/** What an evaluate step left of the hold-out: a CSV of y, score, the incumbent's score of the same rows, and slice columns. */
import { problem } from '../../contract/errors.ts'
import { csvRows } from '../../store/csv.ts'

/** Labels and scores of a hold-out, of the same length. `y` is 0 or 1 where classes are told apart. */
export interface Scores {
  readonly y: Float64Array
  readonly score: Float64Array
}

/** Columns of the hold-out, all of the same length. */
export interface Evaluation extends Scores {
  /** The incumbent's score of the same rows; null when the step was given none. */
  readonly incumbent: Float64Array | null
  /** Every other column as text. */
  readonly slices: Readonly<Record<string, readonly string[]>>
}

const NUMBERS = new Set(['y', 'score', 'incumbent'])

/**
 * Reads a predictions file: a header with at least `y` and `score`; fields may be quoted as in RFC 4180.
 * Throws `unprocessable` naming the column or line at fault.
 */
export function readEvaluation(csv: string): Evaluation {
  const [header = [], ...rows] = csvRows(csv)
  for (const needed of ['y', 'score']) {
    if (!header.includes(needed))
      throw problem('unprocessable', {
        detail: `the predictions have no column "${needed}"; they have: ${header.join(', ')}`,
      })
  }
  const column = (name: string): string[] => {
    const at = header.indexOf(name)
    return rows.map((row) => row[at] ?? '')
  }
  const incumbent = header.includes('incumbent') ? column('incumbent') : []
  return {
    y: numbers(column('y'), 'y'),
    score: numbers(column('score'), 'score'),
    incumbent: incumbent.length > 0 && incumbent.every((cell) => cell !== '') ? numbers(incumbent, 'incumbent') : null,
    slices: Object.fromEntries(
      header.filter((name) => !NUMBERS.has(name) && name !== 'id').map((name) => [name, column(name)]),
    ),
  }
}

function numbers(cells: readonly string[], name: string): Float64Array {
  return Float64Array.from(cells, (cell, i) => {
    const value = Number(cell)
    if (cell.trim() === '' || !Number.isFinite(value)) {
      throw problem('unprocessable', {
        detail: `the predictions' column "${name}" has "${cell}" on line ${i + 2}; expected a finite number`,
      })
    }
    return value
  })
}
