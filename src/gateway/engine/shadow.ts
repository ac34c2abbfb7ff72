/** The shadow queue: scores answered rows again with shadow versions, after the reply, and drops work before it slows a caller. */
import type { Clock } from '../../contract/ids.ts'
import type { LogRecord } from '../records/records.ts'
import type { Scored } from '../../scoring/rows/scores.ts'
import type { ShadowJob } from './ask.ts'
import type { LiveVariant } from '../traffic/live.ts'
import { filledRows } from './filled.ts'

export interface ShadowDeps {
  readonly clock: Clock
  readonly log: (record: LogRecord) => void
  /** Rows that may wait; more are dropped. */
  readonly maxRows?: number
  /** Longest stretch of native scoring in one turn of the loop, ms. */
  readonly sliceMs?: number
}

/** By whom shadows are asked for in a queue; no id of a token is written so. */
const SHADOW = '(shadow)'

/** Runs shadows in slices between requests. Rows waiting or running count against the bound; what does not fit is dropped and counted. */
export class ShadowQueue {
  readonly #deps: Required<ShadowDeps>
  readonly #waiting: ShadowJob[] = []
  #head = 0
  #rows = 0
  #scheduled = false
  dropped = 0
  scored = 0

  constructor(deps: ShadowDeps) {
    this.#deps = { maxRows: 4096, sliceMs: 2, ...deps }
  }

  /** Takes a job, or drops it when the queue is full. */
  push(job: ShadowJob): void {
    const rows = job.ask.rows.count
    if (this.#rows + rows > this.#deps.maxRows) {
      this.dropped += rows
      return
    }
    this.#rows += rows
    this.#waiting.push(job)
    this.#schedule()
  }

  /** Rows that wait or run. */
  get rows(): number {
    return this.#rows
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.#slice())
  }

  #slice(): void {
    this.#scheduled = false
    const end = performance.now() + this.#deps.sliceMs
    while (this.#head < this.#waiting.length && performance.now() < end) {
      const job = this.#waiting[this.#head++] as ShadowJob
      void this.#run(job).finally(() => {
        this.#rows -= job.ask.rows.count
      })
    }
    if (this.#head === this.#waiting.length) {
      this.#waiting.length = 0
      this.#head = 0
    } else {
      if (this.#head > 1024) this.#waiting.splice(0, this.#head)
      if (this.#head > 1024) this.#head = 0
      this.#schedule()
    }
  }

  async #run(job: ShadowJob): Promise<void> {
    for (const variant of job.endpoint.shadows) {
      const started = performance.now()
      let scored: readonly Scored[] | undefined
      let error: string | undefined
      try {
        const filled = filledRows(variant, job.ask.rows)
        const { rows } = filled instanceof Promise ? await filled : filled
        const values = rows.values(variant.route.inputs)
        const { params, bytes } = job.ask
        const deadline = this.#deps.clock() + 30_000
        const limits = { params, bytes, priority: 'low', caller: SHADOW, deadline } as const
        const result = variant.backend.score(values, limits)
        scored = result instanceof Promise ? await result : result
        this.scored += values.length
      } catch (fault) {
        error = fault instanceof Error ? fault.message : String(fault)
      }
      this.#record(job, variant, { scored, error, us: Math.round((performance.now() - started) * 1000) })
    }
  }

  #record(
    job: ShadowJob,
    variant: LiveVariant,
    ran: { scored: readonly Scored[] | undefined; error: string | undefined; us: number },
  ): void {
    const at = this.#deps.clock()
    variant.stats.add(at, job.ask.rows.count, ran.us, ran.error !== undefined)
    for (let i = 0; i < job.ask.ids.length; i++) {
      this.#deps.log({
        t: 's',
        id: job.ask.ids[i] as string,
        ep: job.endpoint.route.name,
        ver: variant.route.version,
        et: job.ask.times[i] as number,
        at,
        us: ran.us,
        s: ran.scored?.[i]?.score ?? null,
        p: ran.scored?.[i]?.prediction ?? null,
        ...(ran.error !== undefined && { err: ran.error }),
      })
    }
  }
}
