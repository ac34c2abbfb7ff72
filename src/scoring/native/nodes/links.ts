/** Turns raw scores into predictions and probabilities, as the links of each library do. */

import { exp } from '../arithmetic/exp.ts'
import { exp32, sigmoid32 } from '../arithmetic/float32.ts'
import type { Decide, Link } from '../form/ir.ts'

/** How a link takes powers of e: Math.exp, or exp of exp.ts where the bits are read on. */
export type Exp = (x: number) => number

/** Logistic function. */
export function sigmoid(x: number, exp: Exp = Math.exp): number {
  return 1 / (1 + exp(-x))
}

/** The prediction of a regressor from its raw score. */
export function regress(link: Link, raw: number): number {
  // V8's exp may lie two units in the last place away from NumPy's with AVX-512; this one is one away at most
  if (link === 'exp') return exp(raw)
  if (link === 'exp32') return exp32(raw)
  if (link === 'sigmoid') return sigmoid(raw)
  if (link === 'sigmoid32') return sigmoid32(raw)
  if (link === 'outlier') return raw < 0 ? -1 : 1
  return raw
}

/** The index of the predicted class for the scores of one row, which start at `at`; for the rule largest_share give the probabilities. */
export function decide(rule: Decide, raw: Float64Array, at: number, outputs: number): number {
  if (rule === 'positive') return raw[at]! > 0 ? 1 : 0
  if (rule === 'not_negative') return raw[at]! >= 0 ? 1 : 0
  let best = 0
  for (let k = 1; k < outputs; k++) if (raw[at + k]! > raw[at + best]!) best = k
  return best
}

/** Whether the class is decided by the probabilities and not by the raw scores: scores that differ can give equal shares. */
export function byShares(rule: Decide): boolean {
  return rule === 'largest_share'
}

/** The raw scores of a row and where its probabilities go. */
export interface Shares {
  readonly raw: Float64Array
  readonly rawAt: number
  readonly outputs: number
  readonly out: Float64Array
  readonly outAt: number
}

/** Writes the class probabilities of one row: two for one raw score, else one a score. */
export function probabilities(link: Link, shares: Shares, exp: Exp = Math.exp): void {
  const { raw, rawAt, outputs, out, outAt } = shares
  if (link === 'sigmoid_softmax') boosted(shares, exp)
  else if (link === 'softmax32') softmax32(shares)
  else if (outputs === 1 && link === 'sigmoid32') {
    const p = sigmoid32(raw[rawAt]!)
    out[outAt] = Math.fround(1 - p)
    out[outAt + 1] = p
  } else if (outputs === 1) {
    const p = sigmoid(link === 'sigmoid2' ? 2 * raw[rawAt]! : raw[rawAt]!, exp)
    out[outAt] = 1 - p
    out[outAt + 1] = p
  } else if (link === 'sigmoid') for (let k = 0; k < outputs; k++) out[outAt + k] = sigmoid(raw[rawAt + k]!, exp)
  else if (link === 'softmax') softmax(shares, exp)
  else if (link === 'one_vs_rest') oneVersusRest(shares, exp)
  else for (let k = 0; k < outputs; k++) out[outAt + k] = raw[rawAt + k]!
}

function softmax({ raw, rawAt, outputs, out, outAt }: Shares, exp: Exp): void {
  let largest = raw[rawAt]!
  for (let k = 1; k < outputs; k++) largest = Math.max(largest, raw[rawAt + k]!)
  let sum = 0
  for (let k = 0; k < outputs; k++) {
    const e = exp(raw[rawAt + k]! - largest)
    out[outAt + k] = e
    sum += e
  }
  for (let k = 0; k < outputs; k++) out[outAt + k] = out[outAt + k]! / sum
}

function oneVersusRest({ raw, rawAt, outputs, out, outAt }: Shares, exp: Exp): void {
  let sum = 0
  for (let k = 0; k < outputs; k++) {
    const p = sigmoid(raw[rawAt + k]!, exp)
    out[outAt + k] = p
    sum += p
  }
  for (let k = 0; k < outputs; k++) out[outAt + k] = sum === 0 ? 1 / outputs : out[outAt + k]! / sum
}

/** Adaptive boosting: softmax of the scores divided by the number of classes less one; one score d stands for -d and d, halved. */
function boosted({ raw, rawAt, outputs, out, outAt }: Shares, exp: Exp): void {
  const scores =
    outputs === 1
      ? Float64Array.of(-raw[rawAt]! / 2, raw[rawAt]! / 2)
      : raw.slice(rawAt, rawAt + outputs).map((score) => score / (outputs - 1))
  softmax({ raw: scores, rawAt: 0, outputs: scores.length, out, outAt }, exp)
}

/** Softmax with every result rounded to float32. */
function softmax32({ raw, rawAt, outputs, out, outAt }: Shares): void {
  let largest = raw[rawAt]!
  for (let k = 1; k < outputs; k++) largest = Math.max(largest, raw[rawAt + k]!)
  let sum = 0
  for (let k = 0; k < outputs; k++) {
    const e = exp32(Math.fround(raw[rawAt + k]! - largest))
    out[outAt + k] = e
    sum += e
  }
  const total = Math.fround(sum)
  for (let k = 0; k < outputs; k++) out[outAt + k] = Math.fround(out[outAt + k]! / total)
}
