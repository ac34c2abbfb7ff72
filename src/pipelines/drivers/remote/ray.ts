/** Brings the program of a node to a Ray cluster, by Ray's Jobs REST: an attempt is a job of its name. */
import { ifJson } from '../../../contract/absence/absent.ts'
import { problem, Problem } from '../../../contract/errors.ts'
import type { Egress, EgressReply } from '../../../http/egress.ts'
import type { ClusterHealth, LaunchState, Launcher, NodeJob } from './launcher.ts'
import { quoted } from './words.ts'

export interface RayOptions {
  /** The address of the cluster's head, as `http://ray-head:8265`. */
  readonly url: string
  /** For a cluster with `RAY_AUTH_MODE=token`. */
  readonly token?: string | undefined
  readonly send: Egress
}

/** How Ray's words for a job stand to ours. */
const STATES: Readonly<Record<string, LaunchState['state']>> = {
  PENDING: 'pending',
  RUNNING: 'running',
  STOPPED: 'over',
  SUCCEEDED: 'over',
  FAILED: 'over',
}

/** Characters of what Ray says that are told. */
const TOLD = 1000

export function rayLauncher(options: RayOptions): Launcher {
  const ask = asking(options)
  return {
    name: 'ray',
    launch: (job) => launch(ask, job),
    state: (attempt) => stateOf(ask, attempt),
    async stop(attempt) {
      const reply = await ask('POST', `/api/jobs/${attempt}/stop`)
      const { stopped } = said(reply)
      if ((reply.status !== 200 || typeof stopped !== 'boolean') && !isUnknown(reply))
        throw failed('stop the job', reply)
    },
    health: () => healthOf(ask),
  }
}

/** Only in Ray's own words, as of its jobs: a page to log in is no cluster. */
async function healthOf(ask: Ask): Promise<ClusterHealth> {
  const reply = await orFault(ask('GET', '/api/version'))
  if (reply instanceof Problem) return { ok: false, detail: reply.message }
  const { ray_version: version } = said(reply)
  if (reply.status === 200 && typeof version === 'string') return { ok: true, detail: 'Ray answers', version }
  const refused = reply.status === 401 || reply.status === 403 ? '; it does not take the token' : ''
  return { ok: false, detail: `what answers is not Ray: it answers ${reply.status} and names no version${refused}` }
}

type Ask = (method: 'GET' | 'POST', path: string, body?: unknown) => Promise<EgressReply>

function asking({ url, token, send }: RayOptions): Ask {
  const base = url.replace(/\/+$/, '')
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  return (method, path, body) =>
    send({
      method,
      url: `${base}${path}`,
      headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
}

/**
 * Ray takes a name once. It answers a second job of that name with an internal fault, and an answer can be lost, so that whether the job
 * is there decides, not the answer.
 */
async function launch(ask: Ask, { attempt, variables, command, ...wanted }: NodeJob): Promise<void> {
  const { cpus, gpus, memory_bytes, spot } = wanted
  const job = {
    entrypoint: `exec ${command.map(quoted).join(' ')}`,
    submission_id: attempt,
    runtime_env: { env_vars: variables },
    metadata: { slipway_attempt: attempt, ...(spot === true && { slipway_spot: 'allowed' }) },
    // without any demand Ray would run it on the head
    entrypoint_num_cpus: cpus,
    ...(gpus > 0 && { entrypoint_num_gpus: gpus }),
    ...(memory_bytes !== null && { entrypoint_memory: memory_bytes }),
  }
  const answered = await orFault(ask('POST', '/api/jobs/', job))
  if (isOfJob(answered, attempt)) return
  const found = await orFault(ask('GET', `/api/jobs/${attempt}`))
  if (isOfJob(found, attempt)) return
  if (answered instanceof Problem) throw away(answered.message, answered)
  const refused = failed('take the job', answered)
  throw BUSY.includes(answered.status) ? away(refused.message, refused) : refused
}

/** What stands before a head that is away says so, and a busy one. */
const BUSY = [429, 502, 503, 504]

/** It may take the job later. */
function away(detail: string, cause: Problem): Problem {
  return problem('unavailable', { what: 'Ray', detail }, cause)
}

/** Only in Ray's own words: a page to log in, or another program at that address, answers 200 too and has taken no job. */
function isOfJob(reply: EgressReply | Problem, attempt: string): boolean {
  if (reply instanceof Problem || reply.status !== 200) return false
  return said(reply).submission_id === attempt
}

/** What was answered, or why nothing was. */
async function orFault(asked: Promise<EgressReply>): Promise<EgressReply | Problem> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof Problem) return error
    throw error
  }
}

async function stateOf(ask: Ask, attempt: string): Promise<LaunchState> {
  const reply = await orFault(ask('GET', `/api/jobs/${attempt}`))
  if (reply instanceof Problem) return { state: 'unknown', detail: reply.message }
  // a head that was started anew has forgotten all of its jobs
  if (isUnknown(reply))
    return { state: 'over', detail: 'the cluster knows no such job (its head may have been started anew)' }
  const { status, message } = read(reply)
  const state = STATES[status]
  if (reply.status !== 200 || state === undefined) return { state: 'unknown', detail: `it answers ${reply.status}` }
  return { state, ...(state === 'over' && { detail: `${status}: ${message.slice(-TOLD)}` }) }
}

/** Only in Ray's own words: what stands before it may answer 404 too. */
function isUnknown(reply: EgressReply): boolean {
  return reply.status === 404 && /does not exist/i.test(reply.body.toString('utf8'))
}

/** Fields of a reply, whatever it is. */
function said(reply: EgressReply): Said {
  return ifJson(reply.body.toString('utf8')) ?? {}
}

interface Said {
  readonly submission_id?: unknown
  readonly stopped?: unknown
  readonly status?: unknown
  readonly message?: unknown
  readonly ray_version?: unknown
}

function read(reply: EgressReply): { readonly status: string; readonly message: string } {
  const { status, message } = said(reply)
  return { status: typeof status === 'string' ? status : '', message: typeof message === 'string' ? message : '' }
}

function failed(what: string, reply: EgressReply): Problem {
  const said = reply.body.toString('utf8').trim().slice(-TOLD)
  return problem('upstream_failed', { what: 'Ray', detail: `it did not ${what} (${reply.status}): ${said}` })
}
