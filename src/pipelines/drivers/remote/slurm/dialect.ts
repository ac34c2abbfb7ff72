/** What a slurmrestd hears and says differs by its version: how a job is asked for, and how what is said of one is read. */
import { problem } from '../../../../contract/errors.ts'

/** Versions whose fields are known: v0.0.38 from a server, the others from the descriptions that Slurm publishes. Newest last. */
const KNOWN = [38, 39, 40, 41, 42, 43, 44]
const LAST_PLAIN = 38

/** A version that a server offers, and the path at which it lists jobs. */
export interface Dialect {
  /** As `v0.0.38`. */
  readonly version: string
  /** As `/slurm/v0.0.38`. */
  readonly base: string
  readonly jobs: string
  /** Whether numbers and variables are sent bare; later versions wrap them. */
  readonly isPlain: boolean
}

/** What a batch job asks for, in Slurm's measures. */
export interface Demand {
  readonly name: string
  readonly variables: Readonly<Record<string, string>>
  readonly folder: string
  readonly cpus: number
  readonly gpus: number
  readonly memory_mib: number | null
  readonly minutes: number | null
  /** Fields that are sent as they are: partition, account, qos, constraints. */
  readonly fields: Readonly<Record<string, string>>
}

/** The newest version that a server's own description offers and that is known here. Throws `upstream_failed` where there is none. */
export function dialectOf(description: unknown): Dialect {
  const paths = Object.keys((description as { paths?: object } | null)?.paths ?? {})
  const offered = paths.flatMap((path) => /^\/slurm\/(v\d+\.\d+\.(\d+))\/job\/submit\/?$/.exec(path)?.slice(1, 3) ?? [])
  const versions = offered.filter((_, i) => i % 2 === 0)
  const version = versions.filter(isKnown).sort((a, b) => minor(b) - minor(a))[0]
  if (version === undefined) throw unknown(versions)
  const base = `/slurm/${version}`
  const jobs = paths.find((path) => path === `${base}/jobs/`) ?? `${base}/jobs`
  return { version, base, jobs, isPlain: minor(version) <= LAST_PLAIN }
}

function isKnown(version: string): boolean {
  return version.startsWith('v0.0.') && KNOWN.includes(minor(version))
}

function minor(version: string): number {
  return Number(version.split('.')[2])
}

function unknown(versions: readonly string[]): Error {
  const known = `this Slipway knows v0.0.${KNOWN[0]} to v0.0.${KNOWN.at(-1)}`
  const offers = versions.length === 0 ? 'it offers no version of its REST' : `it offers ${versions.join(', ')}`
  return problem('upstream_failed', { what: 'Slurm', detail: `${offers}; ${known}` })
}

/** The body that submits a job. */
export function submission({ isPlain }: Dialect, demand: Demand, script: string): unknown {
  const { name, variables, folder, cpus, gpus, memory_mib, minutes, fields } = demand
  const count = (value: number): unknown => (isPlain ? value : { set: true, infinite: false, number: value })
  const job = {
    name,
    current_working_directory: folder,
    // logs and results come from the program itself
    standard_output: '/dev/null',
    standard_error: '/dev/null',
    environment: isPlain ? variables : Object.entries(variables).map(([key, value]) => `${key}=${value}`),
    tasks: 1,
    cpus_per_task: cpus,
    // v0.0.38 knows the options of sbatch, later versions the resources of a job
    ...(gpus > 0 && (isPlain ? { gres: `gpu:${gpus}` } : { tres_per_job: `gres/gpu:${gpus}` })),
    ...(memory_mib !== null && { memory_per_node: count(memory_mib) }),
    ...(minutes !== null && { time_limit: count(minutes) }),
    // v0.0.38 takes `requeue: false` for true, and leaves this field out of its description
    ...(isPlain ? { no_requeue: true } : { requeue: false }),
    ...fields,
  }
  return { script, job }
}

/** What is said of a job, in any version. */
export interface Seen {
  readonly id: number
  readonly name: string
  readonly user: string
  readonly states: readonly string[]
  /** Slurm's word for why it waits or ended; '' where it has none. */
  readonly reason: string
  /** More of that, in a sentence. */
  readonly description: string
  /** Seconds since 1970. */
  readonly submitted: number
  readonly restarts: number
}

/** Jobs of an answer; undefined where it holds no list of jobs. */
export function jobsOf(answer: unknown): Seen[] | undefined {
  const jobs = (answer as { jobs?: unknown } | null)?.jobs
  if (!Array.isArray(jobs)) return undefined
  return jobs
    .filter((job) => typeof job === 'object' && job !== null)
    .map((job) => seen(job as Record<string, unknown>))
}

function seen(job: Record<string, unknown>): Seen {
  const { job_state: states } = job
  const reason = text(job['state_reason'])
  return {
    id: number(job['job_id']),
    name: text(job['name']),
    user: text(job['user_name']),
    states: (Array.isArray(states) ? states : [states]).map(text).filter((state) => state !== ''),
    reason: reason === 'None' ? '' : reason,
    description: text(job['state_description']),
    submitted: number(job['submit_time']),
    restarts: number(job['restart_cnt']),
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** A number, bare or wrapped with whether it is set; 0 where there is none. */
function number(value: unknown): number {
  if (typeof value === 'number') return value
  const { set, number: inner } = (value ?? {}) as { set?: unknown; number?: unknown }
  return set !== false && typeof inner === 'number' ? inner : 0
}
