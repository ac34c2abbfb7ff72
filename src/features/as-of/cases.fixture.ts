/** Histories and moments for tests of "as of", and its meaning once more, written down as plainly as can be. */
import type { Prng } from '../../stats/prng.ts'
import type { AsOfRules, Seen, Stamp } from './as-of.ts'

/** A row of a history: the number of its entity, and its times. */
export interface CaseRow extends Stamp {
  readonly key: number | null
}

/** One entity at one moment. */
export interface CaseRequest {
  readonly key: number | null
  readonly at: bigint
}

export interface Case {
  readonly rows: readonly CaseRow[]
  readonly requests: readonly CaseRequest[]
  readonly rules: AsOfRules
}

/** What a request sees, by looking at every row: the meaning in words, put into code without any order or index. */
export function seenByLooking({ rows, rules }: Case, { key, at }: CaseRequest): Pick<Seen<CaseRow>, 'status' | 'row'> {
  const own = key === null ? [] : rows.filter((row) => row.key === key)
  const happened = own.filter((row) => !(row.event > at))
  const known = happened.filter((row) => rules.includeLateData || !(row.created > at))
  const last = known.find((row) => known.every((other) => other === row || isAfter(row, other)))
  if (own.length === 0) return { status: 'not_found', row: undefined }
  if (happened.length === 0) return { status: 'future_only', row: undefined }
  if (last === undefined) return { status: 'late_suppressed', row: undefined }
  const isOld = rules.ttl !== null && at - last.event > rules.ttl
  return { status: isOld ? 'expired' : 'live', row: last }
}

function isAfter(row: Stamp, other: Stamp): boolean {
  if (row.event > other.event) return true
  if (row.event < other.event) return false
  if (row.created > other.created) return true
  return row.created === other.created && row.arrival > other.arrival
}

/** Moments around which all happens, ns: before 1970 too, and at the last nanosecond of a second. */
const ORIGINS = [0n, -5_000_000_000n, 1_704_067_199_999_999_998n]

/**
 * A small world in which nearly everything collides: few keys, few moments, equal events, equal times of becoming known, rows known
 * before they happened, requests upon the very edges of a time to live.
 */
export function drawCase(random: Prng): Case {
  const origin = ORIGINS[random.below(ORIGINS.length)] ?? 0n
  const moment = (): bigint => origin + BigInt(random.below(8))
  const key = (): number | null => (random.below(12) === 0 ? null : random.below(3))
  const isTimed = random.below(3) > 0
  const rows = Array.from({ length: random.below(9) }, (_, i): CaseRow => {
    const event = moment()
    return { key: key(), event, created: isTimed ? moment() + BigInt(random.below(3)) - 1n : event, arrival: BigInt(i) }
  })
  const requests = Array.from({ length: 1 + random.below(4) }, () => ({ key: key(), at: moment() }))
  const ttl = [null, 0n, 1n, 3n][random.below(4)] ?? null
  return { rows, requests, rules: { ttl, includeLateData: random.below(3) === 0 } }
}
