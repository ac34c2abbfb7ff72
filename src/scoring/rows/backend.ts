/** What a backend is to the gateway: rows in, predictions out, in this process or another. */
import type { AnswerShape } from './outputs.ts'
import type { LimitsRoute } from './fields.ts'
import type { Results } from './results.ts'
import type { Scored } from './scores.ts'
import type { Value, ValueColumn } from './rows.ts'

/**
 * What each input adds to the raw score of a row (the margin of a classifier), beginning at `base`, the mean over the training data.
 * Contributions are in the order of the version's inputs; lists where the model has one raw score a class.
 */
export interface Explained {
  readonly base: number | readonly number[]
  readonly contributions: readonly (number | readonly number[])[]
}

/** Limits of one call. */
export interface CallLimits {
  /** Time after which the caller no longer waits, ms since 1970. */
  readonly deadline: number
  /** Values for the model's `params`, when the caller sent some. */
  readonly params: Readonly<Record<string, unknown>> | null
  /** Size of the request, bytes, counted against the bound of a queue. */
  readonly bytes: number
  readonly priority: 'low' | 'normal' | 'high'
  /** Who asks, by the id of its token: each has its turns in a queue. Absent = nobody in particular. */
  readonly caller?: string
  /** Bounds of what may wait; absent = the backend's own. */
  readonly queue?: LimitsRoute | undefined
}

/** Processes of a model that took more memory than they may. */
export interface Outgrown {
  readonly times: number
  /** Of the last of them, in words. */
  readonly reason: string
}

export interface Backend {
  /** True when it can answer now. */
  ready(): boolean
  /**
   * Scores rows whose values are in the order of the model's inputs. Native backends return at once, others a promise.
   * Throws or rejects with a Problem: `upstream_failed` when the model raised, `unavailable`, `too_many_requests`, `deadline_exceeded`.
   */
  score(rows: readonly Value[][], limits: CallLimits): Scored[] | Promise<Scored[]>
  /** The same for many rows by columns, at once; only backends that gain by it have it. */
  scoreColumns?(columns: readonly ValueColumn[], count: number): Results
  /** Contributions of the inputs of rows, for a backend whose `unexplained` gives undefined. */
  explain?(rows: readonly Value[][]): Explained[]
  /** Why its rows cannot be explained; undefined where they can. Absent = never. */
  unexplained?(): string | undefined
  /** What its answers look like, where the backend knows it of itself. */
  answers?(): AnswerShape
  /** How often its processes took more memory than they may; undefined until they have. Absent = it has no such limit. */
  outgrown?(): Outgrown | undefined
  /** Lets running calls end, then frees everything. */
  close(): Promise<void>
  /** Figures of the processes behind it, for the admin socket. */
  describe(): Record<string, unknown>
}

/** Why a backend gives no contributions; undefined where it does. */
export function whyNotExplained(backend: Backend): string | undefined {
  if (backend.unexplained === undefined)
    return 'Python serves it; contributions are worked out for models that run natively'
  return backend.unexplained()
}
