/** All that decides a verdict, and the form of each gate's result. */
import type { Gate, GateResult } from '../../contract/registry.ts'
import type { Evaluation, Scores } from './evaluation.ts'
import type { ScanVerdict } from '../scan/findings.ts'
import type { Signature } from '../context/signature.ts'

/** The version in place that a candidate is compared with. */
export interface Incumbent {
  readonly version: string
  readonly metrics: Readonly<Record<string, number>>
  readonly signature: Signature | null
  /** The tree with the predictions of its own hold-out; absent in verdicts of before it was asked for. */
  readonly evaluation?: string | null
  /** Those predictions, where a gate may need the error of its figures; read when it is judged and not stored. */
  readonly rows?: Scores | null
}

/** What a scan found, as far as a gate needs it. */
export interface ScanFacts {
  readonly verdict: ScanVerdict
  /** The worst finding in words. */
  readonly reason: string
}

/** One who approved the version, and the role that they had then. */
export interface ApprovalFact {
  readonly by: string
  readonly role: string
}

/** All that decides a verdict. Facts that are absent are not known. */
export interface Judged {
  readonly metrics: Readonly<Record<string, number>>
  readonly evaluation: Evaluation | null
  readonly signature: Signature | null
  /** Digests of the data that the version was made from. */
  readonly data: readonly string[]
  /** Incumbents by the alias that a gate names; an alias that names nothing is absent. */
  readonly incumbents: Readonly<Record<string, Incumbent>>
  /** Grade of the reproduction of the run that made it. */
  readonly reproducibility?: string | null
  readonly scan?: ScanFacts | null
  readonly approvals?: readonly ApprovalFact[]
}

/** Metrics of which less is better; of every other metric more is. */
const LESS_IS_BETTER = /loss|brier|error|rmse|mse|mae|mape|_time|latency/

/** +1 when more of the metric is better, −1 when less is. */
export function direction(metric: string): 1 | -1 {
  return LESS_IS_BETTER.test(metric) ? -1 : 1
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

/** A number in four digits. */
export function digits(value: number): string {
  return Number(value.toPrecision(4)).toString()
}
