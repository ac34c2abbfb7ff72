/** Jobs of Slurm by their names. A number is only where to look first: Slurm gives it anew to another job after it fell. */
import { problem } from '../../../../contract/errors.ts'
import { jobsOf, type Seen } from './dialect.ts'
import { wordsOf, type Answer, type Rest } from './rest.ts'

/** "Invalid job id specified". */
const NO_SUCH_JOB = 2017
/** "Job/step already completing or completed". */
const ENDED = 2021
/** A list of all jobs answers whoever asks within this time, ms. */
const LIST_MS = 1000
/** Numbers that are kept. */
const MOST_KNOWN = 20_000

export class Jobs {
  readonly #rest: Rest
  readonly #user: string
  readonly #ids = new Map<string, number>()
  #list: { readonly at: number; readonly jobs: Promise<readonly Seen[]> } | undefined

  constructor(rest: Rest, user: string) {
    this.#rest = rest
    this.#user = user
  }

  remember(name: string, id: number): void {
    if (this.#ids.size >= MOST_KNOWN) this.#ids.delete(this.#ids.keys().next().value ?? '')
    this.#ids.set(name, id)
    this.#list = undefined
  }

  /** Jobs of our user that have this name. Throws `unavailable` where Slurm did not say. */
  async named(name: string): Promise<readonly Seen[]> {
    const id = this.#ids.get(name)
    const known = id === undefined ? [] : (await this.#asked(id)).filter((job) => this.#isOurs(job, name))
    if (known.length > 0) return known
    const found = (await this.#all()).filter((job) => this.#isOurs(job, name))
    // several are looked for together until one is left
    if (found.length === 1 && found[0] !== undefined) this.#ids.set(name, found[0].id)
    else this.#ids.delete(name)
    return found
  }

  /** Ends a job; one that is over already stays as it is. */
  async end({ id }: Seen): Promise<void> {
    const { base } = await this.#rest.dialect()
    const answer = await this.#rest.ask('DELETE', `${base}/job/${id}`)
    this.#list = undefined
    if (answer.status === 200 || has(answer, NO_SUCH_JOB) || has(answer, ENDED)) return
    throw problem('upstream_failed', { what: 'Slurm', detail: `it did not end job ${id}: ${wordsOf(answer)}` })
  }

  async #asked(id: number): Promise<readonly Seen[]> {
    const { base } = await this.#rest.dialect()
    const answer = await this.#rest.ask('GET', `${base}/job/${id}`)
    return has(answer, NO_SUCH_JOB) ? [] : listed(answer)
  }

  #all(): Promise<readonly Seen[]> {
    const now = performance.now()
    if (this.#list !== undefined && now - this.#list.at < LIST_MS) return this.#list.jobs
    const jobs = this.#rest.dialect().then(async (dialect) => listed(await this.#rest.ask('GET', dialect.jobs)))
    this.#list = { at: now, jobs }
    return jobs
  }

  #isOurs(job: Seen, name: string): boolean {
    return job.name === name && (job.user === '' || job.user === this.#user)
  }
}

function has({ faults }: Answer, wanted: number): boolean {
  return faults.some(({ code }) => code === wanted)
}

function listed(answer: Answer): readonly Seen[] {
  const jobs = jobsOf(answer.body)
  if (answer.status === 200 && jobs !== undefined) return jobs
  throw problem('unavailable', { what: 'Slurm', detail: `it did not list its jobs: ${wordsOf(answer)}` })
}
