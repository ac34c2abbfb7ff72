/**
 * A fake of the API server for tests that have no cluster: Jobs, Secrets, pods and events as Kubernetes 1.37 answers them, over plain
 * HTTP, with pods as processes of this machine. What it refuses it refuses in recorded words.
 */
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startFakeServer, type Asked } from '../../../../http/fake-server.fixture.ts'
import { fakeJobs, lifeOf, signal, type FakeJobs, type JobLife, type JobProcess } from '../fake-jobs.fixture.ts'

type Json = Record<string, unknown>

interface FakeContainer {
  readonly image: string
  readonly command: readonly string[]
  readonly env: readonly { name: string; value?: string; valueFrom?: { secretKeyRef: { name: string; key: string } } }[]
}

/** A Job as it was sent. */
export interface FakeJob {
  readonly metadata: {
    readonly name: string
    readonly labels: Record<string, string>
    readonly annotations: Record<string, string>
  }
  readonly spec: Json & {
    readonly template: { readonly spec: Json & { readonly containers: readonly [FakeContainer & Json] } }
  }
}

export interface FakeApiServer {
  readonly url: string
  /** A kubeconfig file that reaches it, with a token file beside it. */
  readonly kubeconfig: string
  readonly tokenFile: string
  /** Jobs, and what was sent as Secrets, by `namespace/name`. */
  readonly jobs: Map<string, { readonly job: FakeJob; readonly child: JobProcess }>
  readonly secrets: Map<string, Json & { readonly stringData: { readonly token: string } }>
  /** Calls, as `POST /apis/batch/v1/namespaces/default/jobs`, in their order. */
  readonly asked: string[]
  /** Tokens that it takes. */
  readonly good: Set<string>
  /** What it says instead of the truth: a recorded answer for a call that the pattern matches. */
  answers: (readonly [RegExp, number, unknown])[]
  /** Merged into the status of every Job and pod; `pods` null = there is none. */
  statuses: { jobs?: Json; pods?: Json | null }
  events: Json[]
  /** Whether pods are started or only remembered. */
  starts: boolean
  stop(): Promise<void>
}

/** `folder` is where its files lie and where pods run. */
export async function startFakeApiServer(folder: string): Promise<FakeApiServer> {
  const home = mkdtempSync(join(folder, 'fake-'))
  const processes = fakeJobs()
  const server = await startFakeServer((asked) => {
    const { status, body } = answer(fake, asked, { processes, home })
    return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  })
  const { url } = server
  const fake: FakeApiServer = {
    url,
    kubeconfig: join(home, 'kubeconfig'),
    tokenFile: join(home, 'token'),
    jobs: new Map(),
    secrets: new Map(),
    asked: [],
    good: new Set(['good']),
    answers: [],
    statuses: {},
    events: [],
    starts: true,
    async stop() {
      processes.clear()
      await server.close()
    },
  }
  writeFileSync(fake.tokenFile, 'good\n')
  writeFileSync(
    fake.kubeconfig,
    `apiVersion: v1
kind: Config
current-context: test
clusters: [{name: test, cluster: {server: "${url}"}}]
users: [{name: me, user: {tokenFile: token}}]
contexts: [{name: test, context: {cluster: test, user: me}}]
`,
  )
  return fake
}

interface Around {
  readonly processes: FakeJobs
  readonly home: string
}
interface Told {
  readonly status: number
  readonly body: unknown
}

function answer(fake: FakeApiServer, { method, path, headers, body: text }: Asked, around: Around): Told {
  const body = text === '' ? {} : (JSON.parse(text) as Json)
  const call = `${method} ${decodeURIComponent(path)}`
  fake.asked.push(call)
  const token = (headers.authorization ?? '').replace('Bearer ', '')
  if (!fake.good.has(token)) return status(401, 'Unauthorized')
  const [, recorded, instead] = fake.answers.find(([pattern]) => pattern.test(call)) ?? []
  // 0 loses the answer, after the act
  if (recorded !== undefined && recorded !== 0) return { status: recorded, body: instead }
  const said = serve(fake, { call, body }, around)
  return recorded === 0 ? { status: 0, body: {} } : said
}

/** A refusal as the API server words it. */
export function status(code: number, message: string): Told {
  return { status: code, body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', message, code } }
}

function serve(fake: FakeApiServer, { call, body }: { call: string; body: Json }, around: Around): Told {
  if (/^POST .*selfsubjectaccessreviews$/.test(call))
    return { status: 201, body: { ...body, status: { allowed: true } } }
  if (call === 'GET /version') return { status: 200, body: { major: '1', minor: '36', gitVersion: 'v1.36.1' } }
  const [, method, namespace, kind, name] = /^(\w+) .*\/namespaces\/([^/]+)\/(\w+)\/?([^?]*)/.exec(call) ?? []
  const key = `${namespace}/${name || (body['metadata'] as { name?: string } | undefined)?.name}`
  if (method === 'GET' && name === '')
    return { status: 200, body: { items: listed(fake, kind ?? '', namespace ?? '') } }
  if (kind === 'jobs') return serveJob(fake, method ?? '', { key, body, around })
  return serveSecret(fake, method ?? '', key, body)
}

function serveSecret(fake: FakeApiServer, method: string, ...[key, body]: [string, Json]): Told {
  if (method === 'POST' && fake.secrets.has(key)) return status(409, `secrets "${key}" already exists`)
  if (method !== 'POST' && !fake.secrets.has(key)) return status(404, `secrets "${key}" not found`)
  if (method === 'DELETE') fake.secrets.delete(key)
  else fake.secrets.set(key, body as never)
  return { status: method === 'POST' ? 201 : 200, body }
}

function serveJob(
  fake: FakeApiServer,
  method: string,
  { key, body, around }: { key: string; body: Json; around: Around },
): Told {
  const known = fake.jobs.get(key)
  if (method === 'POST') {
    if (known !== undefined) return status(409, `jobs.batch "${key}" already exists`)
    const job = { ...body, metadata: { ...(body['metadata'] as Json), uid: `uid-${key}` } } as unknown as FakeJob
    fake.jobs.set(key, { job, child: fake.starts ? startPod(fake, job, key, around) : undefined })
    return { status: 201, body: job }
  }
  if (known === undefined) return status(404, `jobs.batch "${key}" not found`)
  if (method === 'GET') return { status: 200, body: jobNow(fake, known) }
  fake.jobs.delete(key)
  signal(known.child, 'SIGTERM')
  return { status: 200, body: {} }
}

function startPod(fake: FakeApiServer, job: FakeJob, key: string, { processes, home }: Around): ChildProcess {
  const [container] = job.spec.template.spec.containers
  const place = join(home, key.replaceAll('/', '-'))
  mkdirSync(place, { recursive: true })
  const namespace = key.split('/')[0]
  const values = container.env.map(({ name, value, valueFrom }) => {
    const secret = fake.secrets.get(`${namespace}/${valueFrom?.secretKeyRef.name}`)
    return [name, value?.replaceAll('$$(', '$(') ?? secret?.stringData.token ?? ''] as const
  })
  // the home and the cache of a pod are an empty folder of its own
  const own = values.map(([name, value]) => [name, value.startsWith('/tmp') ? value.replace('/tmp', place) : value])
  const env = { PATH: process.env['PATH'], ...(Object.fromEntries(own) as Record<string, string>) }
  return processes.start(container.command, { cwd: place, env })
}

function listed(fake: FakeApiServer, kind: string, namespace: string): unknown[] {
  if (kind === 'events') return fake.events
  const jobs = [...fake.jobs].filter(([key]) => key.startsWith(`${namespace}/`)).map(([, one]) => one)
  if (kind === 'jobs') return jobs.map((one) => jobNow(fake, one))
  return fake.statuses.pods === null ? [] : jobs.map((one) => podNow(fake, one))
}

type Kept = Parameters<FakeApiServer['jobs']['set']>[1]

function jobNow({ statuses }: FakeApiServer, { job, child }: Kept): unknown {
  const over = PHASE[lifeOf(child)]
  const condition = over === 'Succeeded' ? [{ type: 'Complete', status: 'True' }] : []
  const failed = {
    type: 'Failed',
    status: 'True',
    reason: 'BackoffLimitExceeded',
    message: 'Job has reached the specified backoff limit',
  }
  return { ...job, status: { conditions: over === 'Failed' ? [failed] : condition, ...statuses.jobs } }
}

function podNow({ statuses }: FakeApiServer, { job, child }: Kept): unknown {
  const phase = PHASE[lifeOf(child)]
  const terminated = { exitCode: child?.exitCode ?? 137, reason: phase === 'Succeeded' ? 'Completed' : 'Error' }
  const over = phase === 'Failed' || phase === 'Succeeded'
  return {
    metadata: { ...job.metadata, name: `${job.metadata.name}-x7k2p` },
    spec: { nodeName: 'node-1' },
    status: { phase, containerStatuses: over ? [{ state: { terminated } }] : [], ...statuses.pods },
  }
}

const PHASE: Readonly<Record<JobLife, 'Pending' | 'Running' | 'Failed' | 'Succeeded'>> = {
  waits: 'Pending',
  runs: 'Running',
  killed: 'Failed',
  succeeded: 'Succeeded',
  failed: 'Failed',
}
