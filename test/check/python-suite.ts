/** Runs the tests of the Python package with the standard library's runner and tells what passed, failed and was skipped. */
import { existsSync, globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { outputOf } from '../output.ts'
import { emptyTally, sum } from './tally.ts'
import type { Tally } from './tally.ts'

/** All Python tests together have failed when they have not ended after this long. */
const LIMIT_MS = 600_000

const RESULT = /\.\.\. (?:ok|FAIL|ERROR|skipped .*|expected failure|unexpected success)$/gm

/** Modules of tests in one process, how many of their tests failed, and all that Python printed. */
export interface FailedModules {
  readonly modules: readonly string[]
  readonly failed: number
  readonly report: string
}

export interface PythonResult {
  readonly tally: Tally
  readonly report: string
  readonly failed: readonly FailedModules[]
}

/** The first part runs `test_*.py`, the second `story_*.py`. */
const NAMES = { ordinary: 'test_*.py', heavy: 'story_*.py' } as const
export type PythonPart = keyof typeof NAMES

/** Python's test files of a part under `root`, sorted; empty when the package has none. */
export function pythonTests(root: string, part: PythonPart): string[] {
  return existsSync(join(root, 'python/tests')) ? globSync(`python/tests/**/${NAMES[part]}`, { cwd: root }).sort() : []
}

/** Tables of tests are small: threads that wait for each other in a loop cost more than they help, most so on a busy machine. */
const ONE_THREAD = { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', MKL_NUM_THREADS: '1' }

/**
 * Runs test files with the given interpreter, in as many processes as there are cores, each with every so manieth file; the report is
 * everything that Python printed. `ended` is told how many tests have ended so far. Does not throw on failures.
 */
export async function runPythonSuite(
  root: string,
  files: readonly string[],
  python: string,
  ended: (tests: number) => void = () => undefined,
): Promise<PythonResult> {
  const modules = files.map((file) =>
    file
      .replace(/^python\//, '')
      .replace(/\.py$/, '')
      .replaceAll('/', '.'),
  )
  const parts = Array.from({ length: Math.min(modules.length, availableParallelism()) }, (_, part) =>
    modules.filter((_, at) => at % availableParallelism() === part),
  )
  const counts = parts.map(() => 0)
  const results = await Promise.all(
    parts.map((part, at) =>
      runPythonModules(root, [python, ...part], (tests) => {
        counts[at] = tests
        ended(counts.reduce((total, one) => total + one, 0))
      }),
    ),
  )
  return {
    tally: sum(results.map((one) => one.tally)),
    report: results.map((one) => one.report).join('\n'),
    failed: results.flatMap(({ tally, report }, at) => {
      return tally.failed === 0 ? [] : [{ modules: guilty(parts[at] ?? [], report), failed: tally.failed, report }]
    }),
  }
}

/** The modules that the headings of failures name, as `FAIL: test_a (tests.step.test_exit.Exits.test_a)`; all where one names none. */
function guilty(modules: readonly string[], report: string): readonly string[] {
  const headings = [...report.matchAll(/^(?:FAIL|ERROR): .*$/gm)].map(([line]) => line)
  const named = headings.map((line) => modules.find((one) => new RegExp(`\\b${one}\\b`).test(line)))
  const known = named.filter((one) => one !== undefined)
  return known.length === 0 || known.length < named.length ? modules : [...new Set(known)]
}

/** Runs modules with an interpreter, the first of the list. */
export async function runPythonModules(
  root: string,
  [python = '', ...modules]: readonly string[],
  ended: (tests: number) => void = () => undefined,
): Promise<{ tally: Tally; report: string }> {
  const { code, out: report } = await outputOf(python, ['-B', '-m', 'unittest', '-v', ...modules], {
    cwd: join(root, 'python'),
    env: { ...ONE_THREAD, ...process.env, PYTHONUNBUFFERED: '1', PYTHONDONTWRITEBYTECODE: '1' },
    limitMs: LIMIT_MS,
    written: (out) => ended(out.match(RESULT)?.length ?? 0),
  })
  return { tally: readUnittest(report, code), report }
}

/**
 * Reads the verbose report of unittest. The numbers come from its closing lines; a report without them, or an exit code
 * that contradicts them, counts as one failure.
 */
export function readUnittest(report: string, code: number | null): Tally {
  const tally = emptyTally()
  const ran = /^Ran (\d+) tests? in /m.exec(report)
  const closing = /^(OK|FAILED|NO TESTS RAN)(?: \((.*)\))?$/m.exec(report)
  const noted = (name: string): number => Number(new RegExp(`\\b${name}=(\\d+)`).exec(closing?.[2] ?? '')?.[1] ?? 0)
  tally.skipped = noted('skipped')
  tally.failed = noted('failures') + noted('errors') + noted('unexpected successes')
  tally.passed = Math.max(0, Number(ran?.[1] ?? 0) - tally.failed - tally.skipped)
  if (tally.failed === 0 && (code !== 0 || closing?.[1] !== 'OK')) tally.failed = 1
  for (const [, name, why] of report.matchAll(
    /^(\S+) \(\S+\)[^]*?\.\.\. (?:skipped (.*)|ok|FAIL|ERROR|expected failure)$/gm,
  )) {
    if (why !== undefined) tally.skips.push(`python: ${name}: ${why.replace(/^(['"])(.*)\1$/, '$2')}`)
  }
  return tally
}
