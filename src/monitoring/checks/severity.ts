/** How much findings matter: how far the features moved times what the model makes of them. */
import type { Severity } from '../../contract/monitors/severities.ts'

/** What a feature did in a window. */
export interface Move {
  readonly feature: string
  /** How far it moved, in deviations of the reference, at most 3; a share of changed rows counts up to 1. */
  readonly drift: number
}

/** Expected mean change of the score from which a finding is of high and of medium severity. */
const HIGH = 0.02
const MEDIUM = 0.005

/** The importance of a feature, which may be called like something that every object has; 0 where it has none. */
export function weightOf(importance: Readonly<Record<string, number>>, feature: string): number {
  return (Object.hasOwn(importance, feature) ? importance[feature] : undefined) ?? 0
}

/**
 * Sums drift × importance, where importance is the mean absolute change of the score when a feature's values are shuffled:
 * so the sum is about the change of the score that the moves cause.
 * @param importance by feature; a model of which it is not known gets medium
 */
export function severityOf(
  moves: readonly Move[],
  importance: Readonly<Record<string, number>>,
): { severity: Severity; effect: number | null } {
  if (Object.keys(importance).length === 0) return { severity: 'medium', effect: null }
  const effect = moves.reduce((sum, { feature, drift }) => sum + Math.min(3, drift) * weightOf(importance, feature), 0)
  return { severity: effect >= HIGH ? 'high' : effect >= MEDIUM ? 'medium' : 'low', effect }
}

const ORDER: readonly Severity[] = ['info', 'low', 'medium', 'high']

export function worse(a: Severity, b: Severity): Severity {
  return severer(b, a) ? b : a
}

/** Whether the first of two severities is the worse one. */
export function severer(a: Severity, b: Severity): boolean {
  return ORDER.indexOf(a) > ORDER.indexOf(b)
}

/** Where a severity stands: 0 is the mildest. */
export function rankOf(severity: Severity): number {
  return ORDER.indexOf(severity)
}

/** Importance by feature from the metrics `importance.<feature>` of a version. */
export function importanceOf(metrics: Readonly<Record<string, number>>): Record<string, number> {
  const prefix = 'importance.'
  return Object.fromEntries(
    Object.entries(metrics).flatMap(([key, value]) =>
      key.startsWith(prefix) ? [[key.slice(prefix.length), value]] : [],
    ),
  )
}
