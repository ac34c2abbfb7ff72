/** The outbox of incidents: what each webhook is to be told is written in the transaction of the change that it tells. */
import type { MonitorSettings } from '../../contract/monitoring.ts'
import type { Severity } from '../../contract/monitors/severities.ts'
import { enqueue, JOB_DEPS } from '../../jobs/queue.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { endpointRow } from '../../serving/context/rows.ts'
import { severer } from '../checks/severity.ts'
import { settingsOf } from '../context/context.ts'
import type { IncidentRow } from './rows.ts'
import { alertmanagerMessage } from './message.ts'

/** Kind of the job that sends what waits for a route. */
export const SEND = 'monitoring.notices'

/** A job is dead after so many crashes of its worker; how often a receiver is tried is counted by the message. */
const MOST_CLAIMS = 1000

/** A webhook that an endpoint's incidents are told to, from a severity on. */
export interface Route {
  readonly name: string
  /** The address, or the variable that holds it. */
  readonly url: string
  readonly from: Severity
}

/** The webhooks of settings; the one that is called `webhook` is told of what wakes somebody. */
export function routesOf({ webhook, webhooks = [] }: MonitorSettings): Route[] {
  return [...(webhook === undefined ? [] : [{ name: 'webhook', url: webhook, from: 'medium' as const }]), ...webhooks]
}

export type NoticeState = 'waiting' | 'delivered' | 'dead'

export interface NoticeRow {
  readonly id: string
  readonly endpoint: string
  readonly route: string
  readonly position: number
  readonly incident_id: string
  readonly firing: number
  readonly entries: number
  readonly at: number
  readonly body: string
  readonly state: NoticeState
  readonly attempts: number
  readonly next_at: number | null
  readonly ended_at: number | null
  readonly status: number | null
  readonly error: string | null
}

/**
 * Writes a message for each webhook for which the incident has changed: it has a new line in its timeline, and fires for that webhook or
 * did before. It fires while it is not resolved and its severity is one that the webhook asks for.
 */
export async function announce(t: Tx, incident: IncidentRow): Promise<void> {
  const endpoint = await endpointRow(t, incident.endpoint)
  if (endpoint === undefined) return
  const silent = silentRoutes(incident)
  for (const route of routesOf(settingsOf(endpoint))) {
    if (silent.includes(route.name)) continue
    const last = await lastTold(t, incident.id, route.name)
    const firing = incident.state !== 'resolved' && !severer(route.from, incident.severity)
    const entries = incident.detail.timeline.length
    if (entries <= (last?.entries ?? -1) || !(firing || last?.firing === 1)) continue
    const fresh = incident.detail.timeline.slice(last?.entries ?? 0)
    await write(t, incident, { route: route.name, firing, entries, body: alertmanagerMessage(incident, firing, fresh) })
  }
}

/** An incident about webhooks that fail is not told to them. */
function silentRoutes({ kind, detail }: IncidentRow): readonly string[] {
  if (kind !== 'notification') return []
  return detail.causes.flatMap(({ evidence }) => (evidence['routes'] ?? []) as string[])
}

type Told = Pick<NoticeRow, 'firing' | 'entries'>

async function lastTold(t: Reader, incident: string, route: string): Promise<Told | undefined> {
  return t.get<Told>(
    'SELECT firing, entries FROM notices WHERE incident_id = ? AND route = ? ORDER BY position DESC LIMIT 1',
    [incident, route],
  )
}

interface Written {
  readonly route: string
  readonly firing: boolean
  readonly entries: number
  readonly body: Record<string, unknown>
}

async function write(t: Tx, { id, endpoint }: IncidentRow, { route, firing, entries, body }: Written): Promise<void> {
  await t.lock(`notices ${endpoint}`)
  const row = await t.get<{ last: number | null }>(
    'SELECT max(position) AS last FROM notices WHERE endpoint = ? AND route = ?',
    [endpoint, route],
  )
  const now = JOB_DEPS.now()
  await t.run(
    `INSERT INTO notices (id, endpoint, route, position, incident_id, firing, entries, at, body, state, attempts, next_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting', 0, ?)`,
    [
      `ntc_${id.replace(/^inc_/, '')}_${route}_${entries}`,
      endpoint,
      route,
      (row?.last ?? 0) + 1,
      id,
      firing ? 1 : 0,
      entries,
      now,
      JSON.stringify(body),
      now,
    ],
  )
  await askForSending(t, endpoint, route)
}

/** Asks for the sending of what waits for a route. Routes do not wait for each other. */
export async function askForSending(t: Tx, endpoint: string, route: string): Promise<void> {
  await enqueue(t, {
    kind: SEND,
    key: `${endpoint}\n${route}`,
    payload: { endpoint, route },
    max_attempts: MOST_CLAIMS,
  })
}

/** How a webhook does. Times are ms. */
export interface RouteState {
  readonly endpoint: string
  readonly route: string
  readonly waiting: number
  readonly dead: number
  /** Attempts in a row that failed; since when what waits waits. */
  readonly failures: number
  readonly since: number | null
  readonly delivered_at: number | null
  readonly error: string | null
}

/** Failed attempts in a row after which a webhook counts as failing. */
const FAILING_FROM = 3

/** Whether a webhook takes no messages: its oldest one failed several times, or one was given up and none was taken after that. */
export function isFailing({ failures }: RouteState): boolean {
  return failures >= FAILING_FROM
}

/** How the webhooks do that the settings of their monitors name still. */
export async function namedRoutes(reader: Reader): Promise<RouteState[]> {
  const states: RouteState[] = []
  for (const [endpoint, own] of Map.groupBy(await routeStates(reader), (one) => one.endpoint)) {
    const row = await endpointRow(reader, endpoint)
    const named = new Set(row === undefined ? [] : routesOf(settingsOf(row)).map(({ name }) => name))
    states.push(...own.filter(({ route }) => named.has(route)))
  }
  return states
}

/** How the webhooks do to which something was ever to be sent, of an endpoint or of all. */
export async function routeStates(reader: Reader, endpoint?: string): Promise<RouteState[]> {
  const where = endpoint === undefined ? '' : 'WHERE n.endpoint = ?'
  const rows = await reader.all<Omit<RouteState, 'failures'> & { tried: number | null; buried: number }>(
    `SELECT n.endpoint, n.route,
       CAST(sum(CASE WHEN n.state = 'waiting' THEN 1 ELSE 0 END) AS BIGINT) AS waiting,
       CAST(sum(CASE WHEN n.state = 'dead' THEN 1 ELSE 0 END) AS BIGINT) AS dead,
       max(CASE WHEN n.state = 'waiting' THEN n.attempts END) AS tried,
       min(CASE WHEN n.state = 'waiting' THEN n.at END) AS since,
       max(CASE WHEN n.state = 'delivered' THEN n.ended_at END) AS delivered_at,
       CAST(sum(CASE WHEN n.state = 'dead' AND NOT EXISTS (SELECT 1 FROM notices d
         WHERE d.endpoint = n.endpoint AND d.route = n.route AND d.state = 'delivered' AND (d.ended_at > n.ended_at
           OR d.ended_at = n.ended_at AND d.position > n.position)) THEN 1 ELSE 0 END) AS BIGINT) AS buried,
       (SELECT e.error FROM notices e WHERE e.endpoint = n.endpoint AND e.route = n.route AND e.error IS NOT NULL
         AND e.state <> 'delivered' ORDER BY e.position DESC LIMIT 1) AS error
     FROM notices n ${where} GROUP BY n.endpoint, n.route ORDER BY n.endpoint, n.route`,
    endpoint === undefined ? [] : [endpoint],
  )
  return rows.map(({ tried, buried, ...row }) => ({
    ...row,
    failures: buried > 0 ? Math.max(FAILING_FROM, tried ?? 0) : (tried ?? 0),
  }))
}
