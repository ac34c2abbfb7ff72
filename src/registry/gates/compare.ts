/** The difference between a candidate and an incumbent with its one-sided bounds: on the same rows where both are known there. */
import type { Gate } from '../../contract/registry.ts'
import { normalQuantile } from '../../stats/distributions.ts'
import { compareAuc, hanleyMcNeil } from '../../stats/metrics.ts'
import { prng } from '../../stats/prng.ts'
import { bootstrapWeights, meanError, weightedAuc } from '../../stats/resample.ts'
import type { Resampled } from '../../stats/resample.ts'
import type { Evaluation } from './evaluation.ts'
import { direction } from './inputs.ts'
import type { Incumbent, Judged } from './inputs.ts'
import { AUC, influence, isRowMetric, ofMean, termsOf } from './row-metrics.ts'

export type ComparedGate = Extract<Gate, { not_worse_than: string }>

/** Candidate minus incumbent, better = positive; the ends are one-sided bounds at the gate's confidence. */
export interface Difference extends Omit<Resampled, 'draws'> {
  readonly method: string
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
  return Number.isNaN(found.estimate) || Number.isNaN(found.low) ? undefined : found
}

type Rows = Evaluation & { readonly incumbent: Float64Array }

function areas(gate: ComparedGate, { y, score, incumbent }: Rows): Difference {
  if (gate.method === 'bootstrap' && y.length <= MOST_BOOTSTRAP) {
    const [a, b] = [weightedAuc(score, y), weightedAuc(incumbent, y)]
    const found = bootstrapWeights(y.length, (weights) => a(weights) - b(weights), prng(SEED), gate.confidence)
    return { ...found, method: `paired bootstrap, ${found.draws} draws, same rows` }
  }
  const { estimate, low, high } = compareAuc({ a: score, b: incumbent, labels: y }, 2 * gate.confidence - 1)
  return { estimate, low, high, method: 'DeLong, same rows' }
}

function means(gate: ComparedGate, { y, score, incumbent }: Rows): Difference {
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

function normal(gate: ComparedGate, a: Float64Array, b: Float64Array): Difference {
  const [left, right] = [influence(gate.metric, a), influence(gate.metric, b)]
  const sign = direction(gate.metric)
  const { mean, error } = meanError(left.map((one, i) => sign * (one - (right[i] ?? Number.NaN))))
  const reach = normalQuantile(gate.confidence) * error
  return { estimate: mean, low: mean - reach, high: mean + reach, method: 'paired means, same rows' }
}

/** The difference of the figures of two hold-outs, each with its own error. */
export function unpairedDifference(gate: ComparedGate, judged: Judged, incumbent: Incumbent): Difference | undefined {
  const a = judged.metrics[gate.metric]
  const b = incumbent.metrics[gate.metric]
  if (a === undefined || b === undefined) return undefined
  const estimate = direction(gate.metric) * (a - b)
  const errors = Math.hypot(aucError(judged.metrics), aucError(incumbent.metrics))
  const reach = gate.metric === AUC ? normalQuantile(gate.confidence) * errors : 0
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
