/** What every part of the cost room works with, and the rows of its ledger. */
import type { Audit } from '../auth/audit.ts'
import type { Clock } from '../contract/ids.ts'
import type { Db } from '../store/db.ts'

/** What every part of the room works with. */
export interface Cost {
  readonly db: Db
  readonly clock: Clock
  readonly audit: Audit
}

/** What was used, in whole units: ms of CPU, KiB seconds of memory, KiB seconds of storage. */
export interface Quantities {
  readonly cpu_ms: number
  readonly memory_kib_s: number
  readonly storage_kib_s: number
}

/** Micro-dollars for an hour of a vCPU, an hour of a GiB of memory, and 30 days of a GiB of storage. */
export interface Prices {
  readonly cpu_price: number
  readonly memory_price: number
  readonly storage_price: number
}

/** attempt: one try of a step. serving: an hour of a version at an endpoint. storage: a day of a version's files. */
export type EntryKind = 'attempt' | 'serving' | 'storage'

/** What an entry is for. */
export interface Subject {
  readonly id: string
  readonly kind: EntryKind
  readonly project: string
  readonly run: string | null
  readonly endpoint: string | null
  readonly model: string | null
  readonly version: string | null
  /** How an attempt ended. */
  readonly outcome: string | null
}

/** A row of the ledger; times in ms since 1970. */
export interface EntryRow extends Subject, Quantities, Prices {
  readonly from_at: number
  readonly to_at: number
  readonly predictions: number
  readonly micro_dollars: number
  /** 1 = more was used than could be measured. */
  readonly unmeasured: number
}
