/** The records of the prediction log: what a gateway appends to its segment and control ingests. JSON, one object a record. */
import type { VariantRole } from '../table/table.ts'

/** One prediction: one row of one request. Non-finite numbers in `x` are written as null. Times are ms since 1970. */
export interface PredictionRecord {
  readonly t: 'p'
  readonly id: string
  readonly ep: string
  readonly role: VariantRole
  readonly ver: string
  readonly ep_epoch: number
  /** Event time: what the caller said, else the time of arrival. */
  readonly et: number
  readonly at: number
  /** Time that the request took in the gateway, µs. */
  readonly us: number
  /** HTTP status of the answer. */
  readonly st: number
  readonly key: string | null
  /** The row in the order of the version's inputs. */
  readonly x: readonly unknown[]
  readonly s: number | null
  readonly p: unknown
  /** Of a version with a feature service: the keys and fields that came in the request, by name. */
  readonly e?: Readonly<Record<string, unknown>>
  /** What each input added to the raw score, in the order of `x`, of rows in the endpoint's sample; lists where there is a score a class. */
  readonly ex?: {
    readonly base: number | readonly number[]
    readonly contributions: readonly (number | readonly number[])[]
  }
  /** True when stable answered because the canary failed. */
  readonly fb?: boolean
  /** True for a row of a call after its first: all were answered by one variant. */
  readonly nth?: boolean
  /** True when the caller insisted on the version, and the split did not decide. */
  readonly pin?: boolean
  readonly err?: string
}

/** Numbers as bytes: float64, little-endian, in base64; NaN stands for null. `width` = each row has a list of so many. */
export interface PackedNumbers {
  readonly f64: string
  readonly width?: number
}

/** The values of the rows of a request, one a row. */
export type PackedColumn = PackedNumbers | readonly unknown[]

/** Several predictions of one request, by columns: read as one prediction a row. */
export interface BatchRecord extends Omit<PredictionRecord, 't' | 'id' | 'et' | 'x' | 's' | 'p' | 'e' | 'ex'> {
  readonly t: 'm'
  readonly ids: readonly string[]
  /** One time for all rows, or one a row. */
  readonly et: number | readonly number[]
  /** One column an input. */
  readonly x: readonly PackedColumn[]
  /** Absent where the scores are those that the predictions give by themselves. */
  readonly s?: PackedColumn
  /** null where the rows were not answered. */
  readonly p: PackedColumn | null
  /** What each prediction has as `e`, by name. */
  readonly es?: Readonly<Record<string, PackedColumn>>
  /** Rows, by their place, with what each input added. */
  readonly ex?: readonly (readonly [row: number, explained: NonNullable<PredictionRecord['ex']>])[]
}

/** Of which row, endpoint and version, and when: event time and time of the answer in ms, latency in microseconds. */
interface OfRow {
  readonly id: string
  readonly ep: string
  readonly ver: string
  readonly et: number
  readonly at: number
  readonly us: number
}

/** What a shadow said about a row that was answered. */
export interface ShadowRecord extends OfRow {
  readonly t: 's'
  readonly s: number | null
  readonly p: unknown
  readonly err?: string
}

/** A canary's failure that stable hid from the caller: counted against the canary, no prediction of its own. */
export interface CanaryFailureRecord extends OfRow {
  readonly t: 'c'
  readonly err: string
}

/** A breaker that tripped. */
export interface BreakerRecord {
  readonly t: 'b'
  readonly ep: string
  readonly ver: string
  readonly since: number
  readonly at: number
  readonly reason: string
}

export type LogRecord = PredictionRecord | BatchRecord | ShadowRecord | CanaryFailureRecord | BreakerRecord

/** A record of one row, or of none. */
export type RowRecord = Exclude<LogRecord, BatchRecord>
