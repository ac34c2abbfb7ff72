/** When the runs of a search are found sooner by an index of what the filter names than by walking them in their order. */

/** How many rows of an index are counted, at most, to judge how rare a value is. */
const COUNTED = 20_000

/** How many runs are counted, at most, to know what share of them that is. */
const MOST_RUNS = 500_000

/** Looking up a run found by an index, and sorting it, costs about so many times what looking at the next run in order does. */
const DETOUR = 2

/** Rows of an index that are worth counting for each of so many comparisons: with more of them the walk is shorter, however many runs there are. */
export function mostCounted(comparisons: number, limit: number): number {
  return comparisons > 1 ? COUNTED : Math.min(COUNTED, Math.ceil(Math.sqrt((limit * MOST_RUNS) / DETOUR)))
}

/**
 * The least number of runs with which the index of the rarest comparison, the first of `sizes`, is the shorter way to a page of `limit`
 * runs; undefined where no number is large enough. The more runs, the longer the walk: to count that many is to know.
 */
export function worthOfRuns(sizes: readonly number[], limit: number): number | undefined {
  const isWorth = (runs: number): boolean => (sizes[0] ?? 0) * DETOUR < walked(sizes, limit, runs)
  if (!isWorth(MOST_RUNS)) return undefined
  let [few, enough] = [0, MOST_RUNS]
  while (enough - few > 1) {
    const half = Math.floor((few + enough) / 2)
    if (isWorth(half)) enough = half
    else few = half
  }
  return enough
}

/** Runs that are looked at in their order until a page is full, as far as the comparisons have nothing to do with each other. */
function walked(sizes: readonly number[], limit: number, runs: number): number {
  return Math.min(runs, limit / sizes.reduce((share, size) => share * Math.min(1, size / Math.max(1, runs)), 1))
}
