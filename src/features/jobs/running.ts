/** Jobs that run in this process: the handler of the queue, how each ends, and how one is canceled. */
import { Problem } from '../../contract/errors.ts'
import type { ErrorCode } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import type { Handler, JobContext } from '../../jobs/worker.ts'
import type { Job } from '../../jobs/queue.ts'
import { SourceAway, SourceRefused } from '../../pipelines/data/kinds/asked.ts'
import { faultPoint } from '../../store/fault.ts'
import type { JobsContext } from './context.ts'
import { sourceOf, type Pins } from './pins.ts'
import { beginJob, delayJob, endJob, findJob, keepSources, type JobRow } from './rows.ts'

/** A job under way. */
export interface Running {
  readonly context: JobsContext
  readonly row: JobRow
  /** Of the queue: its transactions fail once another worker has the job. */
  readonly held: JobContext
  /** Aborted when it is canceled, when the server stops, and when another worker has it. */
  readonly signal: AbortSignal
}

/** Does one kind of jobs. */
export type Work = (running: Running) => Promise<void>

/** Between the tries at a source that is away, ms: what is being deployed or restarted is back within minutes. */
const PAUSES_MS: readonly number[] = [10_000, 30_000, 120_000, 300_000, 600_000]

/** How often a job is looked at that another server may have canceled, ms. */
const LOOK_MS = 5000

/** Ends a job that was canceled. */
class Canceled extends Error {}

export class RunningJobs {
  readonly #context: JobsContext
  readonly #work: Readonly<Record<JobRow['kind'], Work>>
  readonly #pauses: readonly number[]
  readonly #aborts = new Map<string, AbortController>()
  /** How often jobs were put off for a source that is away; another server counts anew. */
  readonly #putOff = new Map<string, number>()

  /** `pauses`: between the tries at a source that is away, ms; after the last of them a job fails. */
  constructor(context: JobsContext, work: Readonly<Record<JobRow['kind'], Work>>, pauses = PAUSES_MS) {
    this.#context = context
    this.#work = work
    this.#pauses = pauses
  }

  /** Ends a job that runs here, whose row says by now that it was canceled. */
  cancel(id: string): void {
    this.#putOff.delete(id)
    this.#aborts.get(id)?.abort(new Canceled(`the job ${id} was canceled`))
  }

  /** The handler of the queue. */
  readonly handle: Handler = async (job, held) => {
    const { id } = job.payload as { readonly id: string }
    const row = await held.tx((t) => beginJob(t, id, this.#context.clock()))
    if (row === undefined) return
    this.#context.changed(id)
    faultPoint('features.started')
    const canceling = new AbortController()
    this.#aborts.set(id, canceling)
    const looking = setInterval(() => void this.#lookAt(id), LOOK_MS)
    try {
      const signal = AbortSignal.any([held.signal, canceling.signal])
      await this.#work[row.kind]({ context: this.#context, row, held, signal })
      faultPoint('features.ended')
      this.#putOff.delete(id)
    } catch (error) {
      if (!canceling.signal.aborted) await this.#failed(error, { row, job, held })
    } finally {
      clearInterval(looking)
      this.#aborts.delete(id)
      this.#context.changed(id)
    }
  }

  async #lookAt(id: string): Promise<void> {
    try {
      const row = await findJob(this.#context.db, id)
      if (row === undefined || row.state === 'canceled') this.cancel(id)
    } catch (error) {
      this.#context.onError(error)
    }
  }

  /** Keeps why a job failed, or has it wait. Throws what is worth another attempt at once, and what is not of the job: the queue begins it again. */
  async #failed(error: unknown, { row, job, held }: Failing): Promise<void> {
    if (held.signal.aborted) throw error
    if (error instanceof SourceAway) return this.#away(error, { row, held })
    const reason = reasonOf(error) ?? lastReason(job)
    if (reason === undefined) throw error
    if (reasonOf(error) === undefined) this.#context.onError(error)
    await this.#fail(reason, { row, held })
  }

  async #away({ message }: SourceAway, { row, held }: Omit<Failing, 'job'>): Promise<void> {
    const before = this.#putOff.get(row.id) ?? 0
    const pause = this.#pauses[before]
    if (pause === undefined) return this.#fail(`${message} (tried ${before + 1} times)`, { row, held })
    this.#putOff.set(row.id, before + 1)
    const at = this.#context.clock() + pause
    await held.again(at, (t) => delayJob(t, row.id, `${message}; it is tried again at ${toTime(at)}`))
  }

  async #fail(reason: string, { row, held }: Omit<Failing, 'job'>): Promise<void> {
    this.#putOff.delete(row.id)
    await held.finish(async (t) => {
      await endJob(t, row.id, { state: 'failed', reason }, this.#context.clock())
    })
  }
}

type Failing = Pick<Running, 'row' | 'held'> & { readonly job: Job }

/** What the asker may correct: no further attempt would help. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  'unprocessable',
  'too_costly',
  'invalid_field',
  'not_found',
  'corrupt_blob',
])

function reasonOf(error: unknown): string | undefined {
  if (error instanceof SourceRefused) return error.message
  return error instanceof Problem && REFUSALS.has(error.code) ? error.message : undefined
}

function lastReason({ attempts, max_attempts }: Job): string | undefined {
  return attempts < max_attempts ? undefined : 'it failed by a fault of the server, which its log tells'
}

/** Keeps what was read with the job, and as the last reading of each source, so that it stays in the store and is not read again. */
export async function keepPins(
  { context, row, held }: Pick<Running, 'context' | 'row' | 'held'>,
  { reads }: Pins,
): Promise<void> {
  await held.tx(async (t) => {
    await context.below().pipelines.sources.keep(t, row.project, reads)
    await keepSources(t, row.id, reads.map(sourceOf))
  })
  context.changed(row.id)
  faultPoint('features.pinned')
}
