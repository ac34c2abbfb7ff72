/** Short ways to write what a gate judges, and figures of rows computed as plainly as can be. */
import assert from 'node:assert/strict'
import type { Gate, GateResult } from '../../contract/registry.ts'
import { prng } from '../../stats/prng.ts'
import type { Evaluation } from './evaluation.ts'
import { judge } from './gates.ts'
import type { Incumbent, Judged } from './inputs.ts'

/** Nothing is known. */
export const NOTHING: Judged = { metrics: {}, evaluation: null, signature: null, data: [], incumbents: {} }

/** Version 1 in production with these metrics. */
export function inProduction(metrics: Readonly<Record<string, number>>): Readonly<Record<string, Incumbent>> {
  return { production: { version: '1', metrics, signature: null } }
}

/** The result of one gate. */
export function judgeOne(gate: Gate, judged: Partial<Judged> = {}): GateResult {
  const [result, ...others] = judge([gate], { ...NOTHING, ...judged })
  assert.ok(result !== undefined && others.length === 0)
  return result
}

/** Rows with scores in (0, 1) that tell something of `y`, the incumbent's a little less; a slice column of `slices` values. */
export function rowsOf(n: number, seed = 1, slices = 2): Evaluation & { readonly incumbent: Float64Array } {
  const random = prng(seed)
  const y = Float64Array.from({ length: n }, (_, i) => (i % 3 === 0 ? 1 : 0))
  const score = y.map((one) => 0.1 + 0.3 * one + 0.5 * random.uniform())
  const incumbent = y.map((one, i) => 0.5 * (score[i] ?? 0) + 0.1 * one + 0.35 * random.uniform())
  return { y, score, incumbent, slices: { group: Array.from({ length: n }, (_, i) => `g${i % slices}`) } }
}

/** Standard normal quantiles from a table. */
export const Z = {
  0.9: 1.2815515655446004,
  0.95: 1.6448536269514722,
  0.975: 1.959963984540054,
  0.99: 2.3263478740408408,
}

/** Mean and standard error of a mean. */
export function meanOf(values: readonly number[]): { mean: number; error: number } {
  const mean = values.reduce((sum, one) => sum + one, 0) / values.length
  const squares = values.reduce((sum, one) => sum + (one - mean) ** 2, 0)
  return { mean, error: Math.sqrt(squares / (values.length - 1) / values.length) }
}

function won(a: number, b: number): number {
  return a > b ? 1 : a === b ? 0.5 : 0
}

/** The area by comparing every positive with every negative, and for each row its share of pairs that are won. */
export function areaOf(scores: ArrayLike<number>, labels: ArrayLike<number>) {
  const all = Array.from(scores)
  const above = all.filter((_, i) => labels[i] === 1)
  const below = all.filter((_, i) => labels[i] !== 1)
  const positives = above.map((a) => below.reduce((sum, b) => sum + won(a, b), 0) / below.length)
  const negatives = below.map((b) => above.reduce((sum, a) => sum + won(a, b), 0) / above.length)
  return { area: meanOf(positives).mean, positives, negatives }
}

/** Fails unless two numbers agree to nine digits. */
export function near(found: number | null | undefined, expected: number, digits = 1e-9): void {
  const close = Math.abs((found ?? Number.NaN) - expected) <= digits * Math.max(1, Math.abs(expected))
  assert.ok(close, `${found} is not ${expected}`)
}
