/** What a backend said of the rows of a request, whether it came one object a row or as numbers side by side. */
import type { Scored } from './scores.ts'
import { scoreOf } from './scores.ts'

/** Predictions as numbers: one a row, or a list of `width` a row, row-major. */
export interface Numbers {
  readonly data: Float64Array
  readonly width: number | undefined
}

export interface Results {
  readonly count: number
  /** One a row. */
  predictions(): readonly unknown[]
  /** One a row, see `scoreOf`. */
  scores(): readonly (number | null)[]
  /** The predictions where they came as numbers; the scores are then those that `scoreOf` gives. */
  readonly numbers: Numbers | undefined
  /** As in Scored, the same for every row. */
  readonly columns?: readonly string[] | undefined
}

/** Results that came one object a row. */
export function scoredResults(scored: readonly Scored[]): Results {
  const predictions = scored.map((one) => one.prediction)
  const scores = scored.map((one) => one.score)
  const columns = scored[0]?.columns
  return { count: scored.length, predictions: () => predictions, scores: () => scores, numbers: undefined, columns }
}

/** Results of one prediction a row. */
export function listResults(predictions: readonly unknown[]): Results {
  return { count: predictions.length, predictions: () => predictions, scores: () => predictions.map(scoreOf), numbers: undefined } // prettier-ignore
}

/** Results of so many rows that are numbers. */
export function numberResults(count: number, numbers: Numbers): Results {
  const predictions = (): unknown[] => predictionsOf(count, numbers)
  return { count, predictions, scores: () => scoresOf(count, numbers), numbers }
}

/** The predictions of numbers, one a row. */
export function predictionsOf(count: number, { data, width }: Numbers): unknown[] {
  if (width === undefined) return Array.from(data)
  const rows: number[][] = []
  for (let i = 0; i < count; i++) {
    const row: number[] = []
    for (let k = 0; k < width; k++) row.push(data[i * width + k] as number)
    rows.push(row)
  }
  return rows
}

/** What `scoreOf` gives of each. */
export function scoresOf(count: number, numbers: Numbers): (number | null)[] {
  const { data, width } = numbers
  if (width === 2) {
    return Array.from({ length: count }, (_, i) => {
      const [a, b] = [data[2 * i] as number, data[2 * i + 1] as number]
      return Number.isFinite(a) && Number.isFinite(b) ? b : null
    })
  }
  return predictionsOf(count, numbers).map(scoreOf)
}
