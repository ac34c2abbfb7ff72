/** What a driver does: runs attempts somewhere, finds them again, and hands over what they made. */
import type { Failure, Read } from '../../contract/pipelines.ts'
import type { TreeInfo } from '../../store/blobs/trees.ts'

/** Everything that an attempt needs. A driver given the same `attempt` twice runs it once. */
export interface AttemptSpec {
  readonly attempt: string
  /** Only an exit that carries this token is believed. */
  readonly fence: string
  /** The interpreter of the step's environment. */
  readonly python: string
  readonly entry: string | readonly string[]
  /** Digest of the project's tree; the attempt gets a copy of its own as working folder. */
  readonly code: string
  /** Argument name → digest of a tree. */
  readonly inputs: Readonly<Record<string, string>>
  readonly outputs: readonly string[]
  readonly params: Readonly<Record<string, unknown>>
  readonly env: Readonly<Record<string, string>>
  /** Environment variables whose values never reach the log. */
  readonly secrets: Readonly<Record<string, string>>
  readonly timeout_ms: number | null
  /** Between the request to stop and the kill. */
  readonly grace_ms: number
  readonly memory_bytes: number | null
  /** Bytes of log that are kept. */
  readonly log_bytes: number
  /** Files of the project that the step's key does not hold. */
  readonly unheld: readonly string[]
}

/** What an attempt has used, by the count of its system. */
export interface Usage {
  readonly cpu_seconds: number
  readonly max_rss_bytes: number
  /** Memory over time: KiB times seconds. */
  readonly memory_kib_s: number
  /** Ms since 1970. */
  readonly started_at: number
  /** Until when it is counted, ms since 1970. */
  readonly at: number
}

/** How an attempt ended, as its wrapper wrote it. */
export interface Exit {
  readonly class: 'ok' | 'cancelled' | Failure
  readonly message: string
  readonly traceback: string | null
  readonly code: number | null
  readonly signal: number | null
  readonly metrics: Readonly<Record<string, number>>
  readonly cpu_seconds: number
  readonly max_rss_bytes: number
  readonly memory_kib_s: number
  /** Ms since 1970. */
  readonly started_at: number
  readonly finished_at: number
  readonly log_bytes: number
  readonly log_truncated: boolean
  /** What it read that its key does not hold; null where nobody watched. */
  readonly reads: readonly Read[] | null
}

/** What a driver knows of an attempt. `absent`: neither a process nor an exit file, so it will never end by itself. */
export type AttemptStatus =
  | {
      readonly state: 'running'
      /** Since the last heartbeat. */
      readonly silent_ms: number
      /** How long the step had put out nothing when that came. */
      readonly quiet_ms: number
    }
  | { readonly state: 'finished'; readonly exit: Exit }
  | { readonly state: 'absent' }

export interface Driver {
  readonly name: string
  /** Starts the attempt, or finds it when it was started already. Resolves when its process exists. */
  submit(spec: AttemptSpec): Promise<void>
  get(attempt: string, fence: string): Promise<AttemptStatus>
  /** What the attempt has used so far, as far as that is known; undefined where nothing is. */
  usage(attempt: string): Promise<Usage | undefined>
  /** Attempts that the driver holds anything of. */
  list(): Promise<string[]>
  /** Asks the attempt to stop: it ends as `cancelled`, after its grace time by force, or is `absent` if it had not begun. Safe to repeat. */
  cancel(attempt: string): Promise<void>
  /** Ends every process of the attempt at once. */
  kill(attempt: string): Promise<void>
  /** Up to `most` bytes of the log from a byte offset; empty at its end. */
  logs(attempt: string, from: number, most: number): Promise<Buffer>
  /** Stores the whole log as a blob and returns its digest; undefined when there is none. */
  storeLog(attempt: string): Promise<{ digest: string; size: number } | undefined>
  /** Stores an output by content. Throws `not_found` when it was not made, `unprocessable` for links inside it. */
  collect(attempt: string, output: string): Promise<TreeInfo>
  /** Forgets the attempt and deletes its files. */
  delete(attempt: string): Promise<void>
  /** Calls `listener` when an attempt may have ended. A hint: it may be missed after a restart. */
  onEnd(listener: (attempt: string) => void): void
}
