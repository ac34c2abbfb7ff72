/** A head of Ray for tests that have no cluster: the Jobs REST as Ray 2.60 answers it, with jobs as processes of this machine. */
import type { ChildProcess } from 'node:child_process'
import { startFakeServer, type Answer, type Asked } from '../../../http/fake-server.fixture.ts'
import { fakeJobs, lifeOf, signal, type FakeJobs, type JobLife, type JobProcess } from './fake-jobs.fixture.ts'

/** What was asked for with a job. */
export interface RayJob {
  readonly entrypoint: string
  readonly submission_id: string
  readonly runtime_env: { readonly env_vars: Readonly<Record<string, string>> }
  readonly entrypoint_num_cpus: number
  readonly entrypoint_memory?: number
}

export interface RayHead {
  readonly url: string
  readonly jobs: Map<string, { readonly job: RayJob; readonly child: JobProcess }>
  /** Authorization headers that came. */
  readonly tokens: Set<string | undefined>
  /** Set, it answers so in place of the truth; 0 breaks the connection, after the act. */
  answers: { readonly status: number; readonly text: string } | undefined
  /** Whether jobs are started or only remembered. */
  starts: boolean
  /** Forgets every job, as a head that was started anew. */
  forget(): void
  stop(): Promise<void>
}

/** `home` is that of the jobs. */
export async function startRayHead(home: string): Promise<RayHead> {
  const processes = fakeJobs()
  const server = await startFakeServer((asked) => answer(head, asked, (job) => startJob(processes, job, home)))
  const head: RayHead = {
    url: server.url,
    jobs: new Map(),
    tokens: new Set(),
    answers: undefined,
    starts: true,
    forget: () => head.jobs.clear(),
    async stop() {
      processes.clear()
      await server.close()
    },
  }
  return head
}

function startJob(processes: FakeJobs, { entrypoint, runtime_env }: RayJob, home: string): ChildProcess {
  const env = { PATH: process.env['PATH'], HOME: home, ...runtime_env.env_vars }
  return processes.start(['sh', '-c', entrypoint], { cwd: home, env })
}

type Start = (job: RayJob) => ChildProcess

function answer(head: RayHead, { path, headers, body }: Asked, start: Start): Answer {
  head.tokens.add(headers.authorization)
  const [, id, act] = /^\/api\/jobs\/([^/]*)\/?(.*)$/.exec(path) ?? []
  const known = head.jobs.get(id ?? '')
  const said = { status: 200, text: '{}' }
  const version = { version: '4', ray_version: '2.60.0', ray_commit: 'unknown' }
  if (path === '/api/version') said.text = JSON.stringify(version)
  else if (id === '') Object.assign(said, take(head, JSON.parse(body) as RayJob, start))
  else if (known === undefined) Object.assign(said, { status: 404, text: `Job ${id} does not exist` })
  else if (act === 'stop') said.text = JSON.stringify({ stopped: signal(known.child, 'SIGTERM') })
  else said.text = JSON.stringify({ status: STATUS[lifeOf(known.child)], message: 'as Ray says it', submission_id: id })
  const { status, text } = head.answers ?? said
  return { status, headers: { 'content-type': 'application/json' }, body: text }
}

function take(head: RayHead, job: RayJob, start: Start): { status: number; text: string } {
  const { submission_id: id } = job
  if (head.jobs.has(id))
    return { status: 500, text: `Traceback: ValueError: Job with submission_id ${id} already exists` }
  head.jobs.set(id, { job, child: head.starts ? start(job) : undefined })
  return { status: 200, text: JSON.stringify({ submission_id: id }) }
}

const STATUS: Readonly<Record<JobLife, string>> = {
  waits: 'PENDING',
  runs: 'RUNNING',
  killed: 'STOPPED',
  succeeded: 'SUCCEEDED',
  failed: 'FAILED',
}
