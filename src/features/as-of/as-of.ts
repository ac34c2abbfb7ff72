/**
 * What "as of" means, once for all: which row of an entity's history a moment sees. The offline join, the online store and every
 * check of one against the other go by this file; `statement.ts` says the same in SQL, and tests hold the two against each other.
 *
 * A row is seen at T where it happened by then (event ≤ T) and was known by then (created ≤ T); both edges belong to it. Of the
 * rows that are seen the last one counts: by event, then by created, then by the order in which they came. Only then its age is
 * judged: it is live where event ≥ T − ttl, and else expired. An older row never stands in for an expired one.
 *
 * Times are nanoseconds since 1970, so that no source loses order by rounding.
 */
import type { FeatureStatus } from '../../contract/features/online.ts'

/**
 * `present`: a live row with a value; `null_value`: a live row whose value is null; `expired`: the last row is older than its time to
 * live; `future_only`: all rows of the entity happened later; `late_suppressed`: some had happened, none of them was known yet;
 * `not_found`: the entity has no rows, or a part of its key is null.
 */
export type AsOfStatus = FeatureStatus

/** When a row happened, when it became known, and its place in the order of arrival. Without a known time, `created` is `event`. */
export interface Stamp {
  readonly event: bigint
  readonly created: bigint
  readonly arrival: bigint
}

export interface AsOfRules {
  /** How long a row lives after its event, ns; null: for ever. */
  readonly ttl: bigint | null
  /** Rows that became known after T are seen too, as Feast does unless told otherwise; `created` then only breaks ties. */
  readonly includeLateData: boolean
}

/** What a moment sees of a history; `row` is there when it is expired too, and undefined for the others. */
export type Seen<R extends Stamp> =
  | { readonly status: 'live' | 'expired'; readonly row: R }
  | { readonly status: 'not_found' | 'future_only' | 'late_suppressed'; readonly row: undefined }

/** Positive where `a` is after `b`, negative where it is before it; 0 for one and the same place. */
export function compareStamps(a: Stamp, b: Stamp): number {
  if (a.event !== b.event) return a.event > b.event ? 1 : -1
  if (a.created !== b.created) return a.created > b.created ? 1 : -1
  if (a.arrival !== b.arrival) return a.arrival > b.arrival ? 1 : -1
  return 0
}

/** The first moment at which a row is seen. */
export function seenFrom(row: Stamp, includeLateData: boolean): bigint {
  return includeLateData || row.created < row.event ? row.event : row.created
}

/** Whether the age of a row at `at` is within its time to live; its last instant belongs to it. */
export function isLive(event: bigint, at: bigint, ttl: bigint | null): boolean {
  return ttl === null || event >= at - ttl
}

/** What `at` sees of a history in the order of `compareStamps`. Late rows cost a step each, all others a search by halves. */
export function lookUp<R extends Stamp>(history: readonly R[], at: bigint, rules: AsOfRules): Seen<R> {
  if (history.length === 0) return { status: 'not_found', row: undefined }
  const happened = countUntil(history, at)
  if (happened === 0) return { status: 'future_only', row: undefined }
  for (let i = happened - 1; i >= 0; i--) {
    const row = history[i]
    if (row !== undefined && (rules.includeLateData || row.created <= at))
      return { status: isLive(row.event, at, rules.ttl) ? 'live' : 'expired', row }
  }
  return { status: 'late_suppressed', row: undefined }
}

/** The status of one value of what was seen. */
export function statusOf(seen: Seen<Stamp>['status'], isNull: boolean): AsOfStatus {
  if (seen !== 'live') return seen
  return isNull ? 'null_value' : 'present'
}

/** How many rows happened by `at`. */
function countUntil(history: readonly Stamp[], at: bigint): number {
  let [low, high] = [0, history.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((history[middle]?.event ?? at) <= at) low = middle + 1
    else high = middle
  }
  return low
}
