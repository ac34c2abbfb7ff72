/** Judges a candidate by its gates: pure functions of stored inputs, so that a verdict can be replayed to the same result. */
import type { Gate, GateResult } from '../contract/registry.ts'
import { compareAuc, aucInterval, hanleyMcNeil } from '../stats/metrics.ts'
import { normalQuantile } from '../stats/distributions.ts'
import type { Evaluation } from './evaluation.ts'
import { rowMetric } from './row-metrics.ts'
import { compatible } from './signature.ts'
import type { Signature } from './signature.ts'
import { worseSlices } from './slice-gates.ts'

/** The version in place that a candidate is compared with. */
export interface Incumbent {
  readonly version: string
  readonly metrics: Readonly<Record<string, number>>
  readonly signature: Signature | null
}

/** All that decides a verdict. */
export interface Judged {
  readonly metrics: Readonly<Record<string, number>>
  readonly evaluation: Evaluation | null
  readonly signature: Signature | null
  /** Digests of the data that the version was made from. */
  readonly data: readonly string[]
  /** Incumbents by the alias that a gate names; an alias that names nothing is absent. */
  readonly incumbents: Readonly<Record<string, Incumbent>>
}

/** Metrics of which less is better; of every other metric more is. */
const LESS_IS_BETTER = /loss|brier|error|rmse|mse|mae|mape|_time|latency/

/** +1 when more of the metric is better, −1 when less is. */
export function direction(metric: string): 1 | -1 {
  return LESS_IS_BETTER.test(metric) ? -1 : 1
}

/** Judges every gate, in order. A gate without data does not hold. */
export function judge(gates: readonly Gate[], judged: Judged): GateResult[] {
  return gates.map((gate) => judgeOne(gate, judged))
}

function judgeOne(gate: Gate, judged: Judged): GateResult {
  if ('signature' in gate) return signatureGate(gate, judged)
  if ('data' in gate) return dataGate(gate, judged)
  if ('jump_at_most' in gate) return jumpGate(gate, judged)
  if ('not_worse_than' in gate) return incumbentGate(gate, judged)
  return limitGate(gate, judged)
}

const BLANK = { value: null, threshold: null, interval: null, n: null, slice: null, evidence: {} }

/** A gate's result with the parts that matter; the rest is empty. */
export function result(
  gate: Gate,
  name: string,
  parts: Partial<GateResult> & Pick<GateResult, 'outcome' | 'reason'>,
): GateResult {
  return { ...BLANK, gate: { ...gate }, name, ...parts }
}

function limitGate(gate: Extract<Gate, { at_least?: number | undefined }>, judged: Judged): GateResult {
  const name = `${gate.metric} ${gate.at_least === undefined ? `at most ${gate.at_most}` : `at least ${gate.at_least}`}`
  if (gate.slice !== undefined) return worseSlices(gate, name, judged)
  const value = judged.metrics[gate.metric]
  if (value === undefined) return noMetric(gate, name, gate.metric)
  const low = gate.at_least === undefined || value >= gate.at_least
  const high = gate.at_most === undefined || value <= gate.at_most
  const threshold = gate.at_least ?? gate.at_most ?? null
  const reason = `${gate.metric} is ${text(value)}${low && high ? '' : low ? `, above ${gate.at_most}` : `, below ${gate.at_least}`}`
  const interval = aucOf(judged, gate.metric)
  return result(gate, name, { outcome: low && high ? 'passed' : 'failed', reason, value, threshold, ...interval })
}

function aucOf(judged: Judged, metric: string): Pick<GateResult, 'interval' | 'n'> {
  if (judged.evaluation === null || metric !== 'roc_auc')
    return { interval: null, n: judged.evaluation?.y.length ?? null }
  const { low, high } = aucInterval({ scores: judged.evaluation.score, labels: judged.evaluation.y })
  return { interval: Number.isNaN(low) ? null : [low, high], n: judged.evaluation.y.length }
}

function noMetric(gate: Gate, name: string, metric: string): GateResult {
  return result(gate, name, { outcome: 'no_data', reason: `no step logged the metric "${metric}"` })
}

/** Gains that nobody can believe mean that the model has seen the answer. */
function jumpGate(gate: Extract<Gate, { jump_at_most: number }>, judged: Judged): GateResult {
  const name = `${gate.metric} gains at most ${gate.jump_at_most}`
  const value = judged.metrics[gate.metric]
  if (value === undefined) return noMetric(gate, name, gate.metric)
  // not on the same rows: rows that leak lift the incumbent too
  const before = judged.incumbents['production']?.metrics[gate.metric] ?? gate.against
  if (before === undefined)
    return result(gate, name, { outcome: 'passed', reason: 'there is nothing to compare with yet', value })
  const gain = direction(gate.metric) * (value - before)
  const failed = gain > gate.jump_at_most
  const reason = failed
    ? `${gate.metric} jumps from ${text(before)} to ${text(value)}: has the model seen the answer?`
    : `${gate.metric} changes by ${text(gain)} from ${text(before)}`
  return result(gate, name, {
    outcome: failed ? 'failed' : 'passed',
    reason,
    value: gain,
    threshold: gate.jump_at_most,
    n: judged.evaluation?.y.length ?? null,
    evidence: { before, after: value },
  })
}

function incumbentGate(gate: Extract<Gate, { not_worse_than: string }>, judged: Judged): GateResult {
  const name = `${gate.metric} not worse than ${gate.not_worse_than}`
  const incumbent = judged.incumbents[gate.not_worse_than]
  if (incumbent === undefined) {
    return result(gate, name, {
      outcome: 'passed',
      reason: `nothing is ${gate.not_worse_than} yet`,
      threshold: -gate.margin,
    })
  }
  if (gate.slice !== undefined) return worseSlices(gate, name, judged)
  const value = judged.metrics[gate.metric]
  if (value === undefined) return noMetric(gate, name, gate.metric)
  const difference = pairedDifference(gate, judged) ?? unpairedDifference(gate, judged, incumbent)
  if (difference === undefined) {
    return result(gate, name, {
      outcome: 'no_data',
      reason: `version ${incumbent.version} has no "${gate.metric}" to compare with`,
      value,
    })
  }
  const holds = difference.low > -gate.margin
  return result(gate, name, {
    outcome: holds ? 'passed' : 'failed',
    reason: `${gate.metric} differs from version ${incumbent.version} by ${text(difference.estimate)} [${text(difference.low)}, ${text(difference.high)}], ${holds ? 'above' : 'not above'} ${text(-gate.margin)}`,
    value: difference.estimate,
    threshold: -gate.margin,
    interval: [difference.low, difference.high],
    n: judged.evaluation?.y.length ?? null,
    evidence: { incumbent: incumbent.version, method: difference.method, candidate: value },
  })
}

interface Difference {
  readonly estimate: number
  readonly low: number
  readonly high: number
  readonly method: string
}

/** Candidate minus incumbent on the same rows, better = positive; the low end is a one-sided bound at the gate's confidence. */
function pairedDifference(
  gate: Extract<Gate, { not_worse_than: string }>,
  { evaluation }: Judged,
): Difference | undefined {
  if (evaluation?.incumbent == null) return undefined
  const two = 2 * gate.confidence - 1
  if (gate.metric === 'roc_auc') {
    const { estimate, low, high } = compareAuc(
      { a: evaluation.score, b: evaluation.incumbent, labels: evaluation.y },
      two,
    )
    return Number.isNaN(estimate) ? undefined : { estimate, low, high, method: 'DeLong, same rows' }
  }
  const a = rowMetric(gate.metric, evaluation.y, evaluation.score)
  const b = rowMetric(gate.metric, evaluation.y, evaluation.incumbent)
  if (a === undefined || b === undefined) return undefined
  const estimate = direction(gate.metric) * (a - b)
  return { estimate, low: estimate, high: estimate, method: 'point values, same rows' }
}

/** Candidate minus incumbent on different hold-outs: the difference of two estimates, each with its own error. */
function unpairedDifference(
  gate: Extract<Gate, { not_worse_than: string }>,
  judged: Judged,
  incumbent: Incumbent,
): Difference | undefined {
  const a = judged.metrics[gate.metric]
  const b = incumbent.metrics[gate.metric]
  if (a === undefined || b === undefined) return undefined
  const estimate = direction(gate.metric) * (a - b)
  const reach =
    gate.metric === 'roc_auc'
      ? normalQuantile(gate.confidence) * Math.hypot(aucError(judged.metrics), aucError(incumbent.metrics))
      : 0
  return { estimate, low: estimate - reach, high: estimate + reach, method: 'different hold-outs' }
}

/** Standard error of an AUC from its counts (Hanley and McNeil 1982); 0 where the counts are not known. */
function aucError(metrics: Readonly<Record<string, number>>): number {
  const { rows, base_rate: rate, roc_auc: area } = metrics
  if (rows === undefined || rate === undefined || area === undefined) return 0
  const positives = Math.round(rows * rate)
  const { low, high } = hanleyMcNeil(area, { positives, negatives: rows - positives })
  return (high - low) / (2 * normalQuantile(0.975))
}

function signatureGate(gate: Extract<Gate, { signature: string }>, judged: Judged): GateResult {
  const name = 'signature compatible'
  if (judged.signature === null)
    return result(gate, name, { outcome: 'no_data', reason: 'the model was saved without a signature' })
  const before = judged.incumbents['production']?.signature ?? null
  const faults = before === null ? [] : compatible(before, judged.signature)
  return result(gate, name, {
    outcome: faults.length === 0 ? 'passed' : 'failed',
    reason: faults.length === 0 ? 'callers of production can call it unchanged' : faults.join('; '),
    evidence: { faults },
  })
}

function dataGate(gate: Extract<Gate, { data: string }>, judged: Judged): GateResult {
  const known = judged.data.length > 0
  return result(gate, 'data digest known', {
    outcome: known ? 'passed' : 'failed',
    reason: known ? `made from ${judged.data.length} data digests` : 'nothing tells which data it was made from',
    evidence: { digests: judged.data },
  })
}

function text(value: number): string {
  return Number(value.toPrecision(4)).toString()
}
