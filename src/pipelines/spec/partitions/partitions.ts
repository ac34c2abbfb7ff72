/** The partitions of a pipeline: by its calendar, up to now, or of its list. */
import { problem } from '../../../contract/errors.ts'
import { MOST_PARTITIONS, type Period } from '../../../contract/pipelines/partitions-section.ts'
import { zoneOf } from '../../../jobs/zone.ts'
import { spanAfter, spanAt, spanOfText, steadyZone, type Calendar, type Span } from './calendar.ts'

/** As a spec keeps them: by a calendar, or a list. */
export type PartitionsSpec =
  | { readonly by: Period; readonly start: string; readonly timezone: string }
  | { readonly values: readonly string[] }

/** One partition. */
export interface Partition {
  readonly key: string
  /** In which order they come: the start, or the place in the list. */
  readonly position: number
  /** Ms; null in a list. */
  readonly start: number | null
  readonly end: number | null
}

/** A range of partitions, both ends included, as people write it. */
export interface Range {
  readonly from?: string | undefined
  readonly to?: string | undefined
}

export function isByTime(spec: PartitionsSpec): spec is Extract<PartitionsSpec, { by: Period }> {
  return 'by' in spec
}

function calendarOf({ by, timezone }: Extract<PartitionsSpec, { by: Period }>): Calendar {
  return { by, zone: steadyZone(zoneOf(timezone)), isUtc: timezone === 'UTC' }
}

/** The partitions that have ended by now, or all of a list, in a range, oldest first. Throws `invalid_field` for an end that names none. */
export function partitionsIn(spec: PartitionsSpec, now: number, range: Range = {}): Partition[] {
  if (!isByTime(spec)) return listIn(spec.values, range)
  const calendar = calendarOf(spec)
  const first = firstOf(calendar, spec)
  const from = range.from === undefined ? first.start : placeOf(calendar, 'from', range.from).start
  const to = range.to === undefined ? Infinity : placeOf(calendar, 'to', range.to).end
  if (from >= to)
    throw problem('invalid_field', { field: 'to', value: range.to, expected: `no earlier than from, ${range.from}` })
  const found: Partition[] = []
  for (
    let span = spanAt(calendar, Math.max(from, first.start));
    span.end <= now && span.start < to;
    span = spanAfter(calendar, span)
  ) {
    if (found.push(partitionOf(span)) > MOST_PARTITIONS) throw tooMany(spec)
  }
  return found
}

/** The newest that has ended, for a run that names none. Throws `invalid_field` in a list, and before the first has ended. */
export function newestPartition(spec: PartitionsSpec, now: number): Partition {
  if (!isByTime(spec))
    throw problem('invalid_field', { field: 'partition', value: undefined, expected: `one of ${named(spec.values)}` })
  const calendar = calendarOf(spec)
  const current = spanAt(calendar, now)
  const newest = spanAt(calendar, current.start - 1)
  const first = firstOf(calendar, spec)
  if (newest.start < first.start) {
    const expected = `a partition that has begun: the first of the pipeline, ${first.key}, ends at ${new Date(first.end).toISOString()}`
    throw problem('invalid_field', { field: 'partition', value: undefined, expected })
  }
  return partitionOf(newest)
}

/** The partition of a key, one that has begun. Throws `invalid_field`. */
export function partitionNamed(spec: PartitionsSpec, key: string, now: number): Partition {
  const refuse = (expected: string): Error => problem('invalid_field', { field: 'partition', value: key, expected })
  if (!isByTime(spec)) {
    const at = spec.values.indexOf(key)
    if (at === -1) throw refuse(`one of ${named(spec.values)}`)
    return { key, position: at, start: null, end: null }
  }
  const calendar = calendarOf(spec)
  const place = spanOfText(calendar, key)
  const span = place === undefined ? undefined : spanAt(calendar, place.start)
  const newest = spanAt(calendar, now)
  if (span === undefined || span.key !== key) throw refuse(`the key of one ${spec.by}, for example ${newest.key}`)
  const first = firstOf(calendar, spec)
  if (span.start < first.start || span.start > newest.start) throw refuse(`from ${first.key} to ${newest.key}`)
  return partitionOf(span)
}

/** The partitions of a version. Throws `unprocessable` where it has none. */
export function requirePartitions({
  id: version,
  spec: { partitions },
}: {
  readonly id: string
  readonly spec: { readonly partitions?: PartitionsSpec }
}): PartitionsSpec {
  if (partitions !== undefined) return partitions
  const detail = `pipeline version ${version} has no partitions: expected a section "partitions" in the pipeline of its project file`
  throw problem('unprocessable', { detail, faults: [] })
}

function firstOf(calendar: Calendar, { start }: Extract<PartitionsSpec, { by: Period }>): Span {
  return spanAt(calendar, spanOfText(calendar, start)?.start ?? 0)
}

function partitionOf({ key, start, end }: Span): Partition {
  return { key, position: start, start, end }
}

function placeOf(calendar: Calendar, field: string, text: string): Omit<Span, 'key'> {
  const found = spanOfText(calendar, text)
  if (found !== undefined) return found
  const expected = 'a partition or a time, for example 2026-03, 2026-W10, 2026-03-08 or 2026-03-08T05'
  throw problem('invalid_field', { field, value: text, expected })
}

function listIn(values: readonly string[], { from, to }: Range): Partition[] {
  const ends = (
    [
      ['from', from, 0],
      ['to', to, values.length - 1],
    ] as const
  ).map(([field, key, otherwise]) => {
    const at = key === undefined ? otherwise : values.indexOf(key)
    if (at === -1) throw problem('invalid_field', { field, value: key, expected: `one of ${named(values)}` })
    return at
  })
  const [first = 0, last = 0] = ends
  if (first > last)
    throw problem('invalid_field', { field: 'to', value: to, expected: `no earlier in the list than from, ${from}` })
  return values.slice(first, last + 1).map((key, i) => ({ key, position: first + i, start: null, end: null }))
}

/** Values that a message lists. */
const NAMED = 20

function named(values: readonly string[]): string {
  const more = values.length > NAMED ? ` and ${values.length - NAMED} more` : ''
  return `${values.slice(0, NAMED).join(', ')}${more}`
}

function tooMany({ by, start }: Extract<PartitionsSpec, { by: Period }>): Error {
  const expected = `a range with at most ${MOST_PARTITIONS} partitions; by ${by} from ${start} there are more`
  return problem('invalid_field', { field: 'from', value: start, expected })
}
