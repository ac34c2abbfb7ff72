/** The result of a row, and the number of it that is judged. */

/** One row's result. `score` is the number that is judged: see `scoreOf`. */
export interface Scored {
  readonly prediction: unknown
  readonly score: number | null
  /** Names of the columns where the model answered with a DataFrame: of the prediction's items, or of the prediction itself. */
  readonly columns?: readonly string[]
}

/**
 * The score of a prediction: a number is its own score; of two class probabilities the second (the positive class); of more,
 * the largest; true and false are 1 and 0; a text or anything else has none.
 */
export function scoreOf(prediction: unknown): number | null {
  if (typeof prediction === 'number') return Number.isFinite(prediction) ? prediction : null
  if (typeof prediction === 'boolean') return prediction ? 1 : 0
  if (typeof prediction === 'bigint') return Number(prediction)
  if (!Array.isArray(prediction) || prediction.length === 0) return null
  if (!prediction.every((item) => typeof item === 'number' && Number.isFinite(item))) return null
  const numbers = prediction as number[]
  if (numbers.length <= 2) return numbers[numbers.length - 1] as number
  return Math.max(...numbers)
}
