/** Runs that a suite of searches knows: how it asks for them, and which it expects. */
import { searchRuns } from './search.ts'
import type { Bench } from '../bench.cases.ts'

/** What the usual order of a search looks at. */
interface KnownRun {
  readonly id: string
  readonly start: number
}

/** Searches the runs of an experiment; the ids in the order in which they came. */
export function finder(bench: Bench, experiment: () => string) {
  return async (filter: string, more: object = {}): Promise<string[]> => {
    const asked = { experiment_ids: [experiment()], filter, max_results: 1000, ...more }
    return (await searchRuns(bench.room, bench.root, asked)).rows.map((row) => row.run_id)
  }
}

/** Ids of the runs that pass a test, the newest first and then by id, as plain JavaScript finds them. */
export function idsAmong<Run extends KnownRun>(known: readonly Run[], test: (run: Run) => boolean): string[] {
  return known
    .filter(test)
    .sort((a, b) => b.start - a.start || (a.id < b.id ? -1 : 1))
    .map((run) => run.id)
}
