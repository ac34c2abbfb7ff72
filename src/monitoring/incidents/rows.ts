/** Incidents as rows: how they are opened, found, written and shown. */
import type { z } from 'zod'
import { HOUR_MS } from '../../contract/ids.ts'
import { problem } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import type { CheckResult, Incident } from '../../contract/monitoring.ts'
import type { Severity } from '../../contract/monitors/severities.ts'
import type { Reader, SqlValue, Tx } from '../../store/db.ts'
import { isEvent } from './causes.ts'
import type { KeptCause } from './causes.ts'
import { insertRows } from '../../store/sql/sql.ts'
import { idsBetween } from '../../serving/records/queries.ts'

export type IncidentView = z.output<typeof Incident>
export type TimelineItem = IncidentView['timeline'][number]

/** What is kept of an incident beside its columns. */
export interface IncidentDetail {
  causes: KeptCause[]
  checks: z.output<typeof CheckResult>[]
  timeline: TimelineItem[]
  features: string[]
  /** Windows without a finding since the last one with. */
  clear: number
  /** First hour after the last one whose own rows differ. */
  until: number
}

/** Times are ms: `_at` wall time, `_event` event time. */
export interface IncidentRow {
  readonly id: string
  readonly endpoint: string
  readonly kind: IncidentView['kind']
  readonly severity: Severity
  readonly state: IncidentView['state']
  readonly title: string
  readonly opened_at: number
  readonly opened_event: number
  readonly began_event: number
  readonly last_event: number
  readonly resolved_at: number | null
  readonly resolved_event: number | null
  /** How often somebody was woken. */
  readonly pages: number
  readonly marked: number
  /** 1 = a person said that it was a false alarm: its hours count as normal. */
  readonly dismissed: number
  readonly detail: IncidentDetail
}

type Stored = Omit<IncidentRow, 'detail'> & { readonly detail: string }

const COLUMNS = [
  'id',
  'endpoint',
  'kind',
  'severity',
  'state',
  'title',
  'opened_at',
  'opened_event',
  'began_event',
  'last_event',
  'resolved_at',
  'resolved_event',
  'pages',
  'marked',
  'dismissed',
  'detail',
] as const

function parsed(row: Stored): IncidentRow {
  const detail = JSON.parse(row.detail) as IncidentDetail
  return { ...row, detail: row.kind === 'drift' ? { ...detail, causes: withCourses(row, detail) } : detail }
}

/** Causes that were kept before each had a course have that of their incident. */
function withCourses(row: Stored, { causes, clear }: IncidentDetail): KeptCause[] {
  const course = {
    severity: row.severity,
    began: row.began_event,
    opened: row.opened_event,
    seen: row.last_event,
    ended: row.resolved_event,
    clear,
    paged: row.pages > 0 ? row.severity : null,
  }
  return causes.map((cause) => (cause.course !== undefined || isEvent(cause) ? cause : { ...cause, course }))
}

/** How a new incident differs from one that says nothing yet; `until` is the first hour that it does not speak of. */
export type NewIncident = Pick<IncidentRow, 'id' | 'endpoint' | 'kind' | 'severity' | 'opened_at'> &
  Partial<Pick<IncidentRow, 'title' | 'opened_event' | 'began_event' | 'last_event' | 'pages'>> & {
    readonly until?: number
    readonly causes?: IncidentDetail['causes']
  }

/** An incident as it is opened: it pages, began when it was opened, and speaks of hours until then, unless that is said otherwise. */
export function newIncident({ until, causes = [], ...given }: NewIncident): IncidentRow {
  const { opened_at, opened_event = opened_at } = given
  return {
    state: 'open',
    title: '',
    opened_event,
    began_event: opened_event,
    last_event: opened_event,
    pages: 1,
    ...given,
    resolved_at: null,
    resolved_event: null,
    marked: 0,
    dismissed: 0,
    detail: {
      causes,
      checks: [],
      timeline: [],
      features: [],
      clear: 0,
      until: until ?? Math.ceil(opened_at / HOUR_MS),
    },
  }
}

/** Inserts an incident, or stores it as it is now; who changes one calls `writeIncident`, which tells it too. */
export async function storeIncident(t: Tx, row: IncidentRow): Promise<void> {
  const changes = COLUMNS.slice(1).map((name) => `${name} = excluded.${name}`)
  await insertRows(
    t,
    `INSERT INTO incidents (${COLUMNS.join(', ')})`,
    [COLUMNS.map((name) => kept(row, name))],
    `ON CONFLICT (id) DO UPDATE SET ${changes.join(', ')}`,
  )
}

/** A title quotes values that callers sent, and no table keeps NUL in a text; JSON escapes it. */
function kept(row: IncidentRow, name: (typeof COLUMNS)[number]): SqlValue {
  if (name === 'detail') return JSON.stringify(row.detail)
  return name === 'title' ? row.title.replaceAll('\0', '�') : row[name]
}

/** The newest incident of a kind that is not dismissed: open, or with an alert not before `since` (ms, event time). */
export async function currentIncident(
  reader: Reader,
  endpoint: string,
  kind: IncidentRow['kind'],
  since: number,
): Promise<IncidentRow | undefined> {
  const row = await reader.get<Stored>(
    `SELECT * FROM incidents WHERE endpoint = ? AND kind = ? AND dismissed = 0 AND (state <> 'resolved' OR last_event >= ?)
     ORDER BY last_event DESC LIMIT 1`,
    [endpoint, kind, since],
  )
  return row === undefined ? undefined : parsed(row)
}

/** Incidents of a kind that are not dismissed, the newest first. */
export async function incidentsOfKind(
  reader: Reader,
  endpoint: string,
  kind: IncidentRow['kind'],
): Promise<IncidentRow[]> {
  const rows = await reader.all<Stored>(
    'SELECT * FROM incidents WHERE endpoint = ? AND kind = ? AND dismissed = 0 ORDER BY opened_at DESC, id DESC LIMIT 200',
    [endpoint, kind],
  )
  return rows.map(parsed)
}

export async function requireIncident(reader: Reader, id: string): Promise<IncidentRow> {
  const row = await reader.get<Stored>('SELECT * FROM incidents WHERE id = ?', [id])
  if (row === undefined) throw problem('not_found', { what: 'incident', id })
  return parsed(row)
}

/** Incidents of an endpoint (or of all), open ones first, then by time, newest first. */
export async function incidentRows(
  reader: Reader,
  filter: { readonly endpoint?: string | undefined; readonly state?: string | undefined },
): Promise<IncidentRow[]> {
  const terms: string[] = []
  const params: string[] = []
  for (const key of ['endpoint', 'state'] as const) {
    const value = filter[key]
    if (value === undefined) continue
    terms.push(`${key} = ?`)
    params.push(value)
  }
  const where = terms.length === 0 ? '' : `WHERE ${terms.join(' AND ')}`
  const rows = await reader.all<Stored>(`SELECT * FROM incidents ${where} ORDER BY opened_event DESC, id DESC`, params)
  const open = (row: Stored): number => (row.state === 'resolved' ? 1 : 0)
  return rows.sort((a, b) => open(a) - open(b)).map(parsed)
}

/** How many causes of open incidents have not ended, by endpoint and severity. */
export async function openCauses(reader: Reader): Promise<{ labels: Record<string, string>; value: number }[]> {
  const rows = await reader.all<Stored>("SELECT * FROM incidents WHERE state <> 'resolved' ORDER BY endpoint, id")
  const open = rows.map(parsed).flatMap((row) =>
    row.detail.causes.flatMap((cause): string[] => {
      if (isEvent(cause) || cause.course?.ended != null) return []
      return [JSON.stringify({ endpoint: row.endpoint, severity: cause.course?.severity ?? row.severity })]
    }),
  )
  return [...Map.groupBy(open, (key) => key)].map(([key, of]) => ({
    labels: JSON.parse(key) as Record<string, string>,
    value: of.length,
  }))
}

/** Event hours `from` … `to` (exclusive) that incidents spoil: no reference for others. */
export async function spoiltHours(reader: Reader, endpoint: string): Promise<{ from: number; to: number }[]> {
  const rows = await reader.all<{ began_event: number; last_event: number }>(
    "SELECT began_event, last_event FROM incidents WHERE endpoint = ? AND kind = 'drift' AND dismissed = 0",
    [endpoint],
  )
  return rows.map(spoiltBy)
}

/** Event hours `from` … `to` (exclusive) that an incident of drift spoils. */
export function spoiltBy({ began_event, last_event }: Pick<IncidentRow, 'began_event' | 'last_event'>): {
  from: number
  to: number
} {
  return { from: Math.floor(began_event / HOUR_MS), to: Math.ceil(last_event / HOUR_MS) }
}

/** Incidents of drift in the order in which they were opened, dismissed ones too. */
export async function driftIncidents(reader: Reader, endpoint: string): Promise<IncidentRow[]> {
  const rows = await reader.all<Stored>(
    "SELECT * FROM incidents WHERE endpoint = ? AND kind = 'drift' ORDER BY opened_event, id",
    [endpoint],
  )
  return rows.map(parsed)
}

/** Event times of rows that were marked bad. */
export interface BadRange {
  readonly incident_id: string
  readonly from: number
  readonly to: number
  readonly features: readonly string[]
}

export async function badRanges(reader: Reader, endpoint: string): Promise<BadRange[]> {
  const rows = await reader.all<Stored>(
    'SELECT * FROM incidents WHERE endpoint = ? AND marked = 1 AND dismissed = 0 ORDER BY began_event',
    [endpoint],
  )
  return rows.map(parsed).map((row) => ({
    incident_id: row.id,
    from: row.began_event,
    to: row.detail.until * HOUR_MS,
    features: row.detail.causes.length === 0 ? row.detail.features : causedIn(row.detail),
  }))
}

/** The features of every cause. */
function causedIn({ causes }: IncidentDetail): string[] {
  return [...new Set(causes.flatMap((one) => one.features))]
}

/** Most prediction ids that are told at once. */
const MOST_IDS = 200_000

/** Ids of the predictions that were marked bad, in order of event time. */
export async function badIds(reader: Reader, endpoint: string): Promise<string[]> {
  const ids: string[] = []
  for (const range of await badRanges(reader, endpoint)) {
    const { from, to: until } = range
    ids.push(...(await idsBetween(reader, { endpoint, from, until, limit: MOST_IDS })))
  }
  return [...new Set(ids)]
}

/** Adds a line to an incident's timeline. */
export function note(
  detail: IncidentDetail,
  entry: { at: number; event: number | null; kind: string; text: string; href?: string | null },
): void {
  detail.timeline.push({
    at: toTime(entry.at),
    event_time: entry.event === null ? null : toTime(entry.event),
    kind: entry.kind,
    text: entry.text,
    href: entry.href ?? null,
  })
}

async function rowsBetween(reader: Reader, endpoint: string, from: number, to: number): Promise<number> {
  const row = await reader.get<{ n: number | null }>(
    'SELECT CAST(sum(rows) AS BIGINT) AS n FROM monitor_hours WHERE endpoint = ? AND hour >= ? AND hour < ?',
    [endpoint, from, to],
  )
  return row?.n ?? 0
}

/** The incident as the API shows it. */
export async function viewIncident(reader: Reader, row: IncidentRow): Promise<IncidentView> {
  const from = Math.floor(row.began_event / HOUR_MS)
  const affected = await rowsBetween(reader, row.endpoint, from, row.detail.until)
  const all = await rowsBetween(reader, row.endpoint, from, Number.MAX_SAFE_INTEGER)
  const { id, endpoint, title, kind, severity, state, detail } = row
  return {
    id,
    endpoint,
    title,
    kind,
    severity,
    state,
    opened_at: toTime(row.opened_at),
    opened_event_time: toTime(row.opened_event),
    began_event_time: toTime(row.began_event),
    resolved_at: row.resolved_at === null ? null : toTime(row.resolved_at),
    resolved_event_time: row.resolved_event === null ? null : toTime(row.resolved_event),
    pages: row.pages > 0,
    times_paged: row.pages,
    causes: detail.causes.map((cause) => viewCause(row, cause)),
    checks: detail.checks,
    affected: { rows: affected, share: all === 0 ? 0 : affected / all, marked_bad: row.marked === 1 ? affected : 0 },
    timeline: detail.timeline,
    actions: actionsOf(row, affected),
  }
}

/** A cause that its incident has alone began and ended with it. */
function viewCause(row: IncidentRow, { course, ...cause }: KeptCause): IncidentView['causes'][number] {
  if (isEvent(cause))
    return { ...cause, severity: null, began_event_time: null, seen_event_time: null, ended_event_time: null }
  const ended = course === undefined ? row.resolved_event : course.ended
  return {
    ...cause,
    severity: course?.severity ?? row.severity,
    began_event_time: toTime(course?.began ?? row.began_event),
    seen_event_time: toTime(course?.seen ?? row.last_event),
    ended_event_time: ended === null ? null : toTime(ended),
  }
}

function actionsOf(row: IncidentRow, affected: number): IncidentView['actions'] {
  const open = row.state !== 'resolved'
  return [
    { action: 'acknowledge', preview: 'tells others that you look at it', allowed: row.state === 'open' },
    { action: 'resolve', preview: 'closes it; an alert within 24 hours opens it again', allowed: open },
    {
      action: 'mark_bad',
      preview: `${affected} rows are left out of baselines and of training`,
      allowed: row.marked === 0 && row.dismissed === 0 && row.kind !== 'search',
    },
    { action: 'retrain', preview: 'starts the newest pipeline without the rows marked bad', allowed: true },
    { action: 'rollback', preview: 'the version before answers again', allowed: true },
    {
      action: 'false_alarm',
      preview: 'closes it, counts its hours as normal and raises the limits that it passed',
      allowed: row.dismissed === 0 && row.kind === 'drift',
    },
  ]
}
