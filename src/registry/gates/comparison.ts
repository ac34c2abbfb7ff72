/** A version beside others, computed from their tables: metrics with intervals, slices that became worse, calibration. */
import type { Calibration, MetricDelta, WorseSlice } from '../../contract/changes/report.ts'
import { benjaminiHochberg } from '../../stats/false-discovery.ts'
import { brier } from '../../stats/metrics.ts'
import type { ScoreNative } from '../context/context.ts'
import { pairedDifference, unpairedDifference } from './compare.ts'
import { readEvaluation } from './evaluation.ts'
import type { Evaluation } from './evaluation.ts'
import { alignTables, scoreAligned } from './scores.ts'
import type { Aligned } from './scores.ts'
import { direction } from './inputs.ts'
import { isRowMetric } from './row-metrics.ts'
import { pairedFindings } from './slice-gates.ts'
import { textOf } from './tables.ts'
import type { Bytes } from './tables.ts'

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

/** A version that the candidate is held against. */
export interface Other {
  readonly metrics: Readonly<Record<string, number>>
  readonly evaluation: Bytes
  /** Folder of its native form; null where it cannot be scored here. */
  readonly native: string | null
}

/** All that decides what is found; only bytes and figures, so that it can be given to a thread. */
export interface ComparisonTask {
  readonly candidate: { readonly metrics: Other['metrics']; readonly evaluation: Bytes; readonly holdout: Bytes }
  readonly others: readonly Other[]
  /** Metrics that the gates name; slices are looked at by the first of them that is of rows. */
  readonly gated: readonly string[]
}

export interface Compared {
  /** Of the candidate on its own hold-out; null where no rows were left, or they are of no class. */
  readonly calibration: Calibration | null
  /** The candidate against each of the others, in their order. */
  readonly others: readonly Comparison[]
}

/**
 * The candidate against others: on the candidate's own hold-out where another can be scored there. Takes seconds of CPU for 30,000 rows.
 * Throws `unprocessable` for predictions that cannot be read.
 */
export function compareTables(
  { candidate, others, gated }: ComparisonTask,
  scoreNative: ScoreNative | undefined,
): Compared {
  const evaluation = evaluationOf(candidate.evaluation)
  const score = scorerOn(candidate, scoreNative)
  return {
    calibration: evaluation === null ? null : calibrationOf(evaluation.y, evaluation.score),
    others: others.map((other) => {
      // what the step itself wrote there is of whichever version it was given
      const judged = evaluation === null ? null : { ...evaluation, incumbent: score(other) }
      return against(judged, candidate.metrics, { other, gated })
    }),
  }
}

function evaluationOf(bytes: Bytes): Evaluation | null {
  return bytes === null ? null : readEvaluation(textOf(bytes))
}

/** Scores others on the rows of the candidate, whose tables are read once. */
function scorerOn(
  { evaluation: predictions, holdout }: ComparisonTask['candidate'],
  scoreNative: ScoreNative | undefined,
): (other: Other) => Float64Array | null {
  let tables: Aligned | undefined
  return ({ native }) => {
    if (predictions === null || holdout === null || scoreNative === undefined || native === null) return null
    tables ??= alignTables(textOf(holdout), textOf(predictions))
    return scoreAligned(tables, native, scoreNative)
  }
}

function against(
  evaluation: Evaluation | null,
  metrics: Readonly<Record<string, number>>,
  { other, gated }: { readonly other: Other; readonly gated: readonly string[] },
): Comparison {
  const rows = evaluationOf(other.evaluation)
  const incumbent = { version: 'other', metrics: other.metrics, signature: null, rows }
  const judged = { metrics, evaluation, signature: null, data: [], incumbents: {} }
  const found = Object.keys(metrics).flatMap((metric): [string, MetricDelta][] => {
    const gate = { metric, not_worse_than: 'other', margin: 0, confidence: ONE_SIDED }
    const value = other.metrics[metric]
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
