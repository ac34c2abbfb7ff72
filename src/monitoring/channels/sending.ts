/** Sends what waits in the outbox of incidents, each route in order: tried again with growing pauses, given up after a day, sent again on demand. */
import type { Notice, NoticeRoute } from '../../contract/monitoring.ts'
import { openedAddress } from '../../auth/sealed-monitor.ts'
import type { Principal } from '../../contract/access.ts'
import { Problem, problem } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import { DAY_MS } from '../../contract/ids.ts'
import { maskedUrl, NAMED_ADDRESS } from '../../contract/secrets/addresses.ts'
import { withoutSecrets } from '../../http/masked.ts'
import { pauseAfter, postMessage } from '../../http/messages.ts'
import type { Outcome } from '../../http/messages.ts'
import type { Job } from '../../jobs/queue.ts'
import type { JobContext, Worker } from '../../jobs/worker.ts'
import { endpointRow } from '../../serving/context/rows.ts'
import type { Tx } from '../../store/db.ts'
import { faultPoint } from '../../store/fault.ts'
import { requireEndpoint, settingsOf } from '../context/context.ts'
import type { EndpointFacts, MonitoringDeps } from '../context/context.ts'
import { askForSending, isFailing, routesOf, routeStates, SEND } from '../incidents/outbox.ts'
import type { NoticeRow, NoticeState, RouteState } from '../incidents/outbox.ts'
import { withLinks } from '../incidents/message.ts'

/** Age at which a message is given up, and for which ended ones can be looked at, ms. */
const GIVE_UP_MS = DAY_MS
const KEEP_MS = 30 * DAY_MS

export interface SendingDeps extends Pick<MonitoringDeps, 'db' | 'clock' | 'send' | 'seal'> {
  /** Address under which people reach the pages. */
  readonly pagesUrl: () => string
  /** A number in [0, 1), for the spread of pauses. */
  readonly random: () => number
  /** Variables in which addresses may lie. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Says who sends the messages. */
export function handleNotices(deps: SendingDeps, worker: Worker): void {
  worker.register(SEND, (job, context) => sendWaiting(deps, job, context))
}

/**
 * Sends the messages of a route, the oldest first; one that must wait holds up those after it, so that a receiver never hears of an end before its
 * beginning. Each is sent before it is noted: a crash between the two sends it again, under the same id.
 */
async function sendWaiting(deps: SendingDeps, job: Job, context: JobContext): Promise<void> {
  const of = job.payload as { endpoint: string; route: string }
  faultPoint('notices.begun')
  while (!context.signal.aborted) {
    const head = await oldest(deps, of)
    if (head === undefined) return
    const now = deps.clock()
    if (head.next_at !== null && head.next_at > now) return context.again(head.next_at)
    const outcome = await attempt(deps, head)
    faultPoint('notices.sent')
    const number = head.attempts + 1
    if (!outcome.delivered && outcome.again && deps.clock() - head.at < GIVE_UP_MS) {
      const next = deps.clock() + pauseAfter(number, outcome.waitMs, deps.random)
      return context.again(next, (t) => keep(t, deps, head, { state: 'waiting', outcome, next }))
    }
    const state = outcome.delivered ? 'delivered' : 'dead'
    await context.tx((t) => keep(t, deps, head, { state, outcome, next: null }))
    faultPoint('notices.noted')
  }
}

async function oldest({ db }: SendingDeps, of: { endpoint: string; route: string }): Promise<NoticeRow | undefined> {
  return db.get<NoticeRow>(
    "SELECT * FROM notices WHERE endpoint = ? AND route = ? AND state = 'waiting' ORDER BY position LIMIT 1",
    [of.endpoint, of.route],
  )
}

const failed = (error: string): Outcome => ({
  delivered: false,
  again: false,
  status: null,
  reply: null,
  error,
  waitMs: null,
})

async function attempt(deps: SendingDeps, row: NoticeRow): Promise<Outcome> {
  const endpoint = await endpointRow(deps.db, row.endpoint)
  if (endpoint === undefined) return failed('the endpoint is there no more')
  const named = routesOf(settingsOf(endpoint)).find(({ name }) => name === row.route)?.url
  if (named === undefined) return failed('the settings of the monitor name no such webhook any more')
  let url: string | undefined
  try {
    url = NAMED_ADDRESS.test(named) ? deps.env[named.slice(1)] : openedAddress(deps.seal, named)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return failed(error.message)
  }
  if (url === undefined || url === '') {
    return { ...failed(`the server's environment has no variable ${named.slice(1)}`), again: true }
  }
  const headers = { 'user-agent': 'slipway-notice/1', 'idempotency-key': row.id }
  const outcome = await postMessage(deps.send, { url, headers, body: withLinks(row.body, deps.pagesUrl()) }, deps.clock)
  const said = outcome.reply === null || outcome.reply === '' ? '' : `: ${outcome.reply.slice(0, 200)}`
  const error = outcome.error ?? `it answered with status ${outcome.status}${said}`
  return { ...outcome, error: outcome.delivered ? null : withoutSecrets(error, url) }
}

interface Kept {
  readonly state: NoticeState
  readonly outcome: Outcome
  readonly next: number | null
}

async function keep(t: Tx, { clock }: SendingDeps, row: NoticeRow, { state, outcome, next }: Kept): Promise<void> {
  const now = clock()
  const ended = state === 'waiting' ? null : now
  await t.run(
    'UPDATE notices SET state = ?, attempts = ?, next_at = ?, ended_at = ?, status = ?, error = ? WHERE id = ?',
    [state, row.attempts + 1, next, ended, outcome.status, outcome.error, row.id],
  )
  // the newest of an incident and route says what was told of it, and stays
  if (ended !== null)
    await t.run(
      `DELETE FROM notices WHERE ended_at < ? AND position < (SELECT max(n.position) FROM notices n
         WHERE n.incident_id = notices.incident_id AND n.route = notices.route)`,
      [now - KEEP_MS],
    )
}

/** The messages of an endpoint, the newest first. */
export async function listNotices(
  { db }: SendingDeps,
  endpoint: string,
  asked: { readonly state?: NoticeState | undefined; readonly limit: number },
): Promise<Notice[]> {
  const which = asked.state === undefined ? '' : 'AND state = ?'
  const rows = await db.all<NoticeRow>(
    `SELECT * FROM notices WHERE endpoint = ? ${which} ORDER BY at DESC, position DESC LIMIT ?`,
    [endpoint, ...(asked.state === undefined ? [] : [asked.state]), asked.limit],
  )
  return rows.map(viewNotice)
}

function viewNotice(row: NoticeRow): Notice {
  return {
    id: row.id,
    route: row.route,
    incident_id: row.incident_id,
    status: row.firing === 1 ? 'firing' : 'resolved',
    at: toTime(row.at),
    state: row.state,
    attempts: row.attempts,
    next_at: row.next_at === null || row.state !== 'waiting' ? null : toTime(row.next_at),
    ended_at: row.ended_at === null ? null : toTime(row.ended_at),
    last_status: row.status,
    last_error: row.error,
    body: JSON.parse(row.body) as Record<string, unknown>,
  }
}

/** Sends a message again under its id, with a day of attempts of its own. Throws `not_found`, and `conflict` while it waits. */
export async function resend(
  deps: SendingDeps & Pick<MonitoringDeps, 'audit'>,
  who: Principal,
  of: { readonly endpoint: string; readonly id: string },
): Promise<Notice> {
  return deps.db.tx(async (t) => {
    const changed = await t.run(
      `UPDATE notices SET state = 'waiting', at = ?, attempts = 0, next_at = ?, ended_at = NULL
       WHERE id = ? AND endpoint = ? AND state <> 'waiting'`,
      [deps.clock(), deps.clock(), of.id, of.endpoint],
    )
    const row = await t.get<NoticeRow>('SELECT * FROM notices WHERE id = ? AND endpoint = ?', [of.id, of.endpoint])
    if (row === undefined) throw problem('not_found', { what: 'message', id: of.id })
    if (changed === 0) throw problem('conflict', { detail: `the message ${of.id} waits to be sent already` })
    await askForSending(t, of.endpoint, row.route)
    const detail = { action: 'resend', message: of.id }
    await deps.audit.record(t, who, { verb: 'write', resource: 'monitors', id: of.endpoint, detail })
    return viewNotice(row)
  })
}

/** The webhooks of an endpoint as people see them, each with how it does. */
export async function viewRoutes({ db }: Pick<SendingDeps, 'db'>, endpoint: EndpointFacts): Promise<NoticeRoute[]> {
  const states = new Map((await routeStates(db, endpoint.name)).map((state) => [state.route, state]))
  return routesOf(settingsOf(await requireEndpoint(db, endpoint.name))).map(({ name, url, from }) => {
    const state = states.get(name)
    return {
      name,
      to: maskedUrl(url),
      from,
      state: stateOf(state),
      waiting: state?.waiting ?? 0,
      dead: state?.dead ?? 0,
      waiting_since: state?.since == null ? null : toTime(state.since),
      delivered_at: state?.delivered_at == null ? null : toTime(state.delivered_at),
      last_error: state?.error ?? null,
    }
  })
}

function stateOf(state: RouteState | undefined): NoticeRoute['state'] {
  if (state === undefined) return 'unused'
  if (isFailing(state)) return 'failing'
  return state.failures > 0 ? 'retrying' : 'ok'
}
