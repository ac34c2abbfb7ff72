/** A history made from the rows of its hours. */
import { addHour, makeHistory } from './history.ts'
import type { History } from './history.ts'
import type { ProfileSpec } from './profile-spec.ts'
import { add, emptyProfile } from './profile.ts'

/** Each hour's rows in a profile of its own, in the order of the map. */
export function historyOfRows(
  spec: ProfileSpec,
  byHour: Iterable<readonly [hour: number, rows: readonly (readonly unknown[])[]]>,
): History {
  const history = makeHistory(spec)
  for (const [hour, rows] of byHour) {
    const profile = emptyProfile(spec)
    for (const row of rows) add(profile, row)
    addHour(history, hour, profile)
  }
  return history
}
