/** Gates over slices: every value of a column is judged, and looking at many does not make a false alarm likely. */
import type { Gate, GateResult } from '../contract/registry.ts'
import { benjaminiHochberg } from '../stats/drift.ts'
import { normalCdf, normalQuantile } from '../stats/distributions.ts'
import { aucInterval, compareAuc } from '../stats/metrics.ts'
import type { Evaluation } from './evaluation.ts'
import type { Judged } from './gates.ts'

/** A slice is judged from this many rows on, with both outcomes. */
export const SLICE_ROWS = 200

/** Share of false discoveries among the slices that are called worse. */
const FALSE_DISCOVERY = 0.05

interface SliceFinding {
  readonly value: string
  readonly n: number
  readonly estimate: number
  readonly low: number
  readonly high: number
  /** One-sided chance of so bad a slice if it were just at the limit. */
  readonly p: number
}

/**
 * The gate holds when no slice is significantly beyond its limit: for `not_worse_than` the paired difference of the AUCs is
 * below −margin, for `at_least` the AUC is below the limit; one-sided, Benjamini–Hochberg over the slices.
 */
export function worseSlices(
  gate: Gate & { metric?: string; slice?: string | undefined },
  name: string,
  judged: Judged,
): GateResult {
  const slice = gate.slice ?? ''
  const full = `${name} by ${slice}`
  const blank = {
    gate: { ...gate },
    name: full,
    value: null,
    threshold: null,
    interval: null,
    n: null,
    slice,
    evidence: {},
  }
  const { evaluation } = judged
  const column = evaluation?.slices[slice]
  if (evaluation === null || column === undefined) {
    return { ...blank, outcome: 'no_data', reason: `the evaluation left no predictions with a column "${slice}"` }
  }
  if (gate.metric !== 'roc_auc')
    return { ...blank, outcome: 'no_data', reason: `slices are judged by roc_auc, not by "${gate.metric}"` }
  const limit = limitOf(gate)
  const findings = [...groups(column)].flatMap(([value, rows]) =>
    finding(evaluation, { value, rows }, { limit, paired: 'not_worse_than' in gate }),
  )
  if (findings.length === 0)
    return { ...blank, outcome: 'no_data', reason: `no value of ${slice} has ${SLICE_ROWS} rows with both outcomes` }
  return conclude(blank, findings, limit)
}

function limitOf(gate: Gate): number {
  if ('not_worse_than' in gate) return -gate.margin
  return 'at_least' in gate ? (gate.at_least ?? 0) : 0
}

function groups(column: readonly string[]): Map<string, number[]> {
  const found = new Map<string, number[]>()
  column.forEach((value, i) => {
    const rows = found.get(value)
    if (rows === undefined) found.set(value, [i])
    else rows.push(i)
  })
  return found
}

function finding(
  evaluation: Evaluation,
  slice: { value: string; rows: readonly number[] },
  plan: { limit: number; paired: boolean },
): SliceFinding[] {
  const { rows, value } = slice
  if (rows.length < SLICE_ROWS) return []
  const pick = (from: Float64Array): Float64Array => Float64Array.from(rows, (i) => from[i] ?? Number.NaN)
  const labels = pick(evaluation.y)
  const scores = pick(evaluation.score)
  if (plan.paired && evaluation.incumbent === null) return []
  const got =
    plan.paired && evaluation.incumbent !== null
      ? compareAuc({ a: scores, b: pick(evaluation.incumbent), labels })
      : aucInterval({ scores, labels })
  if (Number.isNaN(got.estimate)) return []
  const error = (got.high - got.low) / (2 * normalQuantile(0.975))
  const p = error > 0 ? normalCdf((got.estimate - plan.limit) / error) : got.estimate < plan.limit ? 0 : 1
  return [{ value, n: rows.length, estimate: got.estimate, low: got.low, high: got.high, p }]
}

function conclude(
  blank: Omit<GateResult, 'outcome' | 'reason'>,
  findings: readonly SliceFinding[],
  limit: number,
): GateResult {
  const q = benjaminiHochberg(findings.map((one) => one.p))
  const bad = findings.filter((one, i) => one.estimate < limit && (q[i] ?? 1) < FALSE_DISCOVERY)
  const worst = findings.reduce((a, b) => (b.estimate < a.estimate ? b : a))
  return {
    ...blank,
    outcome: bad.length === 0 ? 'passed' : 'failed',
    reason:
      bad.length === 0
        ? `none of ${findings.length} slices is beyond ${limit}; the lowest is ${worst.value} with ${worst.estimate.toFixed(4)}`
        : `beyond ${limit}: ${bad.map((one) => `${one.value} (${one.estimate.toFixed(4)}, ${one.n} rows)`).join(', ')}`,
    value: worst.estimate,
    threshold: limit,
    interval: [worst.low, worst.high],
    n: worst.n,
    evidence: { slices: findings },
  }
}
