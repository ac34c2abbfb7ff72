/**
 * A fake slurmrestd for tests that have no cluster: its answers are those of Slurm 22.05 (v0.0.38), recorded; those of v0.0.42 are made
 * after the description that Slurm publishes. Jobs are processes of this machine.
 */
import { startFakeServer, type Answer, type Asked } from '../../../../http/fake-server.fixture.ts'
import { fakeJobs, lifeOf, signal, type FakeJobs, type JobLife, type JobProcess } from '../fake-jobs.fixture.ts'

/** What was asked for with a job. */
export interface Submitted {
  readonly script: string
  readonly job: Readonly<Record<string, unknown>>
}

export interface FakeJob extends Submitted {
  readonly id: number
  readonly name: string
  readonly submit_time: number
  readonly child: JobProcess
  user: string
  /** In place of what its process says. */
  state?: string | readonly string[]
  reason?: string
  restarts?: number
}

export interface FakeSlurmrestd {
  readonly url: string
  readonly jobs: FakeJob[]
  /** `METHOD path` of each question. */
  readonly asked: string[]
  /** Tokens that came. */
  readonly tokens: Set<string | undefined>
  /** Set, it answers a question of this method and path so in place of the truth; status 0 breaks the connection after the act. */
  lie: { readonly on: RegExp; readonly status: number; readonly text: string } | undefined
  version: string
  /** Whether jobs are started or wait. */
  starts: boolean
  /** The number of the next job. */
  next: number
  stop(): Promise<void>
}

/** Recorded: what slurmrestd 22.05 answers. */
export const RECORDED = {
  unauthorized: 'Authentication failure',
  noRoute: 'Unable find requested URL. Please view /openapi/v3 for API reference.',
  expired: errors({ description: 'Failed while looking for jobs', error_number: -1, error: 'Unspecified error' }),
  controlAway: errors({ description: 'Unable to find JobId=1', error_number: -1, error: 'Unspecified error' }),
  submitLost: errors({ error_code: 5005, error: 'Zero Bytes were transmitted or received' }),
  noPartition: errors({ error_code: 2000, error: 'Invalid partition name specified' }),
  noTime: errors(
    { error: 'Invalid time specification', error_code: -1 },
    { error_code: 9001, error: 'Failure during parsing' },
  ),
  // the words of a cluster with limits, from Slurm's list of its errors
  policy: errors({
    error_code: 2050,
    error: "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
  }),
}

function errors(...list: readonly object[]): string {
  return JSON.stringify({ meta: { Slurm: { release: '22.05.8' } }, errors: list })
}

/** Its jobs run in `home`. */
export async function startFakeSlurmrestd(home: string): Promise<FakeSlurmrestd> {
  const processes = fakeJobs()
  const server = await startFakeServer((asked) => answer(fake, asked, { processes, home }))
  const fake: FakeSlurmrestd = {
    url: server.url,
    jobs: [],
    asked: [],
    tokens: new Set(),
    lie: undefined,
    version: 'v0.0.38',
    starts: true,
    next: 1,
    async stop() {
      processes.clear()
      await server.close()
    },
  }
  return fake
}

interface Around {
  readonly processes: FakeJobs
  readonly home: string
}

interface Said {
  readonly status: number
  readonly text: string
}

function answer(fake: FakeSlurmrestd, { method, path, headers, body }: Asked, around: Around): Answer {
  const what = `${method} ${path}`
  fake.asked.push(what)
  fake.tokens.add(headers['x-slurm-user-token'] as string | undefined)
  const isRefusal = fake.lie !== undefined && fake.lie.status >= 400 && fake.lie.on.test(what)
  const truth = isRefusal ? undefined : said(fake, what, body, around)
  const told = fake.lie?.on.test(what) === true ? fake.lie : truth
  const type = told?.text.startsWith('{') === true ? 'application/json' : 'text/plain'
  return { status: told?.status ?? 0, headers: { 'content-type': type }, body: told?.text ?? '' }
}

function said(fake: FakeSlurmrestd, what: string, ...[body, around]: [string, Around]): Said {
  const { version } = fake
  const [, method, path = ''] = /^(\w+) (.*?)\/?$/.exec(what) ?? []
  if (path === '/openapi/v3') return { status: 200, text: JSON.stringify({ paths: pathsOf(version) }) }
  if (!path.startsWith(`/slurm/${version}/`)) return { status: 404, text: RECORDED.noRoute }
  const rest = path.slice(`/slurm/${version}/`.length)
  if (rest === 'diag') return { status: 200, text: errors() }
  if (rest === 'jobs') return listing(fake, fake.jobs)
  if (rest === 'job/submit') return take(fake, body, around)
  const job = fake.jobs.find(({ id }) => rest === `job/${id}`)
  const unknown = { description: 'Unable to find JobId', error_number: 2017, error: 'Invalid job id specified' }
  if (job === undefined) return { status: 500, text: errors(unknown) }
  if (method === 'GET') return listing(fake, [job])
  if (job.child === undefined && job.state === undefined) job.state = 'CANCELLED'
  signal(job.child, 'SIGTERM')
  return { status: 200, text: errors() }
}

function pathsOf(version: string): Record<string, object> {
  const slash = version === 'v0.0.38' ? '' : '/'
  const names = ['job/submit', 'job/{job_id}', `jobs${slash}`, `diag${slash}`, `ping${slash}`]
  return Object.fromEntries(names.map((name) => [`/slurm/${version}/${name}`, {}]))
}

function take(fake: FakeSlurmrestd, body: string, { processes, home }: Around): Said {
  const submitted = JSON.parse(body) as Submitted
  const { script, job } = submitted
  const given = job['environment'] as Record<string, string> | string[]
  const variables = Array.isArray(given) ? Object.fromEntries(given.map(pair)) : given
  const env = { HOME: home, ...variables }
  const child = fake.starts ? processes.start(['sh', '-c', script], { cwd: home, env }) : undefined
  const id = fake.next++
  const now = Math.floor(Date.now() / 1000)
  fake.jobs.push({ ...submitted, id, name: String(job['name']), submit_time: now, child, user: 'me' })
  const told = { errors: [], job_id: id, step_id: 'BATCH', job_submit_user_msg: '' }
  return { status: 200, text: JSON.stringify(told) }
}

function pair(text: string): [string, string] {
  const at = text.indexOf('=')
  return [text.slice(0, at), text.slice(at + 1)]
}

function listing({ version }: FakeSlurmrestd, jobs: readonly FakeJob[]): Said {
  const isPlain = version === 'v0.0.38'
  const count = (number: number): unknown => (isPlain ? number : { set: true, infinite: false, number })
  const listed = jobs.map((job) => {
    const state = job.state ?? STATE[lifeOf(job.child)]
    return {
      job_id: job.id,
      name: job.name,
      user_name: job.user,
      job_state: isPlain ? String(state) : [state].flat(),
      state_reason: job.reason ?? (job.child === undefined ? 'Resources' : 'None'),
      state_description: '',
      submit_time: count(job.submit_time),
      restart_cnt: job.restarts ?? 0,
    }
  })
  return { status: 200, text: JSON.stringify({ errors: [], jobs: listed }) }
}

const STATE: Readonly<Record<JobLife, string>> = {
  waits: 'PENDING',
  runs: 'RUNNING',
  killed: 'CANCELLED',
  succeeded: 'COMPLETED',
  failed: 'FAILED',
}
