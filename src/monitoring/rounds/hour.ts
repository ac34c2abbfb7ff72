/** The look at one hour: its window against the limits, what of it is sure, and how it enters the book of incidents. */
import type { MonitorSettings } from '../../contract/monitoring.ts'
import { confirmed } from '../../stats/calibrate.ts'
import type { Finding } from '../../stats/calibrate.ts'
import type { RecentValues } from '../../stats/explain.ts'
import { filledBy, lookAt } from '../../stats/lengths.ts'
import type { Lack, Length } from '../../stats/lengths.ts'
import type { WindowStatistics } from '../../stats/window.ts'
import type { Tx } from '../../store/db.ts'
import { changeBegan } from '../checks/change-point.ts'
import { findingsOf, mayPage, raisedLimits, storedChecks } from '../checks/checks.ts'
import type { StoredCheck } from '../checks/checks.ts'
import { calibrationOf, learnedLengths } from '../checks/limits.ts'
import { importanceOf } from '../checks/severity.ts'
import type { HouseEvent, MonitoringDeps, Reference } from '../context/context.ts'
import { sinceFirst } from '../profiles/live.ts'
import type { Live } from '../profiles/live.ts'
import type { Book } from './book.ts'
import { applyHour } from './drift-incident.ts'
import { houseEvents, recentValues } from './evidence.ts'
import type { RunState } from './state.ts'

/** An hour that is looked at, and what is known before it. */
export interface Looked {
  readonly endpoint: string
  readonly hour: number
  readonly settings: MonitorSettings
  readonly reference: Reference | undefined
  /** Undefined where there is nothing to compare with. */
  readonly live: Live | undefined
  readonly before: RunState
}

/** What a look found. */
export interface Verdict {
  readonly window: WindowStatistics & { readonly length: Length }
  readonly checks: readonly StoredCheck[]
  /** Findings that may page, and those of them that the look before had too. */
  readonly paging: readonly Finding[]
  readonly sure: readonly Finding[]
  /** First hour of the change, and what happened in the house around it. */
  readonly began: number
  readonly events: readonly HouseEvent[]
  readonly values: RecentValues
}

/** Judges an hour; without a verdict where it has too few rows, or nothing to compare with. */
export async function lookAtHour(
  deps: MonitoringDeps,
  { endpoint, hour, settings, live, before }: Looked,
): Promise<{ readonly verdict?: Verdict; readonly lacks: Lack | null }> {
  if (live === undefined) return { lacks: null }
  const { history, learned, first } = live
  const lengths = filledBy(hour - (first ?? hour) + 1, learnedLengths(learned))
  const { window, lacks = null } = lookAt(history, hour, before.judged, lengths)
  if (window === undefined) return { lacks }
  const { length } = window
  const limits = await raisedLimits(deps.db, endpoint, calibrationOf(learned, settings, length).limits, length)
  const findings = findingsOf(window, limits, history.spec)
  const paging = findings.filter((one) => mayPage(one.feature, settings))
  const sure = confirmed(before.findings, paging)
  const checks = storedChecks(window, limits, { findings, settings })
  if (sure.length === 0)
    return { verdict: { window, checks, paging, sure, began: hour, events: [], values: () => undefined }, lacks: null }
  const values = await recentValues(deps, endpoint, { hour, length })
  const began = sinceFirst(live, changeBegan(history, hour, sure, length))
  const events = await houseEvents(deps, endpoint, began)
  return { verdict: { window, checks, paging, sure, began, events, values }, lacks: null }
}

/** Enters a verdict into a book. Returns the id of an incident of which there is something to tell. `held`: the check of attributions alerts. */
export function enter(
  deps: Pick<MonitoringDeps, 'clock' | 'ids'>,
  book: Book,
  { looked, verdict, held }: { readonly looked: Looked; readonly verdict: Verdict; readonly held: boolean },
): Promise<string | undefined> {
  const { endpoint, hour, settings, live, reference } = looked
  const { window, checks, paging, sure, began, events, values } = verdict
  if (live === undefined) return Promise.resolve(undefined)
  return applyHour(deps, book, {
    endpoint,
    hour,
    settings,
    live,
    window,
    checks,
    began,
    events,
    values,
    held,
    findings: paging,
    confirmed: sure,
    importance: importanceOf(reference?.metrics ?? {}),
  })
}

/** What is left for the next hour. */
export function stateAfter(
  { hour, before }: Pick<Looked, 'hour' | 'before'>,
  { verdict, lacks }: { readonly verdict?: Verdict | undefined; readonly lacks: Lack | null },
): RunState {
  if (verdict === undefined) return { ...before, lacks }
  return { ...before, findings: verdict.paging, judged: { ...before.judged, [verdict.window.length]: hour }, lacks }
}

/** Keeps the checks of a window. */
export async function keepWindow(
  t: Tx,
  { endpoint, hour }: Pick<Looked, 'endpoint' | 'hour'>,
  verdict: Verdict,
): Promise<void> {
  await t.run(
    `INSERT INTO monitor_windows (endpoint, hour, rows, results) VALUES (?,?,?,?)
     ON CONFLICT (endpoint, hour) DO UPDATE SET rows = excluded.rows, results = excluded.results`,
    [endpoint, hour, verdict.window.rows, JSON.stringify(verdict.checks)],
  )
}
