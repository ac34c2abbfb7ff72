/** What the try of a step used. */

/** By the operating system's count; null = it was not counted, for example after a crash of the machine. */
export interface UsedByAttempt {
  readonly id: string
  readonly project: string
  readonly run_id: string
  /** How it ended: failed ones cost as much. */
  readonly state: string
  /** ms since 1970; of one that goes on, until when it is counted. */
  readonly finished_at: number
  readonly cpu_seconds: number | null
  readonly max_rss_bytes: number | null
  /** Memory over time, KiB seconds; null = only the largest is known. */
  readonly memory_kib_s: number | null
  readonly wall_ms: number | null
  /** How far this was measured; what is not `whole` used more. */
  readonly measured: 'whole' | 'partly' | 'not'
}
