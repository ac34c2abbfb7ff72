/** What a look-up says in sentences: how much a model sees of an entity, and why a value is missing. */
import type { FeatureView } from '../../../src/contract/features/catalogue.ts'
import { count, duration, eventTime, plural } from '../../../src/contract/text/format.ts'
import type { SeenColumn, SeenView } from './entity-row.ts'
import { STATUSES, tallied } from './statuses.ts'
import type { StatusCounts } from './statuses.ts'

export interface Why {
  readonly lead: string
  readonly rest: string
}

/** Why a value is not there, or is there though it has expired; undefined where there is nothing to say. */
export function whyOf(
  { status, feature, value }: Pick<SeenColumn, 'status' | 'feature' | 'value'>,
  { view, event }: Pick<SeenView, 'view' | 'event'>,
  definition: FeatureView | undefined,
): Why | undefined {
  if (status === 'present') return undefined
  const known = definition?.version === view?.version ? definition : undefined
  if (status === 'null_value') return { lead: 'Null.', rest: nullText(feature, view === null, known) }
  if (status === 'not_found') {
    if (view?.stored === false)
      return { lead: 'Never stored.', rest: `Nothing of ${view.view}@${view.version} was ever materialised or pushed.` }
    return { lead: 'Not found.', rest: 'The online store has no row of this entity.' }
  }
  if (status === 'expired') return { lead: 'Expired.', rest: expiredText(event, known, value !== null) }
  if (status === 'future_only') return { lead: 'Future only.', rest: 'All rows of this entity happen later than now.' }
  return { lead: 'Late.', rest: 'Rows of it have happened, but none of them counts as known yet.' }
}

function nullText(feature: string, isOnDemand: boolean, view: FeatureView | undefined): string {
  if (isOnDemand) return 'Its expression gives null for these inputs.'
  const window = view?.features.find(({ name }) => name === feature)?.window
  if (window !== undefined && window !== null)
    return `Its rows of the last ${duration(window.over_ms)} have no value for it.`
  return 'The newest row has no value for it.'
}

function expiredText(event: SeenView['event'], view: FeatureView | undefined, isServed: boolean): string {
  const served = isServed ? ' The service serves it all the same.' : ''
  const kept = view?.ttl_ms == null ? 'longer than its view keeps a row' : `and counts for ${duration(view.ttl_ms)}`
  if (event === null) return `Its newest row is older than its view keeps one.${served}`
  return `Its row of ${eventTime(event.at)} is ${duration(event.age_ms)} old, ${kept}.${served}`
}

/** For example `no_show sees 9 of 12 values of customer_id 1001` and `The others: 1 expired, 2 not found.` */
export function headlineOf(
  service: string,
  entity: readonly (readonly [name: string, text: string])[],
  seen: readonly SeenView[],
): { readonly title: string; readonly rest: string } {
  const counts: Partial<Record<keyof typeof STATUSES, number>> = {}
  const columns = seen.flatMap((group) => group.columns)
  for (const { status } of columns) counts[status] = (counts[status] ?? 0) + 1
  const there = counts.present ?? 0
  const who = entity.map(([name, text]) => `${name} ${text}`).join(', ')
  const some = `${count(there)} of ${plural(columns.length, 'value')}`
  const many = there < columns.length ? some : there === 1 ? 'the one value' : `all ${plural(there, 'value')}`
  return {
    title: `${service} sees ${many}${who === '' ? '' : ` of ${who}`}`,
    rest: missingText(counts, columns.length - there),
  }
}

function missingText(counts: StatusCounts, missing: number): string {
  if (missing === 0) return ''
  const told = tallied(counts).filter(([status]) => status !== 'present')
  const words = told.map(([status, n]) => `${n} ${STATUSES[status].word}`).join(', ')
  return `${missing === 1 ? 'The other' : 'The others'}: ${words}.`
}
