/** Why a value of a feature is there or is not: how each status is told, ordered and counted. */
import type { FeatureStatus } from '../../../src/contract/features/online.ts'
import { count, percent } from '../../../src/contract/text/format.ts'
import type { Tone } from '../tones.ts'

interface Told {
  readonly word: string
  readonly tone: Tone
  /** What it means of any value, as a sentence. */
  readonly means: string
}

/** In the order in which they are told: what is there first, then what a person may want to mend. */
export const STATUSES: Readonly<Record<FeatureStatus, Told>> = {
  present: { word: 'present', tone: 'good', means: 'A row is seen, and it has a value.' },
  null_value: { word: 'null', tone: 'idle', means: 'A row is seen, and its value is null.' },
  not_found: { word: 'not found', tone: 'warn', means: 'The entity has no row.' },
  expired: { word: 'expired', tone: 'warn', means: 'Its newest row is older than the time to live of the view.' },
  future_only: { word: 'future only', tone: 'warn', means: 'All rows of the entity happen later.' },
  late_suppressed: {
    word: 'late suppressed',
    tone: 'warn',
    means: 'Rows had happened, but none of them was known yet.',
  },
}

const ORDER = Object.keys(STATUSES) as FeatureStatus[]

export type StatusCounts = Readonly<Partial<Record<FeatureStatus, number>>>

/** The statuses that occur, with their numbers, in the order of `STATUSES`. */
export function tallied(counts: StatusCounts): readonly (readonly [status: FeatureStatus, rows: number])[] {
  return ORDER.flatMap((status) => ((counts[status] ?? 0) > 0 ? [[status, counts[status] ?? 0] as const] : []))
}

/** For example "present 95.2 % (952), expired 4.8 % (48)"; without any row "no rows". */
export function saidOf(counts: StatusCounts): string {
  const told = tallied(counts)
  const rows = told.reduce((sum, [, n]) => sum + n, 0)
  if (rows === 0) return 'no rows'
  return told.map(([status, n]) => `${STATUSES[status].word} ${shareOf(n, rows)} (${count(n)})`).join(', ')
}

/** A share in per cent; one that rounds to nothing or to all says that it is neither. */
export function shareOf(n: number, rows: number): string {
  const share = n / rows
  if (share > 0 && share < 0.0005) return 'below 0.1 %'
  return share < 1 && share > 0.9995 ? 'above 99.9 %' : percent(share)
}

/** Share of the values that are there, 0 to 1; null without any row. */
export function presentShare(counts: StatusCounts): number | null {
  const rows = tallied(counts).reduce((sum, [, n]) => sum + n, 0)
  return rows === 0 ? null : (counts.present ?? 0) / rows
}
