/** What is done now and then on this machine: sets that answer no more are removed, values expire, and jobs that nobody will run are ended. */
import { setImmediate as turn } from 'node:timers/promises'
import { existsSync } from 'node:fs'
import { DAY_MS } from '../../contract/ids.ts'
import { ifRefused } from '../../contract/absence/absent.ts'
import { getJob } from '../../jobs/queue.ts'
import { fetchAll, sql } from '../../store/sql/sql.ts'
import type { JobsContext } from './context.ts'
import { findVersion } from '../definitions/catalogue.ts'
import type { StoredSet } from '../online/store.ts'
import { endJob, forgetJobs, openJobs } from './rows.ts'

/** Expired values take room and no more: readers know what has expired. */
const EVERY_MS = 5 * 60_000
/** Materialisations, and joins that came to nothing, are told for so long. */
const TOLD_MS = 90 * DAY_MS

const NS = 1_000_000n

/** Within 64 bits: before it nothing happened. */
function atLeast(moment: bigint): bigint {
  const first = -(2n ** 63n)
  return moment < first ? first : moment
}

export class Rounds {
  readonly #context: JobsContext
  #timer: NodeJS.Timeout | undefined
  #going: Promise<void> | undefined
  #again = false
  #isStopped = false

  constructor(context: JobsContext) {
    this.#context = context
  }

  /** The first round is at once: what a server before was removing is gone on with. */
  start(): void {
    this.#timer ??= setInterval(() => this.wake(), EVERY_MS)
    this.wake()
  }

  /** Has a round follow soon. */
  wake(): void {
    if (this.#isStopped) return
    this.#again = true
    this.#going ??= this.#goOn()
  }

  /** Ends the round that goes on where it is. */
  async stop(): Promise<void> {
    this.#isStopped = true
    clearInterval(this.#timer)
    await this.#going
  }

  async #goOn(): Promise<void> {
    while (this.#again && !this.#isStopped) {
      this.#again = false
      await this.round().catch(this.#context.onError)
    }
    this.#going = undefined
  }

  /** One round, as of the clock. Other work comes between its slices. */
  async round(): Promise<void> {
    await this.#endLeft()
    // a server without features has no file of them
    if (!existsSync(this.#context.online.path)) return
    const now = BigInt(this.#context.clock()) * NS
    for (const set of this.#context.online.store().answering()) {
      if (this.#isStopped) return
      await this.#settle(set, now)
    }
    await this.#slices(() => this.#context.online.store().clean())
  }

  /** Jobs whose worker never came back, after all attempts, and old ones. */
  async #endLeft(): Promise<void> {
    const { db, clock, changed } = this.#context
    for (const { id, job_id } of await openJobs(db)) {
      const job = await ifRefused(getJob(db, job_id), 'not_found')
      if (job !== undefined && job.state !== 'dead' && job.state !== 'done') continue
      const why = job?.last_error ?? 'its place in the queue is gone'
      const reason = `it was begun ${job?.attempts ?? 0} times and never ended: ${why.split('\n')[0]}`
      const isEnded = await db.tx((t) => endJob(t, id, { state: 'failed', reason }, clock()))
      if (isEnded) changed(id)
    }
    await db.tx((t) => forgetJobs(t, clock() - TOLD_MS))
  }

  async #settle({ id, of, definition: { ttl_ms } }: StoredSet, now: bigint): Promise<void> {
    const { db, online } = this.#context
    const kept = await findVersion(db, { project: of.project, kind: 'view', name: of.view, version: of.version })
    if (kept === undefined) {
      // its project was removed
      online.store().remove(of)
      return
    }
    const ttl = ttl_ms === null ? null : BigInt(ttl_ms) * NS
    const isKept = ttl === null || (await this.#showsExpired(of))
    const forgotten = isKept ? null : atLeast(now - 2n * ttl)
    const expired = isKept ? null : atLeast(now - ttl)
    await this.#slices(() => online.store().settle(id, { now, expired, forgotten }))
  }

  /** Whether a service gives expired values of a version; then they are kept, as a join has them however old they are. */
  async #showsExpired({ project, view, version }: StoredSet['of']): Promise<boolean> {
    const rows = await fetchAll<{ definition: string }>(
      this.#context.db,
      sql`SELECT definition FROM feature_versions WHERE project = ${project} AND kind = 'service' AND definition LIKE '%"on_expired":"value"%'`,
    )
    return rows.some(({ definition }) => {
      const { views } = JSON.parse(definition) as { views: readonly { view: string; version: number }[] }
      return views.some((taken) => taken.view === view && taken.version === version)
    })
  }

  async #slices(slice: () => boolean): Promise<void> {
    while (!this.#isStopped && slice()) await turn()
  }
}
