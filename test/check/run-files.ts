/** Runs test files as the check does: so many at once, with the limit, the patience and the shared services of each. */
import { availableParallelism } from 'node:os'
import { PATIENCE } from '../until.ts'
import { isHeavy } from './parts.ts'
import { watchFiles } from './progress.ts'
import type { Progress } from './progress.ts'
import { runSuite } from './suite.ts'
import type { EndedFile, SuiteOptions, SuiteResult } from './suite.ts'

/**
 * Files at once. Four kept two cores busy for 80 % of the time, so a file waits for about as long as it computes; by that a fifth makes
 * it 90 %. A sixth would add a twentieth, and slow each file by a sixth.
 */
const CONCURRENCY = Math.min(availableParallelism() + 3, 11)

/** Longest time of a file, ms; one of the second part trains, ships and waits for a rollout. */
const LIMIT_MS = 300_000
const HEAVY_LIMIT_MS = 1_500_000

/** How much more patient the tests of the second part are: real engines take their time. */
const HEAVY_PATIENCE = '5'

/** How files are run otherwise than by default, and who is told of each that has ended. */
export interface Run extends Partial<Pick<SuiteOptions, 'env' | 'share' | 'held' | 'time' | 'expectedMs'>> {
  readonly ended?: (one: EndedFile) => void
}

/** Runs test files (relative to `root`) and tells how far it is. Does not throw on failures. */
export function runFiles(
  root: string,
  files: readonly string[],
  progress: Progress,
  { ended, ...run }: Run = {},
): Promise<SuiteResult> {
  const watch = watchFiles(progress, files.length)
  const options: SuiteOptions = {
    concurrency: CONCURRENCY,
    limitMs: limitOf(files),
    ...run,
    watch: {
      started: (files) => watch.started(files),
      ended(one) {
        watch.ended(one)
        if (one.cut !== true) ended?.(one)
      },
    },
  }
  return progress.during(
    () => watch.status(),
    () => runSuite(root, files, options),
  )
}

/** The longest time that a file of these may take, ms. */
export function limitOf(files: readonly string[]): number {
  return files.some(isHeavy) ? HEAVY_LIMIT_MS : LIMIT_MS
}

/** The variables of a file's process: those of the services that all share, and its patience unless somebody has set one. */
export function envOf(file: string, shared: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...shared, [PATIENCE]: process.env[PATIENCE] ?? (isHeavy(file) ? HEAVY_PATIENCE : '1') }
}
