/** Runs the TypeScript tests with Node's own runner and tells what passed, failed and was skipped. */
import { globSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { emptyTally, sum } from './tally.ts'
import type { Tally } from './tally.ts'

/** A test file that has not ended after this long has failed. */
const FILE_LIMIT_MS = 300_000

/** Where tests live, relative to the checkout. */
const TESTS = ['src/**/*.test.ts', 'test/**/*.test.ts', 'web/**/*.test.ts', 'bench/**/*.test.ts']

/** All test files under `root`, sorted; with filters, those whose path contains one of them. */
export function testFiles(root: string, filters: readonly string[] = []): string[] {
  const files = globSync(TESTS, { cwd: root }).sort()
  return filters.length === 0 ? files : files.filter((file) => filters.some((filter) => file.includes(filter)))
}

/** What the runner says at the end of a file, and without `file` at the end of all. */
interface Summary {
  file: string | undefined
  counts: { passed: number; failed: number; cancelled: number; skipped: number; todo: number }
}

/** What a finished test tells; `skip` is true or the reason. */
interface Finished {
  name: string
  skip?: string | boolean | undefined
  todo?: string | boolean | undefined
}

/** Result of a run: counts, the reports of the files that failed, and how long each file took, slowest first. */
export interface SuiteResult {
  tally: Tally
  report: string
  durations: { file: string; seconds: number }[]
}

/**
 * Runs test files (relative to `root`), each in a process of its own, `concurrency` at a time; a file that does not end is
 * killed after FILE_LIMIT_MS and has failed. Resolves when all have ended; does not throw on failures.
 */
export async function runSuite(root: string, files: readonly string[], concurrency: number): Promise<SuiteResult> {
  const waiting = [...files]
  const ended: { file: string; seconds: number; tally: Tally; report: string }[] = []
  const lane = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const started = performance.now()
      const { tally, report } = await runFile(root, file)
      ended.push({ file, seconds: (performance.now() - started) / 1000, tally, report })
    }
  }
  await Promise.all(Array.from({ length: concurrency }, lane))
  return {
    tally: sum(ended.map((one) => one.tally)),
    report: ended
      .filter((one) => one.tally.failed > 0)
      .map((one) => `${one.file}\n${one.report}`)
      .join('\n'),
    durations: ended.map(({ file, seconds }) => ({ file, seconds })).sort((a, b) => b.seconds - a.seconds),
  }
}

async function runFile(root: string, file: string): Promise<{ tally: Tally; report: string }> {
  const tally = emptyTally()
  const limit = AbortSignal.timeout(FILE_LIMIT_MS)
  const events = run({ files: [file], cwd: root, timeout: FILE_LIMIT_MS, signal: limit })
  const note = ({ name, skip, todo }: Finished): void => {
    const reason = skip ?? todo
    if (reason === undefined || reason === false) return
    tally.skips.push(`${file}: ${name}: ${typeof reason === 'string' && reason !== '' ? reason : 'no reason given'}`)
  }
  events.on('test:pass', note)
  events.on('test:fail', note)
  events.on('test:summary', (summary: Summary) => {
    if (summary.file === undefined) count(tally, summary)
  })
  let report = ''
  for await (const chunk of events.compose(new spec())) report += String(chunk)
  if (limit.aborted && tally.failed === 0) tally.failed = 1
  return { tally, report }
}

function count(tally: Tally, { counts }: Summary): void {
  tally.passed += counts.passed
  tally.failed += counts.failed + counts.cancelled
  tally.skipped += counts.skipped + counts.todo
}
