/** What the engine may take of the machine, which answers predictions and runs steps as well. */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { Aggregate } from '../../contract/features/section.ts'
import type { View } from '../definitions/definitions.ts'
import type { EngineOptions } from '../engine/engine.ts'

/** Joins of some ten million rows fit; what does not goes to the disk, so that more memory is only faster. */
const MOST_MEMORY = 1e9
/** DuckDB itself and a few columns; below it even small joins fail. */
const LEAST_MEMORY = 256e6
/** A join that is not over by then is most likely a query that never will be. */
const LONGEST_MS = 60 * 60_000

/** Jobs at the same time: each takes all cores but one, and two would share the memory. */
export const MOST_AT_ONCE = 1

/** Where the engine keeps what does not fit into memory; what a killed server left there is removed at the start. */
export function scratchOf({ dataDir }: { readonly dataDir: string }): string {
  return join(dataDir, 'features', 'scratch')
}

const SUMS: ReadonlySet<Aggregate> = new Set(['sum', 'mean', 'std'])

/** What a join of views may take: where it adds up numbers it has one thread, for the order in which they are added shows in their last digits. */
export function joinOptions(of: { readonly dataDir: string }, views: readonly Pick<View, 'windows'>[]): EngineOptions {
  const options = engineOptions(of)
  const adds = views.some(({ windows }) => windows.some(({ take }) => SUMS.has(take)))
  return adds ? { ...options, threads: 1 } : options
}

/** What a task may take now: half of the memory that is free, and one core is left for those who ask for predictions. */
export function engineOptions(of: { readonly dataDir: string }): EngineOptions {
  return {
    folder: scratchOf(of),
    memory_bytes: Math.max(LEAST_MEMORY, Math.min(MOST_MEMORY, Math.floor(process.availableMemory() / 2))),
    threads: Math.max(1, availableParallelism() - 1),
    longest_ms: LONGEST_MS,
  }
}
