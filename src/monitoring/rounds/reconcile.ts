/** Brings incidents in line with what judging again found: the same ones go on, nobody is woken twice, and what people did stays done. */
import { HOUR_MS, DAY_MS } from '../../contract/ids.ts'
import { keyOf } from '../incidents/causes.ts'
import type { KeptCause } from '../incidents/causes.ts'
import { endAll, isOpen, mustPage, openSeverity, pagedFor } from '../incidents/course.ts'
import type { Course } from '../incidents/course.ts'
import { note } from '../incidents/rows.ts'
import type { IncidentRow } from '../incidents/rows.ts'
import { severer } from '../checks/severity.ts'

/** An incident as it is to be written. */
export interface Change {
  readonly row: IncidentRow
  /** Id of what was found, where the incident is in it. */
  readonly draft?: string
  /** Whether there is something to tell. */
  readonly told: boolean
  /** Whether it wakes somebody for the first time, so that its reactions are wanted. */
  readonly asks: boolean
}

interface Times {
  /** Begin of the first hour that was judged again, event time, ms. */
  readonly from: number
  /** Wall time, ms. */
  readonly at: number
}

const LATE = 'rows that came late'

/** `known`: the incidents of these hours as they are kept; `found`: as they would be had all rows come in time. */
export function reconcile(known: readonly IncidentRow[], found: readonly IncidentRow[], times: Times): Change[] {
  const left = new Map(known.map((row) => [row.id, row]))
  const ids = new Set(found.map((row) => row.id))
  const changes: Change[] = []
  for (const one of found.toSorted((a, b) => a.opened_event - b.opened_event)) {
    const twin = left.get(one.id) ?? [...left.values()].find((row) => !ids.has(row.id) && overlap(row, one))
    if (twin !== undefined) left.delete(twin.id)
    // a person said that it was no alarm
    if (twin?.dismissed === 1) continue
    changes.push({ ...(twin === undefined ? added(one, times) : merged(twin, one, times)), draft: one.id })
  }
  for (const row of left.values()) changes.push(...gone(row, times))
  return changes
}

/** Whether two incidents are of the same time: alerts at most a day apart are one. */
function overlap(a: IncidentRow, b: IncidentRow): boolean {
  return a.began_event <= reaches(b) && b.began_event <= reaches(a)
}

function reaches(row: IncidentRow): number {
  return Math.max(row.last_event, row.opened_event) + DAY_MS
}

/** An incident that nobody knew of. One that is over by now wakes nobody. */
function added(one: IncidentRow, { at }: Times): Change {
  const causes = one.detail.causes.map((cause) => withPaged(cause, null))
  const pages = one.state !== 'resolved' && mustPage(null, causes)
  const detail = { ...one.detail, causes: pages ? pagedFor(causes) : causes, timeline: [...one.detail.timeline] }
  note(detail, { at, event: one.last_event, kind: 'judged again', text: `found with ${LATE}` })
  return { row: { ...one, pages: pages ? 1 : 0, detail }, told: true, asks: pages }
}

/** An incident that is known, as it would be; what differs is told. */
function merged(twin: IncidentRow, one: IncidentRow, { at }: Times): Change {
  const causes = [
    ...one.detail.causes.map((cause) => withPaged(cause, pagedOf(cause, twin.detail.causes))),
    // looks at attributions are not repeated
    ...twin.detail.causes.filter((cause) => cause.kind === 'attribution_shift' && !has(one, cause)),
  ].map((cause, i) => ({ ...cause, rank: i + 1 }))
  const { state, resolved_at, resolved_event } = endOf(twin, one, { causes, at })
  const closed = state === 'resolved' ? endAll(causes, resolved_event ?? one.last_event) : causes
  const pages = state !== 'resolved' && mustPage(open(twin) ? openSeverity(twin.detail.causes) : null, closed)
  const detail = {
    ...one.detail,
    causes: pages ? pagedFor(closed) : closed,
    timeline: [...twin.detail.timeline],
  }
  const row: IncidentRow = {
    ...twin,
    state: pages ? 'open' : state,
    resolved_at,
    resolved_event,
    detail,
    ...worstOf(closed, one),
    opened_event: one.opened_event,
    began_event: one.began_event,
    last_event: one.last_event,
    pages: twin.pages + (pages ? 1 : 0),
    marked: one.marked === 1 || hasLine(twin, 'mark_bad') ? 1 : 0,
  }
  const news = newsOf(twin, row)
  if (news !== undefined) note(detail, { at, event: row.last_event, kind: 'judged again', text: news })
  if (pages) note(detail, { at, event: row.last_event, kind: 'paged', text: `severity ${row.severity}` })
  return { row, told: news !== undefined || pages, asks: pages && twin.pages === 0 }
}

function worstOf(
  causes: readonly KeptCause[],
  { severity, title }: IncidentRow,
): Pick<IncidentRow, 'severity' | 'title'> {
  return { severity: openSeverity(causes) ?? severity, title: causes[0]?.title ?? title }
}

function has({ detail }: IncidentRow, cause: KeptCause): boolean {
  return detail.causes.some((one) => keyOf(one) === keyOf(cause))
}

function withPaged(cause: KeptCause, paged: Course['paged']): KeptCause {
  return cause.course === undefined ? cause : { ...cause, course: { ...cause.course, paged } }
}

/** The worst for which somebody was woken by the cause, or by one of its features under another name. */
function pagedOf(cause: KeptCause, known: readonly KeptCause[]): Course['paged'] {
  const own = known.filter((one) => keyOf(one) === keyOf(cause))
  const kin = own.length > 0 ? own : known.filter((one) => one.features.some((name) => cause.features.includes(name)))
  return kin.reduce<Course['paged']>((worst, { course }) => {
    const paged = course?.paged ?? null
    return paged !== null && (worst === null || severer(paged, worst)) ? paged : worst
  }, null)
}

type End = Pick<IncidentRow, 'state' | 'resolved_at' | 'resolved_event'>

/** Whether it is over: a person who closed it did so for what was seen until then. */
function endOf(
  twin: IncidentRow,
  one: IncidentRow,
  { causes, at }: { readonly causes: readonly KeptCause[]; readonly at: number },
): End {
  const { resolved_at, resolved_event } = twin
  const byPerson = twin.state === 'resolved' && twin.detail.timeline.findLast(isTurn)?.kind === 'resolve'
  if (byPerson && one.last_event <= (resolved_event ?? 0)) return { state: 'resolved', resolved_at, resolved_event }
  if (one.state === 'resolved' && !causes.some(isOpen))
    return { state: 'resolved', resolved_at: resolved_at ?? at, resolved_event: one.resolved_event }
  return { state: twin.state === 'acknowledged' ? 'acknowledged' : 'open', resolved_at: null, resolved_event: null }
}

const TURNS: ReadonlySet<string> = new Set(['resolve', 'resolved', 'opened', 'opened again', 'judged again'])
const isTurn = ({ kind }: { kind: string }): boolean => TURNS.has(kind)

function hasLine({ detail }: IncidentRow, kind: string): boolean {
  return detail.timeline.some((line) => line.kind === kind)
}

function open({ state }: IncidentRow): boolean {
  return state !== 'resolved'
}

/** The causes by name, in one order. */
function keys({ detail }: IncidentRow): string {
  return detail.causes.map(keyOf).sort().join('\n')
}

/** What judging again changed of an incident that a reader was told; undefined where it is as it was. */
function newsOf(was: IncidentRow, is: IncidentRow): string | undefined {
  if (open(was) && !open(is)) return `with ${LATE} the newest windows are clear`
  if (!open(was) && open(is)) return `with ${LATE} it goes on: ${is.title}`
  if (keys(was) === keys(is) && was.severity === is.severity) return undefined
  return `with ${LATE}: ${is.title}; severity ${is.severity}`
}

/** An incident of which nothing is left: its hours differ in nothing, and count as normal. */
function gone(row: IncidentRow, { from, at }: Times): Change[] {
  const fresh = row.opened_event > from && row.detail.features.length > 0 && row.dismissed === 0
  const told = row.state === 'resolved' && row.last_event === row.began_event
  if (!fresh || told) return []
  const { began_event: began } = row
  const causes = endAll(row.detail.causes, began)
  const detail = { ...row.detail, causes, until: Math.floor(began / HOUR_MS), timeline: [...row.detail.timeline] }
  note(detail, { at, event: began, kind: 'judged again', text: `with ${LATE} its hours do not differ` })
  const over = { state: 'resolved' as const, resolved_at: row.resolved_at ?? at, resolved_event: began }
  return [{ row: { ...row, ...over, last_event: began, marked: 0, detail }, told: true, asks: false }]
}
