/** Judges the hours from one on again for which rows came late, as if they had come in time, and brings incidents in line with what is found. */
import { HOUR_MS } from '../../contract/ids.ts'
import type { MonitorSettings } from '../../contract/monitoring.ts'
import type { Tx } from '../../store/db.ts'
import { keepSums } from '../checks/attribution.ts'
import { lockMonitor, monitorOf, requireEndpoint, settingsOf } from '../context/context.ts'
import type { MonitoringDeps, MonitorRow, Reference } from '../context/context.ts'
import { driftIncidents } from '../incidents/rows.ts'
import type { IncidentRow } from '../incidents/rows.ts'
import { wantReactions } from '../incidents/reactions.ts'
import { writeIncident } from '../incidents/writing.ts'
import { spoil } from '../profiles/live.ts'
import type { Live } from '../profiles/live.ts'
import { ofAttributionsAlone } from './attribution-incident.ts'
import { draftOf } from './book.ts'
import type { Draft } from './book.ts'
import { enter, keepWindow, lookAtHour, stateAfter } from './hour.ts'
import type { Looked, Verdict } from './hour.ts'
import { keepMark, marksFrom } from './marks.ts'
import type { Mark } from './marks.ts'
import { reconcile } from './reconcile.ts'
import { runState } from './state.ts'
import type { RunState } from './state.ts'

interface Asked {
  readonly endpoint: string
  readonly reference: Reference | undefined
  /** Undefined where hours are not compared with anything: then there is no verdict to correct. */
  readonly live: Live | undefined
}

/** The hours that are judged again, and how things stood before them. */
interface Span {
  readonly monitor: MonitorRow
  readonly from: number
  /** Exclusive. */
  readonly until: number
  readonly marks: ReadonlyMap<number, Mark>
  readonly begin: RunState
  readonly known: readonly IncidentRow[]
}

/** Judges again what the monitor asks for. Where rows come meanwhile it is asked for again. */
export async function judgeAgain(deps: MonitoringDeps, { endpoint, reference, live }: Asked): Promise<void> {
  const monitor = await monitorOf(deps.db, endpoint)
  const span = live === undefined ? undefined : await spanOf(deps, monitor)
  if (live === undefined || span === undefined) return nothing(deps, monitor)
  const settings = settingsOf(await requireEndpoint(deps.db, endpoint))
  const draft = draftOf(span.known)
  const fold = await judgeSpan(deps, { span, live, draft, looked: { endpoint, settings, reference, live } })
  const changed = await deps.db.tx((t) => commit(deps, t, { span, fold, draft, settings }))
  for (const id of changed) deps.changed(id)
}

async function spanOf({ db }: MonitoringDeps, monitor: MonitorRow): Promise<Span | undefined> {
  const { endpoint, redo_hour: from, evaluated_hour: until } = monitor
  if (from === null || until === null) return undefined
  const marks = await marksFrom(db, endpoint, from)
  const [first] = marks
  if (first === undefined) return undefined
  const all = await driftIncidents(db, endpoint)
  // what a person called a false alarm is none in any hour
  const valid = all.filter((row) => row.dismissed === 0)
  const current = valid.some((row) => row.id === first.incident?.id) ? first.incident : undefined
  // looks at attributions are not repeated: what they opened and closed stays as it is now
  const settled = valid.filter(
    (row) => ofAttributionsAlone(row) && (row.opened_event > from * HOUR_MS || row.id === current?.id),
  )
  return {
    monitor,
    from,
    until,
    begin: first.state,
    marks: new Map(marks.map((mark) => [mark.hour, mark])),
    known: [...(current === undefined ? [] : [current]), ...settled],
  }
}

/** No verdict depends on the rows that came. */
async function nothing({ db }: MonitoringDeps, { endpoint, redo_hour }: MonitorRow): Promise<void> {
  await db.tx((t) =>
    t.run('UPDATE monitors SET redo_hour = NULL WHERE endpoint = ? AND redo_hour = ?', [endpoint, redo_hour]),
  )
}

interface Judged {
  readonly mark: Mark
  readonly looked: Looked
  readonly verdict: Verdict | undefined
}

interface Fold {
  readonly hours: readonly Judged[]
  readonly state: RunState
}

interface Folding {
  readonly span: Span
  readonly live: Live
  readonly draft: Draft
  readonly looked: Omit<Looked, 'hour' | 'before'>
}

async function judgeSpan(deps: MonitoringDeps, { span, live, draft, looked: of }: Folding): Promise<Fold> {
  const { from, until, marks, monitor } = span
  const settled = (await driftIncidents(deps.db, monitor.endpoint)).filter(
    (row) => row.opened_event <= from * HOUR_MS && row.dismissed === 0,
  )
  const hours: Judged[] = []
  let state = span.begin
  for (let hour = from; hour < until; hour++) {
    const drafted = draft.rows()
    const ids = new Set(drafted.map((row) => row.id))
    spoil(live.history, [...settled.filter((row) => !ids.has(row.id)), ...drafted])
    // looks at attributions are not repeated: the next one sees what came late
    const attribution = (marks.get(hour + 1)?.state ?? runState(monitor)).attribution
    await keepSums(deps, { endpoint: of.endpoint, version: of.reference?.version, hour })
    const looked = { ...of, hour, before: state }
    const look = await lookAtHour(deps, looked)
    const mark = { hour, state, incident: await draft.current((hour - 23) * HOUR_MS) }
    if (look.verdict !== undefined)
      await enter(deps, draft, { looked, verdict: look.verdict, held: attribution?.state === 'alert' })
    hours.push({ mark, looked, verdict: look.verdict })
    state = { ...stateAfter(looked, look), attribution }
  }
  return { hours, state }
}

interface Committed {
  readonly span: Span
  readonly fold: Fold
  readonly draft: Draft
  readonly settings: MonitorSettings
}

async function commit(deps: MonitoringDeps, t: Tx, { span, fold, draft, settings }: Committed): Promise<string[]> {
  const { monitor, from, until } = span
  const { endpoint } = monitor
  const now = await lockMonitor(t, endpoint)
  // somebody else judged meanwhile: what was found here is of before
  if (now.evaluated_hour !== until || now.reference !== monitor.reference) return []
  const ids = new Set(draft.rows().map((row) => row.id))
  const known = (await driftIncidents(t, endpoint)).filter(
    (row) => ids.has(row.id) || row.last_event > from * HOUR_MS || row.opened_event > from * HOUR_MS,
  )
  const changes = reconcile(known, draft.rows(), { from: from * HOUR_MS, at: deps.clock() })
  const kept = new Map(changes.flatMap(({ row, draft: id }) => (id === undefined ? [] : [[id, row.id]])))
  await t.run('DELETE FROM monitor_windows WHERE endpoint = ? AND hour >= ? AND hour < ?', [endpoint, from, until])
  for (const { mark, looked, verdict } of fold.hours) {
    await keepMark(t, endpoint, { ...mark, incident: renamed(mark.incident, kept) })
    if (verdict !== undefined) await keepWindow(t, looked, verdict)
  }
  for (const { row, asks } of changes) {
    await writeIncident(t, row)
    if (asks) await wantReactions(t, row, settings.reactions.drift, deps.clock())
  }
  await settle(deps, t, { monitor, now, state: fold.state })
  return changes.filter(({ told }) => told).map(({ row }) => row.id)
}

/** An incident of the draft under the id that it has in the tables; undefined where it has none. */
function renamed(row: IncidentRow | undefined, kept: ReadonlyMap<string, string>): IncidentRow | undefined {
  const id = row === undefined ? undefined : kept.get(row.id)
  return row === undefined || id === undefined ? undefined : { ...row, id }
}

async function settle(
  deps: MonitoringDeps,
  t: Tx,
  { monitor, now, state }: { readonly monitor: MonitorRow; readonly now: MonitorRow; readonly state: RunState },
): Promise<void> {
  const { endpoint } = monitor
  const { quality, attribution } = runState(now)
  const [judged, missed] = [
    await t.get<{ hour: number | null }>('SELECT max(hour) AS hour FROM monitor_windows WHERE endpoint = ?', [
      endpoint,
    ]),
    await t.get<{ hour: number | null }>(
      'SELECT min(hour) AS hour FROM monitor_hours WHERE endpoint = ? AND seq > ? AND hour < ?',
      [endpoint, monitor.seq, monitor.evaluated_hour],
    ),
  ]
  await t.run('UPDATE monitors SET redo_hour = ?, judged_hour = ?, last_run_at = ?, state = ? WHERE endpoint = ?', [
    missed?.hour ?? null,
    judged?.hour == null ? null : judged.hour + 1,
    deps.clock(),
    JSON.stringify({ ...state, quality, attribution }),
    endpoint,
  ])
}
