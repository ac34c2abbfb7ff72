/** Dot products that add in a given order: the order decides the last bit. lower_dot.py finds which one a machine uses. */

import { fma } from './fma.ts'
import type { DotOrder } from '../form/ir.ts'

/** A dot product of `n` terms: x from `at`, coefficients from `from`. */
export type Dot = (x: Float64Array, at: number, c: Float64Array, terms: Terms) => number

export interface Terms {
  readonly from: number
  readonly n: number
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

/** One running sum, multiply and add fused. */
const fused: Dot = (x, at, c, { from, n }) => fusedFrom(0, 0, { x, at, c, from, n })

interface Row extends Terms {
  readonly x: Float64Array
  readonly at: number
  readonly c: Float64Array
}

/** Adds the terms from `start` on, fused, to a total. */
function fusedFrom(total: number, start: number, { x, at, c, from, n }: Row): number {
  let sum = total
  for (let i = start; i < n; i++) sum = fma(x[at + i]!, c[from + i]!, sum)
  return sum
}

/** Thirty-two fused sums over blocks of thirty-two, folded to sixteen for the block of sixteen left; the rest fused. */
const lanes32Fused: Dot = (x, at, c, { from, n }) => {
  const n16 = n - (n % 16)
  const n32 = n - (n % 32)
  const row = { x, at, c, from, n }
  if (n16 === 0) return fusedFrom(0, 0, row)
  const sums = new Float64Array(32)
  for (let i = 0; i < n32; i++) sums[i % 32] = fma(x[at + i]!, c[from + i]!, sums[i % 32]!)
  const half = new Float64Array(16)
  for (let j = 0; j < 16; j++) {
    const k = 8 * (j >> 2) + (j & 3)
    half[j] = sums[k]! + sums[k + 4]!
  }
  for (let i = n32; i < n16; i++) half[i - n32] = fma(x[at + i]!, c[from + i]!, half[i - n32]!)
  const lane = (j: number): number => half[j]! + half[4 + j]! + half[8 + j]! + half[12 + j]!
  return fusedFrom(lane(0) + lane(2) + (lane(1) + lane(3)), n16, row)
}

/** Whole blocks of four as two fused pairs, each added at once; the rest fused. */
const pairsFused: Dot = (x, at, c, { from, n }) => {
  const whole = n - (n % 4)
  let total = 0
  for (let i = 0; i < whole; i += 2) total += fma(x[at + i]!, c[from + i]!, x[at + i + 1]! * c[from + i + 1]!)
  return fusedFrom(total, whole, { x, at, c, from, n })
}

/** Whole blocks of four as one fused chain each; then a fused pair, then a single. */
const columns4Chain: Dot = (x, at, c, { from, n }) => {
  const whole = n - (n % 4)
  const pair = (i: number): number => fma(x[at + i]!, c[from + i]!, x[at + i + 1]! * c[from + i + 1]!)
  let total = 0
  for (let i = 0; i < whole; i += 4) {
    total += fma(x[at + i + 3]!, c[from + i + 3]!, fma(x[at + i + 2]!, c[from + i + 2]!, pair(i)))
  }
  let rest = whole
  if (n - rest >= 2) {
    total += pair(rest)
    rest += 2
  }
  return rest < n ? total + x[at + rest]! * c[from + rest]! : total
}

/** Two sums: blocks of four pairs from the last pair to the first, then pair by pair. */
const strided2: Dot = (x, at, c, { from, n }) => {
  const sums = [0, 0]
  const whole = n - (n % 8)
  const add = (i: number): void => {
    sums[i % 2] = sums[i % 2]! + x[at + i]! * c[from + i]!
  }
  for (let block = 0; block < whole; block += 8) {
    for (let i = block + 6; i >= block; i -= 2) {
      add(i)
      add(i + 1)
    }
  }
  for (let i = whole; i < n; i++) add(i)
  return sums[0]! + sums[1]!
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
  fused,
  lanes32_fused: lanes32Fused,
  pairs_fused: pairsFused,
  columns4_chain: columns4Chain,
  strided2,
}
