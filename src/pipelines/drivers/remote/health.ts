/** How a cluster is, asked now and then: whoever looks at it does not wait for one that is slow. */
import type { Clock } from '../../../contract/ids.ts'
import type { ClusterState } from '../driver.ts'
import type { Launcher } from './launcher.ts'

/** For how long an answer counts, and how long the first one is waited for, ms. */
const KEPT_MS = 10_000
const WAIT_MS = 2000

type Known = Omit<ClusterState, 'name'>

export class Health {
  readonly #launcher: Launcher
  readonly #clock: Clock
  #last: Known = {
    ok: false,
    detail: 'it has not answered yet',
    version: null,
    looked_at: null,
    answered_at: null,
    failed: null,
  }
  #askedAt: number | undefined

  constructor(launcher: Launcher, clock: Clock) {
    this.#launcher = launcher
    this.#clock = clock
  }

  /** Undefined of a launcher that says nothing of its cluster. */
  async now(): Promise<Known | undefined> {
    const asked = this.#launcher.health === undefined ? undefined : this.#ask()
    if (asked === undefined) return undefined
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, WAIT_MS)
    await Promise.race([asked, promise]).finally(() => clearTimeout(timer))
    return this.#last
  }

  async #ask(): Promise<void> {
    const now = performance.now()
    if (this.#askedAt !== undefined && now - this.#askedAt < KEPT_MS) return
    this.#askedAt = now
    const said = await this.#launcher.health?.()
    if (said === undefined) return
    const { ok, detail, version = this.#last.version } = said
    const at = this.#clock()
    const { answered_at, failed } = this.#last
    // a version that was told once is not forgotten while the cluster is away
    this.#last = {
      ok,
      detail,
      version,
      looked_at: at,
      answered_at: ok ? at : answered_at,
      failed: ok ? failed : { at, detail },
    }
  }
}
