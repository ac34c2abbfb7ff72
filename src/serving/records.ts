/** The records of the prediction log: what a gateway appends to its segment and control ingests. JSON, one object a record. */
import type { Role3 } from './table.ts'

/** One prediction: one row of one request. Non-finite numbers in `x` are written as null. Times are ms since 1970. */
export interface PredictionRecord {
  readonly t: 'p'
  readonly id: string
  readonly ep: string
  readonly role: Role3
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
  /** What each input added to the raw score, in the order of `x`, of rows in the endpoint's sample; lists where there is a score a class. */
  readonly ex?: {
    readonly base: number | readonly number[]
    readonly contributions: readonly (number | readonly number[])[]
  }
  /** True when stable answered because the canary failed. */
  readonly fb?: boolean
  readonly err?: string
}

/** What a shadow said about a row that was answered. */
export interface ShadowRecord {
  readonly t: 's'
  readonly id: string
  readonly ep: string
  readonly ver: string
  readonly et: number
  readonly at: number
  readonly us: number
  readonly s: number | null
  readonly p: unknown
  readonly err?: string
}

/** A canary's failure that stable hid from the caller: counted against the canary, no prediction of its own. */
export interface CanaryFailureRecord {
  readonly t: 'c'
  readonly id: string
  readonly ep: string
  readonly ver: string
  readonly et: number
  readonly at: number
  readonly us: number
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

export type LogRecord = PredictionRecord | ShadowRecord | CanaryFailureRecord | BreakerRecord
