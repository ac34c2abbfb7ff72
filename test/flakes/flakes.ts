/** Runs test files many times, as the check runs them, and tells which of them fail at times. */
import { envOf, runFiles } from '../check/run-files.ts'
import type { Progress } from '../check/progress.ts'
import { startShared } from '../check/services.ts'
import { shared as sharedProcesses } from '../check/sharing.ts'

/** A test file that failed at least once. */
export interface Flake {
  readonly file: string
  /** In how many of the runs. */
  readonly failed: number
  /** Why it failed first. */
  readonly reasons: string
}

/** Runs test files (relative to `root`) so many times, and returns those that failed, most often first. */
export async function flakesOf(
  root: string,
  files: readonly string[],
  times: number,
  progress: Progress,
): Promise<Flake[]> {
  const flakes = new Map<string, Flake>()
  const shared = await startShared(root, files, progress)
  try {
    for (let run = 1; run <= times; run++) {
      const { failed } = await runFiles(root, files, progress, {
        env: (file) => envOf(file, shared.env),
        share: sharedProcesses,
      })
      for (const { file, reasons } of failed) {
        const before = flakes.get(file) ?? { file, failed: 0, reasons }
        flakes.set(file, { ...before, failed: before.failed + 1 })
      }
      progress.line(`run ${run} of ${times}: ${failed.length} of ${files.length} files failed`)
    }
  } finally {
    shared.stop()
  }
  return [...flakes.values()].toSorted((a, b) => b.failed - a.failed)
}

/** What is said at the end: how often each failed, with why it failed first. */
export function flakesReport(flakes: readonly Flake[], files: number, times: number): string {
  const each = flakes.map(
    ({ file, failed, reasons }) => `${file}: failed ${failed} of ${times} times, at first:\n${reasons}\n`,
  )
  return [...each, `${flakes.length} of ${files} files failed in ${times} runs`].join('\n')
}
