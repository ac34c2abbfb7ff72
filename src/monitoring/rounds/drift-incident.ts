/** Turns the findings of an hour into an incident: opened, told of each cause that begins or ends, opened again, resolved. */
import { DAY_MS, HOUR_MS } from '../../contract/ids.ts'
import type { MonitorSettings } from '../../contract/monitoring.ts'
import type { Severity } from '../../contract/monitors/severities.ts'
import type { Finding } from '../../stats/calibrate.ts'
import type { RecentValues } from '../../stats/explain.ts'
import type { WindowStatistics } from '../../stats/window.ts'
import { ofAttributionsAlone } from './attribution-incident.ts'
import { coveredBy, placed, rankCauses, suspects } from '../incidents/causes.ts'
import type { KeptCause, Suspect } from '../incidents/causes.ts'
import { CLEAR, isOpen, mustPage, openSeverity, pagedFor } from '../incidents/course.ts'
import { followCauses } from '../incidents/followed.ts'
import type { Signs, Told } from '../incidents/followed.ts'
import { changeBegan, hourDiffers } from '../checks/change-point.ts'
import { ATTRIBUTION, checkName, movesOf, viewCheck } from '../checks/checks.ts'
import type { StoredCheck } from '../checks/checks.ts'
import { newIncident, note } from '../incidents/rows.ts'
import type { IncidentDetail, IncidentRow } from '../incidents/rows.ts'
import { sinceFirst } from '../profiles/live.ts'
import type { Live } from '../profiles/live.ts'
import type { Book } from './book.ts'
import type { HouseEvent, MonitoringDeps } from '../context/context.ts'
import { severityOf } from '../checks/severity.ts'

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
const FAULTS: ReadonlySet<KeptCause['kind']> = new Set(['unit_change', 'frozen_feature', 'swap'])

/** Applies an hour to the endpoint's incident. Returns the id of an incident of which there is something to tell. */
export async function applyHour(
  deps: Pick<MonitoringDeps, 'clock' | 'ids'>,
  book: Book,
  judged: JudgedHour,
): Promise<string | undefined> {
  const end = (judged.hour + 1) * HOUR_MS
  const known = await book.current(end - DAY_MS)
  const wasOpen = known !== undefined && known.state !== 'resolved'
  if (judged.confirmed.length === 0 && (!wasOpen || ofAttributionsAlone(known))) return undefined
  const before = known ?? opened(deps, judged, deps.clock())
  const look = lookAt(judged, before, known === undefined || ofAttributionsAlone(known))
  if (look.causes.some(isOpen)) return grow(deps, book, judged, { known, before, look })
  return wasOpen ? resolve(deps, book, judged, { before, look }) : undefined
}

interface Grown {
  readonly known: IncidentRow | undefined
  readonly before: IncidentRow
  readonly look: Look
}

/** Writes an incident of which causes are open; its id where there is something to tell. */
async function grow(
  deps: Pick<MonitoringDeps, 'clock'>,
  book: Book,
  judged: JudgedHour,
  { known, before, look }: Grown,
): Promise<string | undefined> {
  const now = deps.clock()
  const event = (judged.hour + 1) * HOUR_MS
  const detail = detailOf(judged, before, look)
  const was = known === undefined || known.state === 'resolved' ? null : openSeverity(before.detail.causes)
  const pages = mustPage(was, detail.causes)
  const marked = before.marked === 1 || detail.causes.some((one) => isOpen(one) && FAULTS.has(one.kind)) ? 1 : 0
  const lines = [
    ...newsLines(judged, { known, before, look }),
    ...(marked > before.marked ? [['marked_bad', 'affected rows are left out of baselines and of training']] : []),
    ...(pages && known !== undefined ? [['paged', raised(was, openSeverity(detail.causes))]] : []),
  ]
  for (const [kind = '', text = ''] of lines) note(detail, { at: now, event, kind, text })
  if (pages) detail.causes = pagedFor(detail.causes)
  const row = grown(judged, { before, detail, look }, { pages, marked })
  await book.write(row)
  if (pages && before.pages === 0) await book.react(row, judged.settings.reactions.drift, now)
  return lines.length > 0 ? row.id : undefined
}

/** The row of an incident of which causes are open. */
function grown(
  judged: JudgedHour,
  { before, detail, look }: Pick<Grown, 'before' | 'look'> & { readonly detail: IncidentDetail },
  { pages, marked }: { readonly pages: boolean; readonly marked: number },
): IncidentRow {
  return {
    ...before,
    ...((before.state === 'resolved' || pages) && { state: 'open' as const, resolved_at: null, resolved_event: null }),
    severity: openSeverity(detail.causes) ?? before.severity,
    title: detail.causes[0]?.title ?? before.title,
    ...(look.first && { began_event: judged.began * HOUR_MS }),
    pages: before.pages + (pages ? 1 : 0),
    ...(judged.confirmed.length > 0 && { last_event: (judged.hour + 1) * HOUR_MS }),
    marked,
    detail,
  }
}

/** Lines of the timeline, kind and text, about what this hour found and what became of causes. */
function newsLines(judged: JudgedHour, { known, look }: Grown): string[][] {
  const news = judged.confirmed.length === 0 ? undefined : newsOf(known)
  const told = look.told.filter(({ turn }) => !look.first && !(news !== undefined && turn === 'again'))
  return [
    ...(news === undefined ? [] : [[news, inWords(judged, effectOf(judged, look.causes))]]),
    ...told.map((one) => [TURNS[one.turn], turnText(one)]),
  ]
}

function raised(was: Severity | null, severity: Severity | null): string {
  return was === null ? `severity ${severity}` : `severity ${was} → ${severity}`
}

/** Closes an incident of which the last cause has ended. */
async function resolve(
  deps: Pick<MonitoringDeps, 'clock'>,
  book: Book,
  judged: JudgedHour,
  { before, look }: Omit<Grown, 'known'>,
): Promise<string> {
  const now = deps.clock()
  const event = (judged.hour + 1) * HOUR_MS
  const detail = detailOf(judged, before, look)
  const tell = (kind: string, text: string): void => note(detail, { at: now, event, kind, text })
  const followed = detail.causes.filter((one) => one.course !== undefined)
  if (followed.length > 1) for (const one of look.told) tell(TURNS[one.turn], turnText(one))
  tell('resolved', `${CLEAR} windows in a row are clear`)
  const [worst] = followed
  const severity = worst?.course?.severity ?? before.severity
  const over = { state: 'resolved' as const, resolved_at: now, resolved_event: event }
  await book.write({ ...before, ...over, severity, title: worst?.title ?? before.title, detail })
  return before.id
}

/** What findings are to the incident that was there: nothing new to one that is open for features. */
function newsOf(known: IncidentRow | undefined): string | undefined {
  if (known === undefined) return 'opened'
  if (known.state === 'resolved') return 'opened again'
  return ofAttributionsAlone(known) ? 'features differ too' : undefined
}

function inWords({ confirmed }: JudgedHour, effect: string): string {
  return `${confirmed.map((one) => `${one.feature} (${checkName(one.measure)})`).join(', ')}; ${effect}`
}

/** About how much the open causes change the score, by the worst of them. */
function effectOf(judged: JudgedHour, causes: readonly KeptCause[]): string {
  const worst = causes.find(isOpen)
  const effect = worst === undefined ? null : weigh(judged, worst, causes).effect
  return `expected change of the score ${effect === null ? 'not known' : effect.toFixed(3)}`
}

/** How bad a cause is by this hour. Of a shift only what no other cause explains counts. */
function weigh(judged: JudgedHour, cause: KeptCause, causes: readonly KeptCause[]): ReturnType<typeof severityOf> {
  const covered = cause.kind === 'shift' ? coveredBy(causes) : new Set<string>()
  const features = cause.features.filter((feature) => !covered.has(feature))
  return severityOf(movesOf(features, judged.window, judged.live.history), judged.importance)
}

const TURNS: Readonly<Record<Told['turn'], string>> = {
  began: 'another cause',
  again: 'cause again',
  worse: 'worse',
  ended: 'cause over',
}

/** A line of the timeline about a cause. */
function turnText({ turn, cause, severity }: Told): string {
  if (turn === 'ended') return `${cause.title}; ${CLEAR} windows in a row are clear`
  return `${cause.title}; severity ${severity === null ? '' : `${severity} → `}${cause.course?.severity ?? ''}`
}

/** What an hour made of the causes. `first`: no feature was among the findings before. */
interface Look {
  readonly first: boolean
  readonly causes: KeptCause[]
  readonly told: readonly Told[]
  readonly features: string[]
}

function lookAt(judged: JudgedHour, { detail }: IncidentRow, first: boolean): Look {
  const known = detail.causes
  const features = [...new Set([...detail.features, ...judged.confirmed.map((one) => one.feature)])]
  const faults = known.filter((one) => isOpen(one) && FAULTS.has(one.kind))
  const explained = suspectsOf(judged, { features, first, besides: new Set() })
  const besides = followers(judged, [...faults, ...explained.filter((one) => FAULTS.has(one.kind))])
  const found = placed(known, suspectsOf(judged, { features, first, besides }), (judged.hour + 1) * HOUR_MS)
  const order = judged.live.history.spec.features.map((feature) => feature.name)
  const ranked = rankCauses(known, found, order, besides)
  return { first, features, ...followCauses(known, ranked, { ...signsOf(judged, besides), found, order }) }
}

function suspectsOf(
  judged: JudgedHour,
  { features, first, besides }: { features: readonly string[]; first: boolean; besides: ReadonlySet<string> },
): Suspect[] {
  if (judged.confirmed.length === 0) return []
  return suspects({
    history: judged.live.history,
    hour: judged.hour,
    findings: judged.confirmed,
    features: partners(features, judged.settings),
    values: judged.values,
    length: judged.window.length,
    events: first ? judged.events : [],
    besides,
  })
}

/** What is known of the incident with this hour; an hour with nothing that is sure changes its causes alone. */
function detailOf(judged: JudgedHour, { detail }: IncidentRow, { causes, features }: Look): IncidentDetail {
  const { hour, confirmed, live } = judged
  const next = { ...detail, causes, clear: clearOf(causes), timeline: [...detail.timeline] }
  if (confirmed.length === 0) return next
  const checks = [
    ...detail.checks.filter((one) => one.check === ATTRIBUTION),
    ...judged.checks.filter((check) => check[5] === 1).map((check) => viewCheck(hour, check)),
  ]
  return {
    ...next,
    features,
    checks,
    until: hourDiffers(live.history, hour, confirmed, judged.window.length) === true ? hour + 1 : detail.until,
  }
}

/** Windows since the last sign of the open cause that was seen last. */
function clearOf(causes: readonly KeptCause[]): number {
  const open = causes.flatMap(({ course }) => (course !== undefined && course.ended === null ? [course.clear] : []))
  return open.length === 0 ? CLEAR : Math.min(...open)
}

/** Features that differ only as companions of one that a fault changed: distance in another unit moves every mean by destination. */
function followers({ findings, live }: JudgedHour, faults: readonly Suspect[]): Set<string> {
  const seen = new Set(findings.map((one) => one.feature))
  const here = faults.filter((one) => one.features.some((feature) => seen.has(feature)))
  const changed = new Set(here.flatMap((one) => one.features))
  const { conditionals, crosses = [] } = live.history.spec
  const follows = ({ feature, measure }: Finding): boolean =>
    (measure === 'conditional' && conditionals.some(({ by, value }) => by === feature && changed.has(value))) ||
    (measure === 'joint' &&
      crosses.some(({ a, b }) => (a === feature && changed.has(b)) || (b === feature && changed.has(a))))
  const own = new Set(findings.filter((one) => !follows(one)).map((one) => one.feature))
  return new Set(findings.map((one) => one.feature).filter((feature) => !own.has(feature) && !changed.has(feature)))
}

/** What this hour says, for each cause to be followed by. */
function signsOf(judged: JudgedHour, besides: ReadonlySet<string>): Omit<Signs, 'found' | 'order'> {
  const own = (findings: readonly Finding[]): string[] =>
    findings.map((one) => one.feature).filter((feature) => !besides.has(feature))
  return {
    end: (judged.hour + 1) * HOUR_MS,
    sure: new Set(own(judged.confirmed)),
    perhaps: new Set(own(judged.findings)),
    held: judged.held,
    severityOf: (cause, causes) => weigh(judged, cause, causes).severity,
    beganOf: (cause) => beganOf(judged, cause) * HOUR_MS,
  }
}

/** First hour in which the data of a cause differed. */
function beganOf({ confirmed, live, hour, window }: JudgedHour, cause: KeptCause): number {
  const own = confirmed.filter((one) => cause.features.includes(one.feature))
  return own.length === 0 ? hour : sinceFirst(live, changeBegan(live.history, hour, own, window.length))
}

/** Features with what one feed delivers together with them. */
function partners(features: readonly string[], { same_unit }: MonitorSettings): string[] {
  const groups = same_unit.filter((group) => group.some((feature) => features.includes(feature)))
  return [...new Set([...features, ...groups.flat()])]
}

function opened(deps: Pick<MonitoringDeps, 'ids'>, judged: JudgedHour, now: number): IncidentRow {
  const [began_event, until] = [judged.began * HOUR_MS, judged.hour + 1]
  const row = newIncident({
    id: deps.ids('inc'),
    endpoint: judged.endpoint,
    kind: 'drift',
    severity: 'low',
    opened_at: now,
    opened_event: until * HOUR_MS,
    began_event,
    pages: 0,
    until,
  })
  note(row.detail, { at: now, event: began_event, kind: 'began', text: 'the data began to differ' })
  return row
}
