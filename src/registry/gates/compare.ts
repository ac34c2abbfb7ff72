/** The difference between a candidate and an incumbent with its one-sided bounds: on the same rows where both are known there. */
import type { Gate } from '../../contract/registry.ts'
import { normalQuantile } from '../../stats/distributions.ts'
import { aucInterval, compareAuc, hanleyMcNeil } from '../../stats/metrics.ts'
import { prng } from '../../stats/prng.ts'
import { bootstrapWeights, meanError, weightedAuc } from '../../stats/resample.ts'
import type { Resampled } from '../../stats/resample.ts'
import type { Evaluation, Scores } from './evaluation.ts'
import { direction } from './inputs.ts'
import type { Incumbent, Judged } from './inputs.ts'
import { AUC, influence, isRowMetric, ofMean, termsOf } from './row-metrics.ts'

export type ComparedGate = Extract<Gate, { not_worse_than: string }>

/** Candidate minus incumbent, better = positive; the ends are one-sided bounds at the gate's confidence. */
export interface Difference extends Omit<Resampled, 'draws'> {
  readonly method: string
  /** False where two hold-outs were compared, whose ends are apart by the errors of both. */
  readonly sameRows: boolean
}

/** Beyond so many rows a mean is normal enough, and a bootstrap would only cost. */
const MOST_BOOTSTRAP = 20_000
/** Of every bootstrap, so that a verdict replays to the last digit. */
const SEED = 20_130_101

/** The difference on the same rows; undefined when the rows do not give it. */
export function pairedDifference(gate: ComparedGate, { evaluation }: Judged): Difference | undefined {
  if (evaluation?.incumbent == null || evaluation.y.length === 0 || !isRowMetric(gate.metric)) return undefined
  const rows = { ...evaluation, incumbent: evaluation.incumbent }
  const found = gate.metric === AUC ? areas(gate, rows) : means(gate, rows)
  return Number.isNaN(found.estimate) || Number.isNaN(found.low) ? undefined : { ...found, sameRows: true }
}

type Rows = Evaluation & { readonly incumbent: Float64Array }

type OnRows = Omit<Difference, 'sameRows'>

function areas(gate: ComparedGate, { y, score, incumbent }: Rows): OnRows {
  if (gate.method === 'bootstrap' && y.length <= MOST_BOOTSTRAP) {
    const [a, b] = [weightedAuc(score, y), weightedAuc(incumbent, y)]
    const found = bootstrapWeights(y.length, (weights) => a(weights) - b(weights), prng(SEED), gate.confidence)
    return { ...found, method: `paired bootstrap, ${found.draws} draws, same rows` }
  }
  const { estimate, low, high } = compareAuc({ a: score, b: incumbent, labels: y }, 2 * gate.confidence - 1)
  return { estimate, low, high, method: 'DeLong, same rows' }
}

function means(gate: ComparedGate, { y, score, incumbent }: Rows): OnRows {
  const { metric } = gate
  const sign = direction(metric)
  const [a, b] = [score, incumbent].map((scores) => termsOf(metric, y, scores) ?? new Float64Array(0)) as [
    Float64Array,
    Float64Array,
  ]
  if (y.length > MOST_BOOTSTRAP) return normal(gate, a, b)
  const weighted = (terms: Float64Array, weights: Float64Array): number => {
    let sum = 0
    for (let i = 0; i < terms.length; i++) sum += (terms[i] ?? 0) * (weights[i] ?? 0)
    return ofMean(metric, sum / terms.length)
  }
  const statistic = (weights: Float64Array): number => sign * (weighted(a, weights) - weighted(b, weights))
  const found = bootstrapWeights(y.length, statistic, prng(SEED), gate.confidence)
  return { ...found, method: `paired bootstrap, ${found.draws} draws, same rows` }
}

function normal(gate: ComparedGate, a: Float64Array, b: Float64Array): OnRows {
  const [left, right] = [influence(gate.metric, a), influence(gate.metric, b)]
  const sign = direction(gate.metric)
  const { mean, error } = meanError(left.map((one, i) => sign * (one - (right[i] ?? Number.NaN))))
  const reach = normalQuantile(gate.confidence) * error
  return { estimate: mean, low: mean - reach, high: mean + reach, method: 'paired means, same rows' }
}

/**
 * The difference of the figures of two hold-outs, each with its own error. Where one of the errors is not known both ends are the difference
 * itself, and the method says so.
 */
export function unpairedDifference(gate: ComparedGate, judged: Judged, incumbent: Incumbent): Difference | undefined {
  const a = judged.metrics[gate.metric]
  const b = incumbent.metrics[gate.metric]
  if (a === undefined || b === undefined) return undefined
  const estimate = direction(gate.metric) * (a - b)
  const error = Math.hypot(
    ownError(gate.metric, judged.metrics, judged.evaluation),
    ownError(gate.metric, incumbent.metrics, incumbent.rows ?? null),
  )
  const known = !Number.isNaN(error)
  const reach = known ? normalQuantile(gate.confidence) * error : 0
  const method = known ? 'different hold-outs' : 'different hold-outs, no error known'
  return { estimate, low: estimate - reach, high: estimate + reach, method, sameRows: false }
}

/** Standard error of a figure: from the rows of its hold-out where they give the metric, else an area's from its counts; else NaN. */
function ownError(metric: string, metrics: Judged['metrics'], rows: Scores | null): number {
  const found = rows === null || rows.y.length === 0 ? Number.NaN : errorOfRows(metric, rows)
  return Number.isNaN(found) && metric === AUC ? errorOfCounts(metrics) : found
}

function errorOfRows(metric: string, { y, score }: Scores): number {
  if (metric === AUC) return errorOf(aucInterval({ scores: score, labels: y }))
  const terms = termsOf(metric, y, score)
  return terms === undefined ? Number.NaN : meanError(influence(metric, terms)).error
}

/** Of an AUC from its counts (Hanley and McNeil 1982). */
function errorOfCounts({ rows, base_rate: rate, roc_auc: area }: Judged['metrics']): number {
  if (rows === undefined || rate === undefined || area === undefined) return Number.NaN
  const positives = Math.round(rows * rate)
  return errorOf(hanleyMcNeil(area, { positives, negatives: rows - positives }))
}

/** From a two-sided interval of 95 %, whose end towards a half is never cut. */
function errorOf({ estimate, low, high }: { estimate: number; low: number; high: number }): number {
  return Math.max(estimate - low, high - estimate) / normalQuantile(0.975)
}
