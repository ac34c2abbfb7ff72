/** Holds a version against another one for people to read: metrics with intervals, slices that became worse, calibration. */
import type { Calibration, MetricDelta, WorseSlice } from '../../contract/changes/report.ts'
import { benjaminiHochberg } from '../../stats/false-discovery.ts'
import { brier } from '../../stats/metrics.ts'
import { metricsOf } from '../context/context.ts'
import type { Registry, VersionRow } from '../context/context.ts'
import { pairedDifference, unpairedDifference } from './compare.ts'
import type { Evaluation } from './evaluation.ts'
import { readScores, scoreIncumbent } from './incumbent.ts'
import { direction } from './inputs.ts'
import { isRowMetric } from './row-metrics.ts'
import { pairedFindings } from './slice-gates.ts'
import { incumbentOf, loadEvaluation } from './verdicts.ts'

export interface Comparison {
  readonly metrics: Readonly<Record<string, MetricDelta>>
  readonly slices: readonly Omit<WorseSlice, 'baseline'>[]
  /** Columns whose values were looked at, and by which metric; empty where none could be. */
  readonly looked: readonly string[]
  /** Of the other version, on the rows of the candidate; null where it cannot be scored there. */
  readonly calibration: Calibration | null
}

/** Two-sided 95 %, said as the one-sided confidence that gates use. */
const ONE_SIDED = 0.975
/** A column with more values is an identifier and no slice. */
const MOST_VALUES = 200
/** Share of the slices called worse that are not. */
const FALSE_CALLS = 0.05
const BINS = 10

/** The candidate against another version: on the candidate's own hold-out where the other can be scored there. */
export async function compareVersions(
  room: Registry,
  { candidate, other, gated }: { candidate: VersionRow; other: VersionRow; gated: readonly string[] },
): Promise<Comparison> {
  const evaluation = await pairedEvaluation(room, candidate, other)
  const metrics = metricsOf(candidate)
  const rows = other.evaluation === null ? null : await loadEvaluation(room, other.evaluation)
  const incumbent = { ...incumbentOf(other), rows }
  const judged = { metrics, evaluation, signature: null, data: [], incumbents: {} }
  const found = Object.keys(metrics).flatMap((metric): [string, MetricDelta][] => {
    const gate = { metric, not_worse_than: 'other', margin: 0, confidence: ONE_SIDED }
    const value = incumbent.metrics[metric]
    const difference = pairedDifference(gate, judged) ?? unpairedDifference(gate, judged, incumbent)
    if (value === undefined || difference === undefined) return []
    return [[metric, shown(metric, value, difference, difference.sameRows ? (evaluation?.y.length ?? null) : null)]]
  })
  const metric = [...gated, 'roc_auc', ...Object.keys(metrics)].find((one) => one in metrics && isRowMetric(one))
  return {
    metrics: Object.fromEntries(found),
    ...worse(evaluation, metric),
    calibration: evaluation?.incumbent == null ? null : calibrationOf(evaluation.y, evaluation.incumbent),
  }
}

/** The calibration of a version on its own hold-out; null where no rows were left, or they are of no class. */
export async function ownCalibration(room: Registry, version: VersionRow): Promise<Calibration | null> {
  const evaluation = version.evaluation === null ? null : await loadEvaluation(room, version.evaluation)
  return evaluation === null ? null : calibrationOf(evaluation.y, evaluation.score)
}

async function pairedEvaluation(room: Registry, candidate: VersionRow, other: VersionRow): Promise<Evaluation | null> {
  const written = candidate.evaluation === null ? null : await loadEvaluation(room, candidate.evaluation)
  if (written === null) return null
  const scores = await scoreIncumbent(room, candidate, other)
  // what the step itself wrote there is of whichever version it was given
  return { ...written, incumbent: scores === null ? null : await readScores(room, scores) }
}

function shown(
  metric: string,
  value: number,
  { estimate, low, high, method }: { estimate: number; low: number; high: number; method: string },
  n: number | null,
): MetricDelta {
  const sign = direction(metric)
  const known = low < high
  return {
    value,
    delta: sign * estimate,
    better: !known || (low <= 0 && high >= 0) ? null : low > 0,
    interval: known ? (sign > 0 ? [low, high] : [-high, -low]) : null,
    n,
    method,
  }
}

function worse(evaluation: Evaluation | null, metric: string | undefined): Pick<Comparison, 'slices' | 'looked'> {
  if (evaluation?.incumbent == null || metric === undefined) return { slices: [], looked: [] }
  const columns = Object.entries(evaluation.slices).filter(([, column]) => new Set(column).size <= MOST_VALUES)
  const found = columns.flatMap(([slice, column]) =>
    pairedFindings(evaluation, column, metric).map((one) => ({ ...one, slice })),
  )
  const q = benjaminiHochberg(found.map((one) => one.p))
  const slices = found
    .filter((one, i) => one.estimate < 0 && (q[i] ?? 1) < FALSE_CALLS)
    .map(({ slice, value, n, estimate, low, high }) => ({
      metric,
      slice,
      value,
      n,
      delta: estimate,
      interval: [low, high] as [number, number],
      harm: (-estimate * n) / evaluation.y.length,
    }))
  return {
    slices: slices.toSorted((a, b) => b.harm - a.harm),
    looked: columns.map(([slice]) => `${metric} by ${slice}`),
  }
}

/** Null without rows, and where the scores are no probabilities of a class. */
function calibrationOf(labels: Float64Array, scores: Float64Array): Calibration | null {
  const n = labels.length
  const classes = labels.every((y) => y === 0 || y === 1) && scores.every((score) => score >= 0 && score <= 1)
  if (n === 0 || !classes) return null
  const bins = Array.from({ length: BINS }, () => ({ score: 0, label: 0 }))
  for (let i = 0; i < n; i++) {
    const bin = bins[Math.min(BINS - 1, Math.floor((scores[i] ?? 0) * BINS))]
    if (bin === undefined) continue
    bin.score += scores[i] ?? 0
    bin.label += labels[i] ?? 0
  }
  const mean = (of: Float64Array): number => of.reduce((sum, one) => sum + one, 0) / n
  return {
    brier: brier({ scores, labels }),
    ece: bins.reduce((sum, { score, label }) => sum + Math.abs(score - label), 0) / n,
    n,
    mean_score: mean(scores),
    base_rate: mean(labels),
  }
}
