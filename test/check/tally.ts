/** What a part of the check found: counts that add up, and the reasons of what was skipped. */

/** Counts of one stage or of several; `skips` names every skipped test with its reason, one line each. */
export interface Tally {
  passed: number
  failed: number
  skipped: number
  skips: string[]
}

/** A tally of nothing. */
export function emptyTally(): Tally {
  return { passed: 0, failed: 0, skipped: 0, skips: [] }
}

/** The sum of tallies, with the skips in the order given. */
export function sum(tallies: readonly Tally[]): Tally {
  const total = emptyTally()
  for (const part of tallies) {
    total.passed += part.passed
    total.failed += part.failed
    total.skipped += part.skipped
    total.skips.push(...part.skips)
  }
  return total
}

/** The closing line that people and machines read: `N passed, N failed, N skipped`. */
export function totalLine(total: Tally): string {
  return `${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`
}
