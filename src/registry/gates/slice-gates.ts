/** Gates over slices: every value of a column is judged, and looking at many does not make a false alarm likely. */
import type { Gate, GateResult } from '../../contract/registry.ts'
import { benjaminiHochberg } from '../../stats/false-discovery.ts'
import { normalCdf, normalQuantile } from '../../stats/distributions.ts'
import { aucInterval, compareAuc } from '../../stats/metrics.ts'
import { holm, meanError } from '../../stats/resample.ts'
import type { Evaluation } from './evaluation.ts'
import { direction, result } from './inputs.ts'
import type { Judged } from './inputs.ts'
import { AUC, influence, isRowMetric, termsOf } from './row-metrics.ts'

/** A slice is judged from this many rows on; by an area, with both outcomes. */
export const SLICE_ROWS = 200

/** Share of false discoveries, or chance of any, among the slices that are called worse. */
const FALSE_CALLS = 0.05

export interface SliceFinding {
  readonly value: string
  readonly n: number
  /** More is better: a metric of which less is better has its sign turned. */
  readonly estimate: number
  readonly low: number
  readonly high: number
  /** One-sided chance of so bad a slice if it were just at the limit. */
  readonly p: number
}

export type SlicedGate = Extract<Gate, { slice?: string | undefined }>

interface Plan {
  readonly metric: string
  readonly paired: boolean
  /** In the units of the findings: more is better. */
  readonly limit: number
}

/**
 * The gate holds when no slice is significantly beyond its limit: for `not_worse_than` the paired difference is below −margin, for
 * `at_least` and `at_most` the metric is beyond the limit. One-sided tests, DeLong's for areas and of means for the rest;
 * corrected over the slices by Benjamini–Hochberg (the slices share no row, so their tests are independent) or by Holm.
 */
export function worseSlices(gate: SlicedGate, name: string, judged: Judged): GateResult {
  const slice = gate.slice ?? ''
  const full = `${name} by ${slice}`
  const none = (reason: string): GateResult => result(gate, full, { outcome: 'no_data', reason, slice })
  const { evaluation } = judged
  const column = evaluation?.slices[slice]
  if (evaluation === null || column === undefined)
    return none(`the evaluation left no predictions with a column "${slice}"`)
  if (!isRowMetric(gate.metric)) return none(`slices are judged by metrics of rows, not by "${gate.metric}"`)
  const plan = planOf(gate)
  if (plan.paired && evaluation.incumbent === null) return none('the incumbent was not scored on the same rows')
  const findings = findingsOf(evaluation, column, plan)
  if (findings.length === 0) return none(`no value of ${slice} has ${SLICE_ROWS} rows that give ${gate.metric}`)
  return conclude({ gate, full, slice }, findings, plan)
}

/** Candidate against incumbent on the values of a column, as a gate without a margin finds them; none without the incumbent's scores. */
export function pairedFindings(evaluation: Evaluation, column: readonly string[], metric: string): SliceFinding[] {
  if (evaluation.incumbent === null || !isRowMetric(metric)) return []
  return findingsOf(evaluation, column, { metric, paired: true, limit: 0 })
}

function findingsOf(evaluation: Evaluation, column: readonly string[], plan: Plan): SliceFinding[] {
  return [...groups(column)].flatMap(([value, rows]) => finding(evaluation, { value, rows }, plan))
}

function planOf(gate: SlicedGate): Plan {
  const { metric } = gate
  if ('not_worse_than' in gate) return { metric, paired: true, limit: -gate.margin }
  return { metric, paired: false, limit: direction(metric) * (gate.at_least ?? gate.at_most ?? 0) }
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
  { value, rows }: { value: string; rows: readonly number[] },
  plan: Plan,
): SliceFinding[] {
  if (rows.length < SLICE_ROWS) return []
  const pick = (from: Float64Array): Float64Array => Float64Array.from(rows, (i) => from[i] ?? Number.NaN)
  const part = {
    labels: pick(evaluation.y),
    scores: pick(evaluation.score),
    incumbent: evaluation.incumbent === null ? null : pick(evaluation.incumbent),
  }
  const got = plan.metric === AUC ? area(part, plan) : mean(part, plan)
  if (Number.isNaN(got.estimate)) return []
  const { estimate, error } = got
  const reach = normalQuantile(0.975) * error
  const p = error > 0 ? normalCdf((estimate - plan.limit) / error) : estimate < plan.limit ? 0 : 1
  return [{ value, n: rows.length, estimate, low: estimate - reach, high: estimate + reach, p }]
}

interface Part {
  readonly labels: Float64Array
  readonly scores: Float64Array
  readonly incumbent: Float64Array | null
}

interface Estimate {
  readonly estimate: number
  readonly error: number
}

function area({ labels, scores, incumbent }: Part, plan: Plan): Estimate {
  const got =
    plan.paired && incumbent !== null
      ? compareAuc({ a: scores, b: incumbent, labels })
      : aucInterval({ scores, labels })
  return { estimate: got.estimate, error: (got.high - got.low) / (2 * normalQuantile(0.975)) }
}

function mean({ labels, scores, incumbent }: Part, { metric, paired }: Plan): Estimate {
  const rows = (of: Float64Array): Float64Array => influence(metric, termsOf(metric, labels, of) ?? new Float64Array(0))
  const [own, other] = [rows(scores), paired && incumbent !== null ? rows(incumbent) : undefined]
  const sign = direction(metric)
  const found = meanError(own.map((one, i) => sign * (one - (other?.[i] ?? 0))))
  return { estimate: found.mean, error: found.error }
}

function conclude(
  of: { gate: SlicedGate; full: string; slice: string },
  findings: readonly SliceFinding[],
  { limit }: Plan,
): GateResult {
  const p = findings.map((one) => one.p)
  const adjusted = of.gate.multiplicity === 'holm' ? holm(p) : benjaminiHochberg(p)
  const bad = findings.filter((one, i) => one.estimate < limit && (adjusted[i] ?? 1) < FALSE_CALLS)
  const worst = findings.reduce((a, b) => (b.estimate < a.estimate ? b : a))
  return result(of.gate, of.full, {
    outcome: bad.length === 0 ? 'passed' : 'failed',
    reason:
      bad.length === 0
        ? `none of ${findings.length} slices is beyond ${limit}; the lowest is ${worst.value} with ${worst.estimate.toFixed(4)}`
        : `beyond ${limit}: ${bad.map((one) => `${one.value} (${one.estimate.toFixed(4)}, ${one.n} rows)`).join(', ')}`,
    value: worst.estimate,
    threshold: limit,
    interval: [worst.low, worst.high],
    n: worst.n,
    slice: of.slice,
    evidence: { slices: findings, correction: of.gate.multiplicity ?? 'bh' },
  })
}
