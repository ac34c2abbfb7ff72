/** States of many partitions as one: in which order they are told, how they are counted, and what a bar of them says. */

/** What needs somebody comes first. */
const ORDER = [
  'failed',
  'cancelled',
  'running',
  'preparing',
  'ready',
  'waiting',
  'skipped',
  'succeeded',
  'cached',
  'missing',
]

export type StateCounts = Readonly<Partial<Record<string, number>>>

/** The states that occur, with their numbers, those first that need somebody. */
export function tallied(counts: StateCounts): readonly (readonly [state: string, count: number])[] {
  return Object.entries(counts)
    .filter((entry): entry is [string, number] => (entry[1] ?? 0) > 0)
    .toSorted(([a], [b]) => rankOf(a) - rankOf(b))
}

function rankOf(state: string): number {
  const at = ORDER.indexOf(state)
  return at === -1 ? ORDER.length : at
}

/** For example "2 failed, 28 succeeded"; of partitions that have no such step "no run". */
export function saidOf(counts: StateCounts): string {
  const told = tallied(counts)
  return told.length === 0 ? 'no run' : told.map(([state, count]) => `${count} ${state}`).join(', ')
}

/** How many partitions have a newest run that failed or was cancelled. */
export function failedIn(counts: StateCounts): number {
  return (counts['failed'] ?? 0) + (counts['cancelled'] ?? 0)
}

/** What a step of the partitions of a group says, those without a run of it included. */
export function withMissing(counts: StateCounts | undefined, partitions: number): StateCounts {
  const known = Object.values(counts ?? {}).reduce<number>((sum, count) => sum + (count ?? 0), 0)
  return known >= partitions ? (counts ?? {}) : { ...counts, missing: partitions - known }
}
