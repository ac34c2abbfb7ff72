/** Rows of features as Feast says them: a list for each feature, with a list of statuses and one of times beside it. */
import type { FeatureRow, FeatureStatus } from '../../contract/features/online.ts'
import type { ValueType } from '../../contract/features/section.ts'
import { floatOf, Numeral } from '../../contract/values/numerals.ts'
import type { Column, Key } from '../definitions/definitions.ts'

/** A column of the reply. */
export interface FeastColumn {
  /** Its name in the rows. */
  readonly name: string
  /** Its name for the caller. */
  readonly as: string
  readonly type: ValueType
  /** The name by which `events` of the rows has its view; null for an on-demand feature, which has no time of its own. */
  readonly view: string | null
}

export interface FeastList {
  readonly values: readonly unknown[]
  readonly statuses: readonly FeastStatus[]
  readonly event_timestamps: readonly string[]
}

export type FeastStatus = 'PRESENT' | 'NULL_VALUE' | 'NOT_FOUND' | 'OUTSIDE_MAX_AGE'

export interface FeastReply {
  readonly metadata: {
    readonly feature_names: readonly string[]
    readonly feature_view_metadata?: readonly { readonly name: string; readonly version: number }[]
  }
  readonly results: readonly FeastList[]
}

/** Columns of a service for the caller, in their order; with `full` each is named VIEW__FEATURE, and an on-demand feature as it is. */
export function feastColumns(columns: readonly Column[], full: boolean): FeastColumn[] {
  return columns.map(({ name, type, of }) => {
    if (!('view' in of)) return { name, as: full ? of.on_demand : name, type, view: null }
    return { name, as: full ? `${of.view}__${of.feature}` : name, type, view: of.view }
  })
}

export interface Replied {
  /** Join keys as they are asked by, each once; the reply begins with them. */
  readonly keys: readonly Key[]
  /** What was asked, one for each row. */
  readonly given: readonly Readonly<Record<string, unknown>>[]
  readonly columns: readonly FeastColumn[]
  /** What was found, one for each row that was asked. */
  readonly rows: readonly FeatureRow[]
  /** Versions of views that were read, where the caller wants to know. */
  readonly views?: readonly { readonly name: string; readonly version: number }[]
}

/**
 * The reply: the keys first, then the columns in the order in which they were asked for, each with a value for each row. What is expired is
 * OUTSIDE_MAX_AGE; what happened later than now, or became known too late, is NOT_FOUND. A float keeps its point, a time is seconds since
 * 1970, and a float that JSON cannot say is null, with the status of a null.
 */
export function feastReply({ keys, given, columns, rows, views }: Replied): FeastReply {
  return {
    results: [...keys.map((key) => keyList(key, given)), ...columns.map((column) => columnList(column, rows))],
    metadata: {
      feature_names: [...keys.map(({ name }) => name), ...columns.map(({ as }) => as)],
      ...(views !== undefined && { feature_view_metadata: views.map(({ name, version }) => ({ name, version })) }),
    },
  }
}

const NO_TIME = '1970-01-01T00:00:00Z'

function keyList({ name, type }: Key, given: Replied['given']): FeastList {
  return {
    values: given.map((row) => plainValue(row[name] ?? null, type)),
    statuses: given.map(() => 'PRESENT'),
    event_timestamps: given.map(() => NO_TIME),
  }
}

const STATUS: Readonly<Record<FeatureStatus, FeastStatus>> = {
  present: 'PRESENT',
  null_value: 'NULL_VALUE',
  not_found: 'NOT_FOUND',
  expired: 'OUTSIDE_MAX_AGE',
  future_only: 'NOT_FOUND',
  late_suppressed: 'NOT_FOUND',
}

function columnList({ name, type, view }: FeastColumn, rows: readonly FeatureRow[]): FeastList {
  const values = rows.map(({ features }) => plainValue(own(features, name) ?? null, type))
  return {
    values,
    statuses: rows.map(({ missing }, i) => {
      const why = own(missing, name)
      if (why !== undefined) return STATUS[why]
      return values[i] === null ? 'NULL_VALUE' : 'PRESENT'
    }),
    event_timestamps: rows.map(({ events }) => {
      const event = view === null ? undefined : own(events, view)
      return event === undefined ? NO_TIME : shortTime(event.at)
    }),
  }
}

function own<T>(values: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined
}

/** The SDK takes the type of a value from its spelling: 10 is an integer to it, and 10.0 a float. */
function plainValue(value: unknown, type: ValueType): unknown {
  if (value === null || value instanceof Numeral) return value
  if (typeof value === 'bigint') return wholeOf(value)
  if (type === 'int') return typeof value === 'string' && /^-?\d{1,19}$/.test(value) ? wholeOf(BigInt(value)) : value
  if (type === 'time') return typeof value === 'string' ? secondsOf(value) : value
  if (type === 'float' && typeof value === 'number') return Number.isFinite(value) ? floatOf(value) : null
  return value
}

function wholeOf(value: bigint): number | Numeral {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : new Numeral('int', String(value))
}

const TIME = /^(.*T\d{2}:\d{2}:\d{2})(?:\.(\d+))?(Z|[+-]\d{2}:\d{2})$/

/** Seconds since 1970 of a time as RFC 3339; Feast has no fractions of them, and one is kept where there is one. */
function secondsOf(text: string): unknown {
  const [, until = '', fraction = '', zone = ''] = TIME.exec(text) ?? []
  const whole = Date.parse(`${until}${zone}`) / 1000
  if (Number.isNaN(whole)) return text
  const digits = fraction.replace(/0+$/, '')
  return digits === '' ? whole : whole + Number(`0.${digits}`)
}

/** With none, three or six digits of a fraction, which are what every Python reads; the rest is cut off. */
function shortTime(text: string): string {
  const [, until = '', fraction = '', zone = ''] = TIME.exec(text) ?? []
  if (until === '') return text
  const digits = fraction.slice(0, 6).replace(/0+$/, '')
  if (digits === '') return `${until}${zone}`
  return `${until}.${digits.padEnd(digits.length > 3 ? 6 : 3, '0')}${zone}`
}
