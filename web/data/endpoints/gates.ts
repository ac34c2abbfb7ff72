/** What each gate of a rollout compares, in words, and how its figures are written. */
import { figure, percent } from '../../../src/contract/text/format.ts'

interface GateText {
  /** What is measured; the plan's limit, or stable, is what it is measured against. */
  readonly compares: string
  /** True where the figures are shares. */
  readonly isShare: boolean
}

/** The gate that checks how an A/B divides its users. */
export const SPLIT_GATE = 'sample_ratio'
/** A gate that holds a rollout up and never rejects: it has a mean and a limit, no e-value. */
export const SHIFT_GATE = 'score_shift'

const GATES: Readonly<Record<string, GateText>> = {
  error_rate: { compares: 'failed requests of the candidate, against the limit in the plan', isShare: true },
  error_rate_vs_stable: { compares: 'failed requests of both, in the same minutes', isShare: true },
  latency: { compares: 'responses slower than stable’s limit, against the allowed share', isShare: true },
  quality: { compares: 'mean loss, candidate minus stable, on the same labelled rows', isShare: false },
  [SHIFT_GATE]: {
    compares: 'mean distance between both scores of a row; it pauses the rollout and never rejects',
    isShare: false,
  },
  decision_flips: { compares: 'decisions that differ on the same rows, against the limit in the plan', isShare: true },
  [SPLIT_GATE]: { compares: 'users served by the candidate, against the share in the plan', isShare: true },
}

/** What a gate compares; of one that is not known here, nothing. `metric` as the server names it. */
export function comparisonText({
  gate,
  metric,
}: {
  readonly gate: string
  readonly metric?: string | undefined
}): string {
  if (metric !== undefined) return 'mean value of each version'
  return GATES[gate]?.compares ?? ''
}

/** A figure of a gate: shares in per cent. */
export function gateFigure(gate: string, value: number | null): string {
  return GATES[gate]?.isShare === true ? percent(value, 2) : figure(value)
}

/** How near a gate is to failing, 0..1: e-values grow by factors, so by their logarithm; a mean as it is. */
export function nearness(gate: {
  readonly gate: string
  readonly evidence: number
  readonly boundary: number
}): number {
  const { evidence, boundary } = gate
  const part = gate.gate === SHIFT_GATE ? evidence / boundary : Math.log(Math.max(1, evidence)) / Math.log(boundary)
  return Number.isNaN(part) ? 0 : Math.min(1, Math.max(0, part))
}

const ORDER: Readonly<Record<string, number>> = { failing: 0, waiting: 1, not_judged: 2, passing: 3 }

/** What fails first, then what waits, then what had nothing to judge; otherwise as the server has them. */
export function failingFirst<T extends { readonly status: string }>(gates: readonly T[]): T[] {
  return gates.toSorted((a, b) => (ORDER[a.status] ?? 1) - (ORDER[b.status] ?? 1))
}

/** What is shown at once (all rows together, and what fails), and the slices that may be folded away. */
export function foldSlices<T extends { readonly slice: string | null }>(
  all: readonly T[],
  fails: (one: T) => boolean,
): readonly [shown: T[], folded: T[]] {
  const isShown = (one: T): boolean => one.slice === null || fails(one)
  return [all.filter(isShown), all.filter((one) => !isShown(one))]
}
