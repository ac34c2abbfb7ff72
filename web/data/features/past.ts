/** A look-up at a moment beside the one of now: what is asked, what came back by view, what differs and why. */
import type { FeatureService, FeatureView } from '../../../src/contract/features/catalogue.ts'
import type { LookedUpRow, LookedUpView, LookUpStatus, RowTimes } from '../../../src/contract/features/look-up.ts'
import { count, duration, eventTime, plural } from '../../../src/contract/text/format.ts'
import { valueText } from './entity-row.ts'
import type { EntityRead, SeenColumn, SeenView } from './entity-row.ts'
import { STATUSES } from './statuses.ts'
import { whyOf, type Why } from './why.ts'
import type { Tone } from '../tones.ts'

/** The body of a call that looks one entity up at a moment. */
export type PastRead = EntityRead & { readonly at: string }

const MOMENT = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?$/i

/** What was expected in place of a moment; undefined where it can be read, and where there is none. `now` in ms. */
export function momentFault(text: string, now: number): string | undefined {
  if (text === '') return undefined
  const at = msOf(text)
  if (Number.isNaN(at)) return 'a time in UTC, for example 2026-05-03 10:00'
  return at > now ? 'a time that has come' : undefined
}

/** Without a zone a moment is in UTC. NaN for what is none. */
function msOf(text: string): number {
  if (!MOMENT.test(text)) return Number.NaN
  const hasZone = /(?:Z|[+-]\d\d:?\d\d)$/i.test(text.slice(10))
  return Date.parse(text.length === 10 ? text : `${text.replace(' ', 'T')}${hasZone ? '' : 'Z'}`)
}

/** One column, as it was and as it is. */
export interface BothColumn {
  readonly name: string
  readonly type: SeenColumn['type']
  readonly feature: string
  readonly past: { readonly value: string | null; readonly status: LookUpStatus }
  /** Undefined where the online store was not read. */
  readonly now: SeenColumn | undefined
  readonly differs: boolean
}

export interface BothView {
  /** Null for features on demand. */
  readonly view: LookedUpView | null
  readonly event: LookedUpRow['events'][string] | null
  /** The row that came in its place. */
  readonly next: RowTimes | null
  readonly now: SeenView | undefined
  readonly columns: readonly BothColumn[]
}

/** Both by view, in the order of the columns. */
export function bothOf(
  columns: FeatureService['columns'],
  { views, row }: { readonly views: readonly LookedUpView[]; readonly row: LookedUpRow },
  now: readonly SeenView[] | undefined,
): BothView[] {
  const names = new Set(views.map(({ name }) => name))
  const all = columns.map(({ name, type, of }) => {
    const at = of.indexOf(':')
    const place = of.slice(0, at)
    const value = valueText(row.features[name])
    const status = row.missing[name] ?? (value === null ? 'null_value' : 'present')
    const own = now?.flatMap((group) => group.columns).find((one) => one.name === name)
    const differs =
      own !== undefined && status !== 'no_history' && (own.value !== value || (value === null && own.status !== status))
    const past = { value, status }
    return { name, type, feature: of.slice(at + 1), past, now: own, differs, of: names.has(place) ? place : null }
  })
  const groups = views.map((view): BothView => ({
    view,
    event: row.events[view.name] ?? null,
    next: row.next[view.name] ?? null,
    now: now?.find((group) => group.view?.name === view.name),
    columns: all.filter(({ of }) => of === view.name),
  }))
  const computed = all.filter(({ of }) => of === null)
  if (computed.length === 0) return groups
  const ofNow = now?.find(({ view }) => view === null)
  return [...groups, { view: null, event: null, next: null, now: ofNow, columns: computed }]
}

/** How a status of the past is told. */
export function pastWord(status: LookUpStatus): { readonly word: string; readonly tone: Tone } {
  return status === 'no_history' ? { word: 'no history', tone: 'idle' } : STATUSES[status]
}

/** Why a value is as it was, and why it is another now: nothing where both are there and equal. */
export function whyBoth(column: BothColumn, group: BothView, definition: FeatureView | undefined): Why[] {
  const { past: then, now } = column
  const why = thenText(column, group, definition)
  const own = now === undefined || group.now === undefined ? undefined : whyOf(now, group.now, definition)
  const isSame = now !== undefined && now.status === then.status && !column.differs
  const told = why === undefined ? [] : [why]
  if (own !== undefined && !isSame) return [...told, { lead: `Now ${own.lead.toLowerCase()}`, rest: own.rest }]
  if (column.differs && own === undefined) return [...told, changedText(column, group, definition)]
  return told
}

function thenText(
  { past, feature }: BothColumn,
  { view, event, next }: BothView,
  definition: FeatureView | undefined,
): Why | undefined {
  const { status, value } = past
  if (status === 'no_history')
    return {
      lead: 'No history.',
      rest: view === null ? 'It is computed from pushed rows.' : 'Its rows are pushed, and none of the past is kept.',
    }
  if (status === 'late_suppressed')
    return {
      lead: 'Not known then.',
      rest:
        next === null
          ? 'It had rows, and none of them was known yet.'
          : `Its row of ${eventTime(next.at)} became known ${eventTime(next.known_at)}.`,
    }
  if (status === 'future_only')
    return {
      lead: 'Not yet.',
      rest: next === null ? 'All its rows happened later.' : `Its first row happened ${eventTime(next.at)}.`,
    }
  if (status === 'not_found') return { lead: 'Not found.', rest: 'The source has no row of this entity.' }
  const seen = { view: view && { ...view, stored: true, horizon: null }, event }
  return whyOf({ status, feature, value }, seen, definition)
}

/** Why a value that is there now is another than it was. */
function changedText({ feature }: BothColumn, group: BothView, definition: FeatureView | undefined): Why {
  const { view, event, next, now } = group
  const lead = 'Changed.'
  if (view === null) return { lead, rest: 'What it is computed from is another now.' }
  if (now?.event != null && event !== null && Date.parse(now.event.at) !== Date.parse(event.at))
    return { lead, rest: `Another row is seen now, of ${eventTime(now.event.at)}${lateText(now.event.at, next)}.` }
  if (next !== null) {
    const known = next.known_at === next.at ? '' : `, known since ${eventTime(next.known_at)},`
    return { lead, rest: `A row of ${eventTime(next.at)}${known} came after it.` }
  }
  const window = definition?.features.find(({ name }) => name === feature)?.window
  if (window !== undefined && window !== null)
    return { lead, rest: `Its window of ${duration(window.over_ms)} has moved on.` }
  const pushed = view.pushed ? ', or from a row that was pushed' : ''
  return { lead, rest: `Its source has no later row: the online store has it from another reading${pushed}.` }
}

/** When the row that came next became known, where it is the one in question and came late. */
function lateText(at: string, next: RowTimes | null): string {
  if (next === null || next.known_at === next.at || Date.parse(next.at) !== Date.parse(at)) return ''
  return `, known since ${eventTime(next.known_at)}`
}

/** For example `no_show saw 7 of 9 values of customer_id 1001` and `Now it sees 2; 5 differ.` */
export function pastHeadline(
  service: string,
  entity: readonly (readonly [name: string, text: string])[],
  both: readonly BothView[],
): { readonly title: string; readonly rest: string } {
  const columns = both.flatMap((group) => group.columns)
  const there = columns.filter(({ past }) => past.status === 'present').length
  const who = entity.map(([name, text]) => `${name} ${text}`).join(', ')
  const some =
    there === columns.length ? `all ${plural(there, 'value')}` : `${count(there)} of ${plural(columns.length, 'value')}`
  const title = `${service} saw ${some}${who === '' ? '' : ` of ${who}`}`
  if (columns.some(({ now }) => now === undefined)) return { title, rest: '' }
  const present = columns.filter(({ now }) => now?.status === 'present').length
  const differ = columns.filter(({ differs }) => differs).length
  const untold = columns.filter(({ past }) => past.status === 'no_history').length
  const rest = [
    `Now it sees ${present === columns.length ? 'all' : count(present)}`,
    differ === 0 ? 'nothing differs' : `${count(differ)} ${differ === 1 ? 'differs' : 'differ'}`,
    ...(untold === 0 ? [] : [`of ${count(untold)} no history is kept`]),
  ]
  return { title, rest: `${rest.join('; ')}.` }
}
