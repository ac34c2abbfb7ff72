/** Many tests at once: which of them to believe when one in so many of those believed may be wrong. */

/** q-values of Benjamini and Hochberg (1995) in the order of the p-values; NaN stays NaN and does not count. */
export function benjaminiHochberg(ps: readonly number[]): number[] {
  const order = ps.map((p, i) => [p, i] as const).filter(([p]) => !Number.isNaN(p))
  order.sort((a, b) => b[0] - a[0])
  const q = ps.map(() => Number.NaN)
  let smallest = 1
  for (const [rank, [p, i]] of order.entries()) {
    smallest = Math.min(smallest, (p * order.length) / (order.length - rank))
    q[i] = smallest
  }
  return q
}

/** Which hypotheses e-BH (Wang, Ramdas 2022) rejects at false discovery rate alpha; valid under any dependence. */
export function eBenjaminiHochberg(es: readonly number[], alpha: number): boolean[] {
  const sorted = es.toSorted((a, b) => b - a)
  let limit = Infinity
  for (const [i, e] of sorted.entries()) if (e >= es.length / (alpha * (i + 1))) limit = e
  return es.map((e) => e >= limit)
}
