/** What was read, as replies say it. */
import type { FeatureRow } from '../../contract/features/online.ts'
import { momentText } from '../../contract/text/moments.ts'
import type { ReadPlan } from './plan.ts'
import type { ReadRow } from './read.ts'
import { writeValue } from './values.ts'

/** A row with its values; `now` in ns. */
export function viewRow(plan: ReadPlan, row: ReadRow, now: bigint): FeatureRow {
  const named = plan.columns.map(({ name, type }, i) => [name, writeValue(type, row.values[i] ?? null)] as const)
  // no column replaces the prototype, whatever its name
  return { features: Object.fromEntries(named), ...reasonsOf(plan, row, now) }
}

/** What is missing and why, and how old each view's row is. */
export function reasonsOf(
  plan: ReadPlan,
  { statuses, events }: ReadRow,
  now: bigint,
): Pick<FeatureRow, 'missing' | 'events'> {
  const missing = plan.columns.flatMap(({ name }, i) => {
    const status = statuses[i] ?? 'not_found'
    return status === 'present' ? [] : [[name, status] as const]
  })
  const seen = plan.views.flatMap(({ name }, i) => {
    const event = events[i] ?? null
    return event === null
      ? []
      : [[name, { at: momentText(event), age_ms: Number((now - event) / 1_000_000n) }] as const]
  })
  return { missing: Object.fromEntries(missing), events: Object.fromEntries(seen) }
}
