/** Numbers of the parts of features in words, and what is taken of many measurements. */

/** The nearest one of sorted values. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

export function median(values: readonly number[]): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  )
}

/** How many times as long another takes. */
export function times(theirs: number, ours: number): string {
  return `${Number((theirs / ours).toPrecision(2))} times ours`
}

/** What was thrown, in its first line. */
export function faultOf(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
}
