/** Scores linear models with the additions in the order that the lowering measured. */

import { floats } from './document.ts'
import type { NativeDocument } from './document.ts'
import { fma } from './fma.ts'
import type { DotOrder, LinearIr } from './ir.ts'
import type { Scorer } from './trees.ts'

/** A dot product of `n` terms: x from `at`, coefficients from `from`. */
export type Dot = (x: Float64Array, at: number, c: Float64Array, terms: Terms) => number

export interface Terms {
  readonly from: number
  readonly n: number
}

/** Builds the scorer of a linear model. Throws `unprocessable` when the coefficients do not fit. */
export function linearScorer(
  ir: Pick<LinearIr, 'orders' | 'intercept'>,
  document: NativeDocument,
  width: number,
  prefix = '',
): Scorer {
  const coefficients = floats(document, `${prefix}coefficients`, ir.orders.length * width)
  const dots = ir.orders.map((order) => DOTS[order])
  const terms = dots.map((_, k) => ({ from: k * width, n: width }))
  const score = (x: Float64Array, at: number, out: Float64Array, to: number): void => {
    for (let k = 0; k < dots.length; k++) out[to + k] = dots[k]!(x, at, coefficients, terms[k]!) + ir.intercept[k]!
  }
  return {
    bytes: coefficients.byteLength,
    one: (x, out) => score(x, 0, out, 0),
    many: (x, rows, out) => {
      for (let row = 0; row < rows; row++) score(x, row * width, out, row * dots.length)
    },
  }
}

/** One running sum, each product rounded before it is added. */
const sequential: Dot = (x, at, c, { from, n }) => {
  let total = 0
  for (let i = 0; i < n; i++) total += x[at + i]! * c[from + i]!
  return total
}

/** Sixteen fused sums over blocks of sixteen; the rest one by one. */
const lanes16Fused: Dot = (x, at, c, { from, n }) => {
  const whole = n - (n % 16)
  let total = 0
  if (whole > 0) {
    const sums = new Float64Array(16)
    for (let i = 0; i < whole; i++) sums[i % 16] = fma(x[at + i]!, c[from + i]!, sums[i % 16]!)
    const pair = (v: number, j: number): number => sums[4 * v + j]! + sums[4 * v + j + 2]!
    const half = (j: number): number => pair(0, j) + pair(1, j) + (pair(2, j) + pair(3, j))
    total = half(0) + half(1)
  }
  for (let i = whole; i < n; i++) total += x[at + i]! * c[from + i]!
  return total
}

/** Four or two running sums over whole blocks of four, then a tail with fused products. */
function lanes(count: 2 | 4, fused: boolean): Dot {
  return (x, at, c, { from, n }) => {
    const whole = n - (n % 4)
    const sums = new Float64Array(4)
    for (let i = 0; i < whole; i++) {
      const lane = i % count
      const product = x[at + i]! * c[from + i]!
      sums[lane] = fused ? fma(x[at + i]!, c[from + i]!, sums[lane]!) : sums[lane]! + product
    }
    const total = count === 2 ? sums[0]! + sums[1]! : sums[0]! + sums[2]! + (sums[1]! + sums[3]!)
    return fusedTail(total, x.subarray(at + whole, at + n), c.subarray(from + whole, from + n))
  }
}

function fusedTail(total: number, x: Float64Array, c: Float64Array): number {
  if (x.length === 0) return total
  if (x.length === 1) return fma(x[0]!, c[0]!, total)
  const first = fma(x[0]!, c[0]!, x[1]! * c[1]!)
  return total + (x.length === 2 ? first : fma(x[2]!, c[2]!, first))
}

/** Whole blocks of four added at once, each as two fused pairs; then a pair, then a single. */
const columns4Fused: Dot = (x, at, c, { from, n }) => {
  const whole = n - (n % 4)
  let total = 0
  for (let i = 0; i < whole; i += 4) {
    const even = fma(x[at + i + 2]!, c[from + i + 2]!, x[at + i]! * c[from + i]!)
    total += even + fma(x[at + i + 3]!, c[from + i + 3]!, x[at + i + 1]! * c[from + i + 1]!)
  }
  let rest = whole
  if (n - rest >= 2) {
    total += x[at + rest]! * c[from + rest]! + x[at + rest + 1]! * c[from + rest + 1]!
    rest += 2
  }
  return rest < n ? total + x[at + rest]! * c[from + rest]! : total
}

/** Whole blocks of four as two pairs, each pair added at once; the rest one by one. */
const columns2: Dot = (x, at, c, { from, n }) => {
  const whole = n - (n % 4)
  let total = 0
  for (let i = 0; i < whole; i += 2) total += x[at + i]! * c[from + i]! + x[at + i + 1]! * c[from + i + 1]!
  for (let i = whole; i < n; i++) total += x[at + i]! * c[from + i]!
  return total
}

/** The dot products by the order in which they add. */
export const DOTS: Record<DotOrder, Dot> = {
  sequential,
  lanes16_fused: lanes16Fused,
  lanes4_fused: lanes(4, true),
  lanes4: lanes(4, false),
  lanes2: lanes(2, false),
  columns4_fused: columns4Fused,
  columns2,
}
