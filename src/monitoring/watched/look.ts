/** Keeps since when endpoints are not watched, tells each change in one line of the log, and opens an incident after a day. */
import { DAY_MS, HOUR_MS } from '../../contract/ids.ts'
import type { Severity } from '../../contract/monitors/severities.ts'
import type { Unwatched } from '../../contract/endpoint-view.ts'
import { Problem } from '../../contract/errors.ts'
import type { Db, SqlValue, Tx } from '../../store/db.ts'
import { endpointRow } from '../../serving/context/rows.ts'
import { lockMonitor, monitorOf } from '../context/context.ts'
import type { MonitoringDeps } from '../context/context.ts'
import { currentIncident, newIncident, note } from '../incidents/rows.ts'
import type { IncidentRow } from '../incidents/rows.ts'
import { writeIncident } from '../incidents/writing.ts'
import { watchNow, watchRow } from './facts.ts'
import { textOf } from './faults.ts'
import type { Verdict } from './state.ts'

/** Time without a watch after which that is an incident, ms. */
const TOLERATED_MS = DAY_MS
/** Reasons that look back over a day: what happened once is over by then, and what comes every day is not. */
const LOOKS_BACK: ReadonlySet<string> = new Set<Unwatched>(['rows_late', 'rows_ahead'])
const LOOK_BACK_MS = 3 * HOUR_MS

/** Reasons that are somebody's wish or the nature of the traffic: told, and nobody is woken for them. */
const QUIET: Readonly<Partial<Record<Unwatched, Severity>>> = { off: 'info', few_rows: 'low' }
/** Reasons by which an endpoint that was watched is watched no more. */
const LOUD: ReadonlySet<string> = new Set<Unwatched>(['evaluator_failing', 'evaluator_silent', 'records_lost'])

/** Looks at the state of one endpoint. Returns the id of an incident that changed. */
export async function lookAtWatch(deps: MonitoringDeps, endpoint: string): Promise<string | undefined> {
  const now = deps.clock()
  // the look itself is the sign of life that readers ask for
  await keep(deps.db, endpoint, { looked_at: now })
  const { verdict, row } = await watchNow(deps, endpoint)
  const same = row !== undefined && row.reason === verdict.reason
  const since = same ? row.since : now
  const out = verdict.state === 'unwatched'
  const unwatched = out ? (row?.unwatched_since ?? now) : null
  if (!same || row.unwatched_since !== unwatched)
    await keep(deps.db, endpoint, { reason: verdict.reason, since, unwatched_since: unwatched })
  if (!same && (out || row?.unwatched_since != null)) deps.log(lineOf(endpoint, verdict))
  return deps.db.tx((t) => tell(deps, t, { endpoint, verdict, unwatched }))
}

function lineOf(endpoint: string, { state, detail, remedy }: Verdict): string {
  if (state !== 'unwatched')
    return `endpoint ${endpoint} is ${state === 'watched' ? 'watched again' : 'to be watched'}: ${detail}`
  return `endpoint ${endpoint} is not watched: ${detail}${remedy === null ? '' : `. Remedy: ${remedy}`}`
}

interface Told {
  readonly endpoint: string
  readonly verdict: Verdict
  /** Since when nothing watches it, ms; null while something does, or soon will. */
  readonly unwatched: number | null
}

async function tell(deps: MonitoringDeps, t: Tx, { endpoint, verdict, unwatched }: Told): Promise<string | undefined> {
  const now = deps.clock()
  if ((await endpointRow(t, endpoint)) === undefined) return undefined
  const known = await currentIncident(t, endpoint, 'unwatched', unwatched ?? now)
  const open = known?.state === 'resolved' ? undefined : known
  if (unwatched === null) return open === undefined ? undefined : resolve(t, open, { now, text: verdict.detail })
  // an endpoint that answers nobody needs no watch
  const { newest_at } = await monitorOf(t, endpoint)
  if (newest_at === null || now - unwatched < toleratedBy(verdict.reason)) return undefined
  // its counts and minutes go on while the reason stays; one that a person resolved stays so until there is another reason
  if (known?.detail.causes[0]?.evidence['reason'] === verdict.reason) return undefined
  await lockMonitor(t, endpoint)
  const opened_at = now
  const severity = severityOf(verdict.reason)
  const fresh = {
    id: deps.ids('inc'),
    endpoint,
    kind: 'unwatched',
    severity,
    opened_at,
    began_event: unwatched,
  } as const
  return write(t, { row: open ?? newIncident(fresh), verdict, now, kind: open === undefined ? 'opened' : 'changed' })
}

function toleratedBy(reason: Unwatched | null): number {
  return TOLERATED_MS + (LOOKS_BACK.has(reason ?? '') ? LOOK_BACK_MS : 0)
}

interface Written {
  readonly row: IncidentRow
  readonly verdict: Verdict
  readonly now: number
  readonly kind: 'opened' | 'changed'
}

async function write(t: Tx, { row, verdict, now, kind }: Written): Promise<string> {
  const { reason, remedy, detail } = verdict
  const title = `nobody watches this endpoint: ${detail}`
  const severity = severityOf(reason)
  note(row.detail, { at: now, event: now, kind, text: title })
  row.detail.causes = [{ rank: 1, kind: 'unwatched', title, score: 1, features: [], evidence: { reason, remedy } }]
  const pages = severity === 'low' || severity === 'info' ? 0 : 1
  await writeIncident(t, { ...row, title, severity, pages, last_event: now })
  return row.id
}

function severityOf(reason: Unwatched | null): Severity {
  if (reason === null) return 'info'
  return QUIET[reason] ?? (LOUD.has(reason) ? 'high' : 'medium')
}

async function resolve(t: Tx, row: IncidentRow, { now, text }: { now: number; text: string }): Promise<string> {
  note(row.detail, { at: now, event: now, kind: 'resolved', text })
  await writeIncident(t, { ...row, state: 'resolved', resolved_at: now, resolved_event: now })
  return row.id
}

/** Keeps why an endpoint's hours could not be judged; null once they can. */
export async function keepFault(db: Db, endpoint: string, error: unknown, now: number): Promise<void> {
  const fault = error === null ? null : textOf(error)
  if (fault === null && (await watchRow(db, endpoint))?.fault == null) return
  await keep(db, endpoint, { fault, fault_at: fault === null ? null : now })
}

/** Keeps why a reference cannot be learned; null once it can. */
export async function keepUnfit(db: Db, endpoint: string, reference: string, error: unknown): Promise<void> {
  if (error === null && (await watchRow(db, endpoint))?.unfit == null) return
  await keep(db, endpoint, {
    unfit: error === null ? null : textOf(error),
    unfit_code: error instanceof Problem && error.status < 500 ? error.code : null,
    unfit_reference: error === null ? null : reference,
  })
}

async function keep(db: Db, endpoint: string, values: Readonly<Record<string, SqlValue>>): Promise<void> {
  const names = Object.keys(values)
  await db.tx((t) =>
    t.run(
      `INSERT INTO monitor_watch (endpoint, ${names.join(', ')}) VALUES (?, ${names.map(() => '?').join(', ')})
       ON CONFLICT (endpoint) DO UPDATE SET ${names.map((name) => `${name} = excluded.${name}`).join(', ')}`,
      [endpoint, ...Object.values(values)],
    ),
  )
}
