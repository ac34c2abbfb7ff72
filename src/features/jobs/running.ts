/** Jobs that run in this process: the handler of the queue, how each ends, and how one is canceled. */
import { Problem } from '../../contract/errors.ts'
import type { ErrorCode } from '../../contract/errors.ts'
import type { Handler, JobContext } from '../../jobs/worker.ts'
import type { Job } from '../../jobs/queue.ts'
import { SourceAway, SourceRefused } from '../../pipelines/data/kinds/asked.ts'
import { faultPoint } from '../../store/fault.ts'
import type { JobsContext } from './context.ts'
import { sourceOf, type Pins } from './pins.ts'
import { beginJob, endJob, findJob, keepSources, type JobRow } from './rows.ts'

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

/** How often a job is looked at that another server may have canceled, ms. */
const LOOK_MS = 5000

/** Ends a job that was canceled. */
class Canceled extends Error {}

export class RunningJobs {
  readonly #context: JobsContext
  readonly #work: Readonly<Record<JobRow['kind'], Work>>
  readonly #aborts = new Map<string, AbortController>()

  constructor(context: JobsContext, work: Readonly<Record<JobRow['kind'], Work>>) {
    this.#context = context
    this.#work = work
  }

  /** Ends a job that runs here, whose row says by now that it was canceled. */
  cancel(id: string): void {
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

  /** Keeps why a job failed. Throws what is worth another attempt, and what is not of the job: the queue begins it again. */
  async #failed(error: unknown, { row, job, held }: Omit<Running, 'context' | 'signal'> & { job: Job }): Promise<void> {
    if (held.signal.aborted) throw error
    const reason = reasonOf(error) ?? lastReason(error, job)
    if (reason === undefined) throw error
    if (reasonOf(error) === undefined) this.#context.onError(error)
    await held.finish(async (t) => {
      await endJob(t, row.id, { state: 'failed', reason }, this.#context.clock())
    })
  }
}

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

/** After the last attempt what was hoped to pass is told. */
function lastReason(error: unknown, { attempts, max_attempts }: Job): string | undefined {
  if (attempts < max_attempts) return undefined
  if (error instanceof SourceAway) return `${error.message} (tried ${attempts} times)`
  return 'it failed by a fault of the server, which its log tells'
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
