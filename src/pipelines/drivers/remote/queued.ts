/** Jobs that a cluster does not take for now: they are sent again until it does, and it is said what they wait for. */
import { Problem } from '../../../contract/errors.ts'
import type { Launcher, LaunchState, NodeJob } from './launcher.ts'

/** Between two tries to send one job, ms. */
const AGAIN_MS = 10_000

interface Unsent {
  readonly job: NodeJob
  readonly at: number
  readonly why: string
}

export class Queued {
  readonly #launcher: Launcher
  readonly #againMs: number
  readonly #unsent = new Map<string, Unsent>()
  readonly #sending = new Map<string, Promise<LaunchState | undefined>>()

  constructor(launcher: Launcher, againMs = AGAIN_MS) {
    this.#launcher = launcher
    this.#againMs = againMs
  }

  /**
   * Sends a job, or keeps it to be sent again where the cluster is `unavailable`; whether the cluster has it. Throws what the launcher throws
   * else.
   */
  async launch(job: NodeJob): Promise<boolean> {
    try {
      await this.#launcher.launch(job)
      this.#unsent.delete(job.attempt)
      return true
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'unavailable') throw error
      // an answer that was lost may have been a yes
      this.#unsent.set(job.attempt, { job: { ...job, again: true }, at: performance.now(), why: error.message })
      return false
    }
  }

  has(attempt: string): boolean {
    return this.#unsent.has(attempt)
  }

  /** Keeps a job to be sent as soon as it is asked for. */
  add(job: NodeJob): void {
    this.#unsent.set(job.attempt, { job, at: -Infinity, why: 'it is sent to the cluster' })
  }

  /** How one stands that the cluster does not have; sent again where it is time. Undefined for one that it has. */
  async unsent(attempt: string): Promise<LaunchState | undefined> {
    const known = this.#unsent.get(attempt)
    if (known === undefined) return undefined
    if (performance.now() - known.at < this.#againMs) return { state: 'pending', detail: known.why }
    const sending = this.#sending.get(attempt) ?? this.#again(known)
    this.#sending.set(attempt, sending)
    return sending
  }

  async #again({ job }: Unsent): Promise<LaunchState | undefined> {
    try {
      await this.launch(job)
    } catch (error) {
      const isRefused = error instanceof Problem && error.code === 'unprocessable'
      return { state: 'over', detail: (error as Error).message, ...(isRefused && { failure: 'environment' }) }
    } finally {
      this.#sending.delete(job.attempt)
    }
    const known = this.#unsent.get(job.attempt)
    return known === undefined ? undefined : { state: 'pending', detail: known.why }
  }

  forget(attempt: string): void {
    this.#unsent.delete(attempt)
  }
}
