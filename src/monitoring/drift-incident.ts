/** Turns the findings of an hour into an incident: opened, grown, opened again, resolved. */
import type { MonitorSettings } from '../contract/monitoring.ts'
import type { Finding } from '../stats/calibrate.ts'
import type { RecentValues } from '../stats/explain.ts'
import type { WindowStatistics } from '../stats/window.ts'
import type { Tx } from '../store/db.ts'
import { rankCauses, suspects } from './causes.ts'
import type { CauseView } from './causes.ts'
import { hourDiffers } from './change-point.ts'
import { movesOf, viewCheck } from './checks.ts'
import type { StoredCheck } from './checks.ts'
import { currentIncident, note, writeIncident } from './incident-rows.ts'
import type { IncidentDetail, IncidentRow } from './incident-rows.ts'
import type { Live } from './live.ts'
import { wantReactions } from './reactions.ts'
import { DAY_MS, HOUR_MS } from './room.ts'
import type { HouseEvent, MonitoringDeps } from './room.ts'
import { severityOf, worse } from './severity.ts'

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
  const detail: IncidentDetail = { ...before.detail, clear: 0 }
  const order = judged.live.history.spec.features.map((feature) => feature.name)
  detail.features = [...new Set([...detail.features, ...judged.confirmed.map((one) => one.feature)])]
  const found = suspects({
    history: judged.live.history,
    hour: judged.hour,
    findings: judged.confirmed,
    features: partners(detail.features, judged.settings),
    values: judged.values,
    events: known === undefined ? judged.events : [],
  })
  detail.causes = rankCauses(detail.causes, found, order)
  detail.checks = judged.checks.filter((check) => check[5] === 1).map((check) => viewCheck(judged.hour, check))
  if (hourDiffers(judged.live.history, judged.hour, judged.confirmed) === true) detail.until = judged.hour + 1
  const [first] = detail.causes
  const features = new Set([...detail.features, ...(first?.features ?? [])])
  const { severity, effect } = severityOf(movesOf(features, judged.window, judged.live.history.spec), judged.importance)
  if (known === undefined || known.state === 'resolved') {
    const words = `${judged.confirmed.map((one) => `${one.feature} (${one.measure})`).join(', ')}; expected change of the score ${effect === null ? 'not known' : effect.toFixed(3)}`
    note(detail, { at: now, event: end, kind: known === undefined ? 'opened' : 'opened again', text: words })
  }
  const row: IncidentRow = {
    ...before,
    state: before.state === 'resolved' ? 'open' : before.state,
    resolved_at: null,
    resolved_event: null,
    severity: known === undefined ? severity : worse(known.severity, severity),
    title: first === undefined ? 'input features changed' : first.title,
    last_event: end,
    marked: before.marked === 1 || (first !== undefined && FAULTS.has(first.kind)) ? 1 : 0,
    detail,
  }
  if (row.marked === 1 && before.marked === 0)
    note(detail, {
      at: now,
      event: end,
      kind: 'marked_bad',
      text: 'affected rows are left out of baselines and of training',
    })
  await writeIncident(t, row)
  if (known === undefined) await wantReactions(t, row, judged.settings.reactions.drift, now)
  return row.id
}

/** Features with what one feed delivers together with them. */
function partners(features: readonly string[], { same_unit }: MonitorSettings): string[] {
  const groups = same_unit.filter((group) => group.some((feature) => features.includes(feature)))
  return [...new Set([...features, ...groups.flat()])]
}

function opened(deps: MonitoringDeps, judged: JudgedHour, now: number): IncidentRow {
  const { began } = judged
  const detail: IncidentDetail = {
    causes: [],
    checks: [],
    timeline: [],
    features: [],
    clear: 0,
    until: judged.hour + 1,
  }
  note(detail, { at: now, event: began * HOUR_MS, kind: 'began', text: 'the data began to differ' })
  return {
    id: deps.ids('inc'),
    endpoint: judged.endpoint,
    kind: 'drift',
    severity: 'low',
    state: 'open',
    title: '',
    opened_at: now,
    opened_event: (judged.hour + 1) * HOUR_MS,
    began_event: began * HOUR_MS,
    last_event: (judged.hour + 1) * HOUR_MS,
    resolved_at: null,
    resolved_event: null,
    pages: 1,
    marked: 0,
    dismissed: 0,
    detail,
  }
}

async function calm(deps: MonitoringDeps, t: Tx, judged: JudgedHour, known: IncidentRow): Promise<string | undefined> {
  const detail: IncidentDetail = { ...known.detail, clear: judged.findings.length > 0 ? 0 : known.detail.clear + 1 }
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
