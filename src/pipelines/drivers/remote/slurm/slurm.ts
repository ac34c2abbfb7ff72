/** Brings the program of a node to a Slurm cluster, by slurmrestd: an attempt is a batch job of a name made of it. */
import { problem, type Problem } from '../../../../contract/errors.ts'
import type { SlurmSettings } from '../../../../contract/values/drivers.ts'
import type { LaunchState, Launcher, NodeJob } from '../launcher.ts'
import { quoted } from '../words.ts'
import { submission, type Demand, type Seen } from './dialect.ts'
import { Jobs } from './jobs.ts'
import { Rest, wordsOf, type Answer, type RestOptions } from './rest.ts'
import { isOver, isRefused, launchState } from './states.ts'

export type SlurmOptions = RestOptions & Omit<SlurmSettings, 'token' | 'tokenFile'>

const PATH = '/usr/local/bin:/usr/bin:/bin'
const MIB = 1024 * 1024
/** Memory of the program of a node and of the supervisor beside that of the step, MiB. */
const OWN_MIB = 128
/** Time beside that of the step: an environment may have to be built before, and outputs are sent after, ms. */
const OWN_MS = 30 * 60_000
/** Faults that pass without a change of what was asked for: limits of users, accounts and the cluster, and a controller in standby. */
const PASSING = [2007, 2027, 2041, 2050, 2074, 2101, 2105, 2125, 2131]

export function slurmLauncher(options: SlurmOptions): Launcher {
  const rest = new Rest(options)
  const jobs = new Jobs(rest, options.user)
  return {
    name: 'slurm',
    tellsWaits: true,
    launch: (job) => launch({ rest, jobs, options }, job),
    state: (attempt) => stateOf(jobs, attempt),
    async stop(attempt) {
      for (const job of await jobs.named(nameOf(attempt))) if (!isOver(job)) await jobs.end(job)
    },
    async health() {
      try {
        const { base, version } = await rest.dialect()
        // `ping` is answered whatever the token
        const answer = await rest.ask('GET', `${base}/diag`)
        const ok = answer.status === 200
        const detail = ok ? `slurmrestd answers (${version})` : `slurmrestd answers ${wordsOf(answer)}`
        return { ok, detail, version: releaseOf(answer) }
      } catch (error) {
        return { ok: false, detail: (error as Error).message }
      }
    },
  }
}

/** Of Slurm itself, as `22.05.8`, by either spelling of its answers; undefined where it says none. */
function releaseOf({ body }: Answer): string | undefined {
  const { meta } = body as { meta?: { Slurm?: { release?: unknown }; slurm?: { release?: unknown } } }
  const release = meta?.slurm?.release ?? meta?.Slurm?.release
  return typeof release === 'string' ? release : undefined
}

function nameOf(attempt: string): string {
  return `slipway-${attempt}`
}

interface Parts {
  readonly rest: Rest
  readonly jobs: Jobs
  readonly options: SlurmOptions
}

/**
 * Slurm takes any number of jobs of one name, so that one that may have been sent is looked for first, and again where no answer came.
 * Throws `unavailable` where Slurm takes no job now, `upstream_failed` where it never takes this one.
 */
async function launch({ rest, jobs, options }: Parts, job: NodeJob): Promise<void> {
  const name = nameOf(job.attempt)
  const isThere = async (): Promise<boolean> => (await jobs.named(name)).some((found) => !isRefused(found))
  if (job.again === true && (await isThere())) return
  const dialect = await rest.dialect()
  const demand = demandOf(name, job, options)
  const answer = await rest.ask('POST', `${dialect.base}/job/submit`, submission(dialect, demand, scriptOf(job)))
  const id = (answer.body as { job_id?: unknown }).job_id
  // a job that is taken may have faults beside it, for which it waits
  if (answer.status === 200 && typeof id === 'number' && id > 0) return jobs.remember(name, id)
  throw refusal(answer)
}

function refusal(answer: Answer): Problem {
  const isPassing = answer.faults.some(({ code }) => PASSING.includes(code))
  const detail = `it did not take the job: ${wordsOf(answer)}`
  return problem(isPassing ? 'unavailable' : 'upstream_failed', { what: 'Slurm', detail })
}

function demandOf(
  name: string,
  { variables, cpus, memory_bytes, timeout_ms, gpus }: NodeJob,
  options: SlurmOptions,
): Demand {
  const {
    partition,
    account,
    qos,
    constraint,
    timeLimitMinutes,
    workFolder = '/tmp',
    cacheFolder,
    path = PATH,
  } = options
  const fields = { partition, account, qos, constraints: constraint }
  return {
    name,
    // the variables of a job are shown by no command, its script is shown to its user and to operators
    variables: { PATH: path, ...(cacheFolder !== undefined && { SLIPWAY_NODE_CACHE: cacheFolder }), ...variables },
    folder: workFolder,
    cpus,
    gpus,
    memory_mib: memory_bytes === null ? null : Math.ceil(memory_bytes / MIB) + OWN_MIB,
    minutes: timeout_ms !== null ? Math.ceil((timeout_ms + OWN_MS) / 60_000) : (timeLimitMinutes ?? null),
    fields: Object.fromEntries(
      Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined),
    ),
  }
}

/** Slurm gives a job no home folder, and the program keeps its files there. */
function scriptOf({ command }: NodeJob): string {
  const home = '[ -n "$HOME" ] || export HOME="$(getent passwd "$(id -u)" | cut -d: -f6)"'
  return `#!/bin/sh\n${home}\nexec ${command.map(quoted).join(' ')}\n`
}

async function stateOf(jobs: Jobs, attempt: string): Promise<LaunchState> {
  try {
    const found = await jobs.named(nameOf(attempt))
    const job = chosen(found)
    if (job === undefined)
      return {
        state: 'over',
        detail: 'Slurm knows no such job: it forgets those that ended, and what it was sent just before it fell',
      }
    for (const other of found) if (other !== job && !isOver(other)) await jobs.end(other)
    return launchState(job)
  } catch (error) {
    return { state: 'unknown', detail: (error as Error).message }
  }
}

/** Of several jobs of one name the earliest that is not over; else the latest. */
function chosen(found: readonly Seen[]): Seen | undefined {
  const inOrder = found.toSorted((a, b) => a.submitted - b.submitted || a.id - b.id)
  return inOrder.find((job) => !isOver(job)) ?? inOrder.at(-1)
}
