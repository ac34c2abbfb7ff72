/** A request as the engine gets it, and what it gives back and tells others: the same for every protocol. */
import type { Explained } from '../../scoring/rows/backend.ts'
import type { LimitsRoute } from '../../scoring/rows/fields.ts'
import type { Results } from '../../scoring/rows/results.ts'
import type { Rows } from '../../scoring/rows/rows.ts'
import type { RowReasons } from '../features/fill.ts'
import type { LogRecord } from '../records/records.ts'
import type { LiveEndpoint, LiveVariant } from '../traffic/live.ts'

/** A request, whatever protocol it came by. */
export interface Ask {
  readonly rows: Rows
  /** Size of the body, bytes. */
  readonly bytes: number
  /** Bounds of what may wait before it; undefined = the defaults. */
  readonly queue: LimitsRoute | undefined
  readonly priority: 'low' | 'normal' | 'high'
  /** The id of the caller's token; '' without one. */
  readonly caller: string
  /** One id a row; made by the gateway where the caller gave none. */
  readonly ids: readonly string[]
  /** One time a row, ms since 1970. */
  readonly times: readonly number[]
  /** What the split hashes; null = the first id. */
  readonly key: string | null
  readonly params: Readonly<Record<string, unknown>> | null
  readonly deadline: number
  /** Whether the caller wants to know what each input adds. */
  readonly explain: boolean
  /** A version that the caller insists on; undefined = the split decides. */
  readonly version: string | undefined
}

export interface Answer {
  readonly endpoint: LiveEndpoint
  readonly variant: LiveVariant
  readonly results: Results
  readonly ids: readonly string[]
  /** One a row, where the caller asked for it. */
  readonly explained: readonly Explained[] | undefined
  /** What was missing of the features and how old they are, one a row; absent where the version has no feature service. */
  readonly reasons?: () => readonly RowReasons[]
}

/** Where the engine writes; real ones are the segment log and the shadow queue. */
export interface Sinks {
  log(record: LogRecord): void
  shadow(job: ShadowJob): void
}

export interface ShadowJob {
  readonly endpoint: LiveEndpoint
  readonly ask: Ask
}
