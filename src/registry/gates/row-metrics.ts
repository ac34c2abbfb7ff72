/** Metrics that the rows of a hold-out give, by their names in MLflow's habits: as a mean of terms, or as an area. */

/** A metric that is a mean over rows, or the root of one. */
interface MeanMetric {
  readonly term: (score: number, label: number) => number
  readonly root?: true
}

const TINY = 1e-15
const squared = (score: number, label: number): number => (score - label) ** 2
const absolute = (score: number, label: number): number => Math.abs(score - label)
const hit = (score: number, label: number): number => (score >= 0.5 === (label === 1) ? 1 : 0)
const surprise = (score: number, label: number): number => {
  const p = Math.min(1 - TINY, Math.max(TINY, score))
  return -Math.log(label === 1 ? p : 1 - p)
}

const MEANS: Readonly<Record<string, MeanMetric>> = {
  log_loss: { term: surprise },
  brier: { term: squared },
  brier_score: { term: squared },
  brier_score_loss: { term: squared },
  accuracy: { term: hit },
  accuracy_score: { term: hit },
  mse: { term: squared },
  mean_squared_error: { term: squared },
  rmse: { term: squared, root: true },
  root_mean_squared_error: { term: squared, root: true },
  mae: { term: absolute },
  mean_absolute_error: { term: absolute },
}

/** The metric that is an area under a curve. */
export const AUC = 'roc_auc'

/** True when rows alone give the metric. */
export function isRowMetric(metric: string): boolean {
  return metric === AUC || MEANS[metric] !== undefined
}

/** Each row's term of a metric that is a mean over rows; undefined for others. */
export function termsOf(
  metric: string,
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
): Float64Array | undefined {
  const known = MEANS[metric]
  if (known === undefined) return undefined
  return Float64Array.from({ length: labels.length }, (_, i) =>
    known.term(scores[i] ?? Number.NaN, labels[i] ?? Number.NaN),
  )
}

/** The metric from the weighted mean of its terms. */
export function ofMean(metric: string, mean: number): number {
  return MEANS[metric]?.root === true ? Math.sqrt(mean) : mean
}

/**
 * What each row adds to the metric in first order (the delta method): their mean is the metric, their spread its error. For a root
 * of a mean m the slope is 1 / (2 √m).
 */
export function influence(metric: string, terms: Float64Array): Float64Array {
  if (MEANS[metric]?.root !== true) return terms
  const mean = terms.reduce((sum, one) => sum + one, 0) / terms.length
  const root = Math.sqrt(mean)
  return terms.map((one) => (root === 0 ? 0 : root + (one - mean) / (2 * root)))
}
