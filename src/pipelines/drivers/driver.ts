/** What a driver does: runs attempts somewhere, finds them again, and hands over what they made. */
import type { Failure } from '../../contract/pipelines.ts'
import type { Read } from '../../contract/runs/reads.ts'
import type { DriverName } from '../../contract/values/drivers.ts'
import type { CheckpointState } from '../../contract/runs/checkpoints.ts'
import type { TreeInfo } from '../../store/blobs/trees.ts'
import type { StoredCheckpoint } from './kept.ts'

/** Everything that an attempt needs. A driver given the same `attempt` twice runs it once. */
export interface AttemptSpec {
  readonly attempt: string
  /** Only an exit that carries this token is believed. */
  readonly fence: string
  /** The interpreter of the step's environment on this machine; '' for a driver of other machines. */
  readonly python: string
  /** For a driver of other machines: the lock from which it is built there. */
  readonly environment?: { readonly digest: string; readonly python_version: string; readonly text: string }
  /** The driver that is to run it, where there are several; absent = that of this machine. */
  readonly on?: DriverName
  /** For a driver that asks a cluster: what the attempt is of, and the cores, GPUs and image that the step names. */
  readonly of?: { readonly project: string; readonly run: string; readonly step: string }
  readonly cpus?: number | null
  readonly gpus?: number
  readonly image?: string
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
  /** How it may keep checkpoints, and those that it may go on from, the newest first; absent = it keeps none. */
  readonly checkpoints?: {
    readonly keep: number
    readonly largest_bytes: number
    /** Between two; null = by what one costs. */
    readonly every_ms: number | null
    /** Work from interruption to interruption, as it is expected. */
    readonly between_ms: number
    readonly resume: readonly Pick<StoredCheckpoint, 'number' | 'tree'>[]
  }
  /** What tells that the machine is taken away, see python/slipway/step/notices.py; absent = nothing does. */
  readonly notice?: string | undefined
  /** It may run on a machine that can be taken away. */
  readonly spot?: boolean
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
      /** Nobody has taken it up yet: it waits for a machine. */
      readonly starting?: true
    }
  | { readonly state: 'finished'; readonly exit: Exit }
  | { readonly state: 'absent' }

/** Whether a cluster answers and takes attempts, in words. */
export interface ClusterState {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
  /** As the cluster names it; null where it has not said one. */
  readonly version: string | null
  /** When it was found so, and when all was well last, ms since 1970; null where it never was. */
  readonly looked_at: number | null
  readonly answered_at: number | null
  /** The newest trouble, also where all is well by now; null where there was none. */
  readonly failed: { readonly at: number; readonly detail: string } | null
}

export interface Driver {
  readonly name: string
  /** Why attempts start slower than they could, in words; null where they do not. */
  slowStarts(): string | null
  /** How the clusters are that it hands attempts to; none for a driver of this machine. */
  clusters?(): Promise<readonly ClusterState[]>
  /** Starts the attempt, or finds it when it was started already. Resolves when its process exists. */
  submit(spec: AttemptSpec): Promise<void>
  get(attempt: string, fence: string): Promise<AttemptStatus>
  /** What the attempt has used so far, as far as that is known; undefined where nothing is. */
  usage(attempt: string): Promise<Usage | undefined>
  /** Attempts that the driver holds anything of. */
  list(): Promise<string[]>
  /** Ends what only a cluster still knows: nobody hears of it any more. Never throws. */
  endStrays?(): Promise<void>
  /** Asks the attempt to stop: it ends as `cancelled`, after its grace time by force, or is `absent` if it had not begun. Safe to repeat. */
  cancel(attempt: string): Promise<void>
  /** Ends every process of the attempt at once. */
  kill(attempt: string): Promise<void>
  /** Up to `most` bytes of the log from a byte offset; empty at its end. */
  logs(attempt: string, from: number, most: number): Promise<Buffer>
  /** Bytes of the log so far; 0 where there is none. */
  logSize(attempt: string): Promise<number>
  /** Stores the whole log as a blob and returns its digest; undefined when there is none. */
  storeLog(attempt: string): Promise<{ digest: string; size: number } | undefined>
  /** Stores an output by content. Throws `not_found` when it was not made, `unprocessable` for links inside it. */
  collect(attempt: string, output: string): Promise<TreeInfo>
  /** What the attempt says of its checkpoints; undefined where it says nothing. */
  checkpoints(attempt: string): Promise<CheckpointState | undefined>
  /** Stores the last good checkpoints of an attempt that has ended, and gives them, the newest first. */
  storeCheckpoints(attempt: string): Promise<StoredCheckpoint[]>
  /** Forgets the attempt and deletes its files. */
  delete(attempt: string): Promise<void>
  /** Calls `listener` when an attempt may have ended. A hint: it may be missed after a restart. */
  onEnd(listener: (attempt: string) => void): void
}
