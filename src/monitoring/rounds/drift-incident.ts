/** Turns the findings of an hour into an incident: opened, grown, opened again, resolved. */
import { DAY_MS, HOUR_MS } from '../../contract/ids.ts'
import type { MonitorSettings } from '../../contract/monitoring.ts'
import type { Finding } from '../../stats/calibrate.ts'
import type { RecentValues } from '../../stats/explain.ts'
import type { WindowStatistics } from '../../stats/window.ts'
import type { Tx } from '../../store/db.ts'
import { ofAttributionsAlone } from './attribution-incident.ts'
import { rankCauses, suspects } from '../incidents/causes.ts'
import type { CauseView } from '../incidents/causes.ts'
import { hourDiffers } from '../checks/change-point.ts'
import { ATTRIBUTION, checkName, movesOf, viewCheck } from '../checks/checks.ts'
import type { StoredCheck } from '../checks/checks.ts'
import { currentIncident, newIncident, note, writeIncident } from '../incidents/rows.ts'
import type { IncidentDetail, IncidentRow } from '../incidents/rows.ts'
import type { Live } from '../profiles/live.ts'
import { wantReactions } from '../incidents/reactions.ts'
import type { HouseEvent, MonitoringDeps } from '../context/context.ts'
import { severityOf, worse } from '../checks/severity.ts'

/** Windows without a finding after which an incident is over. */
const CLEAR = 6

/** What is known of the hour that is judged. */
export interface JudgedHour {
  readonly endpoint: string
  readonly hour: number
  readonly settings: MonitorSettings
  readonly live: Live
  readonly window: WindowStatistics
  readonly checks: readonly StoredCheck[]
  /** Findings that may page, and those of them that were there in the evaluation before. */
  readonly findings: readonly Finding[]
  readonly confirmed: readonly Finding[]
  readonly importance: Readonly<Record<string, number>>
  readonly values: RecentValues
  /** Whether the check of attributions alerts: it keeps an incident open. */
  readonly held: boolean
  /** First hour of the change, and what happened in the house around it. */
  readonly began: number
  readonly events: readonly HouseEvent[]
}

/** Causes that are faults of a feed: their rows are marked bad at once. */
const FAULTS: ReadonlySet<CauseView['kind']> = new Set(['unit_change', 'frozen_feature', 'swap'])

/** Applies an hour to the endpoint's incident. Returns the id of an incident that changed. */
export async function applyHour(deps: MonitoringDeps, t: Tx, judged: JudgedHour): Promise<string | undefined> {
  const end = (judged.hour + 1) * HOUR_MS
  const known = await currentIncident(t, judged.endpoint, 'drift', end - DAY_MS)
  if (judged.confirmed.length > 0) return grow(deps, t, judged, known)
  if (known === undefined || known.state === 'resolved') return undefined
  return calm(deps, t, judged, known)
}

async function grow(deps: MonitoringDeps, t: Tx, judged: JudgedHour, known: IncidentRow | undefined): Promise<string> {
  const now = deps.clock()
  const end = (judged.hour + 1) * HOUR_MS
  const before = known ?? opened(deps, judged, now)
  const fresh = known === undefined || known.state === 'resolved'
  const first = known === undefined || ofAttributionsAlone(known)
  const detail = detailOf(judged, before, first)
  const [cause] = detail.causes
  const features = blamed(detail)
  const { severity, effect } = severityOf(movesOf(features, judged.window, judged.live.history), judged.importance)
  const marked = before.marked === 1 || isFault(cause) ? 1 : 0
  const tell = (kind: string, text: string): void => note(detail, { at: now, event: end, kind, text })
  const news = newsOf(known)
  if (news !== undefined) tell(news, inWords(judged, effect))
  if (marked > before.marked) tell('marked_bad', 'affected rows are left out of baselines and of training')
  const row: IncidentRow = {
    ...before,
    ...(fresh && { state: 'open' as const, resolved_at: null, resolved_event: null }),
    severity: known === undefined ? severity : worse(known.severity, severity),
    title: cause?.title ?? 'input features changed',
    ...(first && { began_event: judged.began * HOUR_MS, pages: 1 }),
    last_event: end,
    marked,
    detail,
  }
  await writeIncident(t, row)
  if (first) await wantReactions(t, row, judged.settings.reactions.drift, now)
  return row.id
}

/** What findings are to the incident that was there: nothing new to one that is open for features. */
function newsOf(known: IncidentRow | undefined): string | undefined {
  if (known === undefined) return 'opened'
  if (known.state === 'resolved') return 'opened again'
  return ofAttributionsAlone(known) ? 'features differ too' : undefined
}

function isFault(cause: CauseView | undefined): boolean {
  return cause !== undefined && FAULTS.has(cause.kind)
}

/** A fault that is named explains the others: distance in another unit moves every mean by destination. */
function blamed({ causes: [first], features }: IncidentDetail): readonly string[] {
  return first !== undefined && isFault(first) ? first.features : features
}

function inWords({ confirmed }: JudgedHour, effect: number | null): string {
  const checks = confirmed.map((one) => `${one.feature} (${checkName(one.measure)})`).join(', ')
  return `${checks}; expected change of the score ${effect === null ? 'not known' : effect.toFixed(3)}`
}

/** What is known of the incident with this hour. */
function detailOf(judged: JudgedHour, before: IncidentRow, first: boolean): IncidentDetail {
  const { hour, confirmed, live } = judged
  const features = [...new Set([...before.detail.features, ...confirmed.map((one) => one.feature)])]
  const found = suspects({
    history: live.history,
    hour,
    findings: confirmed,
    features: partners(features, judged.settings),
    values: judged.values,
    events: first ? judged.events : [],
  })
  const order = live.history.spec.features.map((feature) => feature.name)
  return {
    ...before.detail,
    clear: 0,
    features,
    causes: rankCauses(before.detail.causes, found, order),
    checks: [
      ...before.detail.checks.filter((one) => one.check === ATTRIBUTION),
      ...judged.checks.filter((check) => check[5] === 1).map((check) => viewCheck(hour, check)),
    ],
    until: hourDiffers(live.history, hour, confirmed) === true ? hour + 1 : before.detail.until,
  }
}

/** Features with what one feed delivers together with them. */
function partners(features: readonly string[], { same_unit }: MonitorSettings): string[] {
  const groups = same_unit.filter((group) => group.some((feature) => features.includes(feature)))
  return [...new Set([...features, ...groups.flat()])]
}

function opened(deps: MonitoringDeps, judged: JudgedHour, now: number): IncidentRow {
  const [began_event, until] = [judged.began * HOUR_MS, judged.hour + 1]
  const row = newIncident({
    id: deps.ids('inc'),
    endpoint: judged.endpoint,
    kind: 'drift',
    severity: 'low',
    opened_at: now,
    opened_event: until * HOUR_MS,
    began_event,
    until,
  })
  note(row.detail, { at: now, event: began_event, kind: 'began', text: 'the data began to differ' })
  return row
}

async function calm(deps: MonitoringDeps, t: Tx, judged: JudgedHour, known: IncidentRow): Promise<string | undefined> {
  if (ofAttributionsAlone(known)) return undefined
  const busy = judged.held || judged.findings.length > 0
  const detail: IncidentDetail = { ...known.detail, clear: busy ? 0 : known.detail.clear + 1 }
  const over = detail.clear >= CLEAR
  const now = deps.clock()
  const end = (judged.hour + 1) * HOUR_MS
  if (over) note(detail, { at: now, event: end, kind: 'resolved', text: `${CLEAR} windows in a row are clear` })
  await writeIncident(t, {
    ...known,
    state: over ? 'resolved' : known.state,
    resolved_at: over ? now : null,
    resolved_event: over ? end : null,
    detail,
  })
  return over ? known.id : undefined
}
