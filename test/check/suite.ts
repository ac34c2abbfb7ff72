/** Runs the TypeScript tests with Node's own runner and tells what passed, failed and was skipped. */
import { spawn } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { ifGone, ifMissingNow } from '../../src/contract/absence/absent.ts'
import { cpuOfEnded } from './cpu.ts'
import { emptyTally, sum } from './tally.ts'
import type { Tally } from './tally.ts'

/** How a suite is run: `concurrency` files at a time; a file that has not ended after `limitMs` is killed and has failed. */
export interface SuiteOptions {
  readonly concurrency: number
  readonly limitMs: number
  readonly watch?: SuiteWatch
  /** Variables for the processes of a file, besides those of this process. */
  readonly env?: (file: string) => NodeJS.ProcessEnv
}

/** Is told of each file, relative to the root: when it starts and when it has ended. */
export interface SuiteWatch {
  started(file: string): void
  ended(file: EndedFile): void
}

export interface EndedFile {
  readonly file: string
  readonly seconds: number
  /** CPU seconds of its processes; undefined where the system does not tell. */
  readonly cpu: number | undefined
  readonly tally: Tally
}

/** Where tests live, relative to the checkout. */
const TESTS = ['src/**/*.test.ts', 'test/**/*.test.ts', 'web/**/*.test.ts', 'bench/**/*.test.ts']

/** All test files under `root`, sorted; with filters, those whose path contains one of them. */
export function testFiles(root: string, filters: readonly string[] = []): string[] {
  const files = globSync(TESTS, { cwd: root }).sort()
  return filters.length === 0 ? files : files.filter((file) => filters.some((filter) => file.includes(filter)))
}

/** Result of a run: counts, the reports of the files that failed, and what each file took, slowest first. */
export interface SuiteResult {
  tally: Tally
  report: string
  durations: { file: string; seconds: number; cpu: number | undefined }[]
}

/**
 * Runs test files (relative to `root`), each in a process of its own, several at a time. Resolves when all have ended;
 * does not throw on failures.
 */
export async function runSuite(root: string, files: readonly string[], options: SuiteOptions): Promise<SuiteResult> {
  const waiting = [...files]
  const ended: (FileResult & EndedFile)[] = []
  const work = mkdtempSync(join(tmpdir(), 'slipway-tests-'))
  const cpu = cpuOfEnded()
  const lane = async (number: number): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const started = performance.now()
      options.watch?.started(file)
      const result = await runFile({ root, file, options, cpu, tap: join(work, `${number}.tap`) })
      const one = { ...result, file, seconds: (performance.now() - started) / 1000 }
      ended.push(one)
      options.watch?.ended(one)
    }
  }
  try {
    await Promise.all(Array.from({ length: options.concurrency }, (_, number) => lane(number)))
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return {
    tally: sum(ended.map((one) => one.tally)),
    report: ended
      .filter((one) => one.tally.failed > 0)
      .map((one) => `${one.file}\n${one.report}`)
      .join('\n'),
    durations: ended.map(({ file, seconds, cpu }) => ({ file, seconds, cpu })).sort((a, b) => b.seconds - a.seconds),
  }
}

interface FileResult {
  tally: Tally
  report: string
  cpu: number | undefined
}

interface FileJob {
  readonly root: string
  readonly file: string
  readonly options: SuiteOptions
  /** Asked as the file's process ends. */
  readonly cpu: () => number | undefined
  /** Where Node writes the file's report for machines. */
  readonly tap: string
}

/** Runs one file as a group of processes, so that what its tests have started ends with it. */
async function runFile(job: FileJob): Promise<FileResult> {
  const { limitMs, env: variables } = job.options
  const reporters = ['spec', 'stdout', 'tap', job.tap]
  const flags = reporters.map((value, i) => `--test-reporter${i % 2 === 0 ? '' : '-destination'}=${value}`)
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  rmSync(job.tap, { force: true })
  const child = spawn(process.execPath, [...flags, job.file], {
    cwd: job.root,
    env: { ...env, ...variables?.(job.file) },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const end = (): void => killGroup(child.pid)
  process.once('exit', end)
  let report = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (report += String(chunk)))
  const timer = setTimeout(() => {
    report += `\nstill running after ${limitMs / 1000} s; killed\n`
    end()
  }, limitMs)
  let cpu: number | undefined
  child.once('exit', () => (cpu = job.cpu()))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  clearTimeout(timer)
  process.off('exit', end)
  return { tally: readTap(job.file, readText(job.tap), code), report, cpu }
}

/**
 * Reads Node's TAP report of one file. Its closing counts decide, and a suite that was skipped as a whole counts as one
 * skip, for the counts leave suites out. Without closing counts, with nothing that ran or was skipped, or with an exit code
 * that the counts do not explain, the file counts as one failure.
 */
export function readTap(file: string, tap: string, code: number | null): Tally {
  const tally = emptyTally()
  const closing = (name: string): number => Number(new RegExp(`^# ${name} (\\d+)$`, 'm').exec(tap)?.[1] ?? 0)
  let suites = 0
  for (const [, name, reason = '', type] of tap.matchAll(SKIPPED)) {
    if (type === 'suite') suites += 1
    tally.skips.push(`${file}: ${unescaped(name ?? '')}: ${reason === '' ? 'no reason given' : unescaped(reason)}`)
  }
  tally.passed = closing('pass')
  tally.failed = closing('fail') + closing('cancelled')
  tally.skipped = closing('skipped') + closing('todo') + suites
  if (tally.failed === 0 && (code !== 0 || closing('tests') + suites === 0)) tally.failed = 1
  return tally
}

/** A test or suite that is skipped or to be done; its type stands in the lines below it. */
const SKIPPED =
  /^ *(?:not )?ok \d+ - (.*?) # (?:SKIP|TODO)(?: (.*))?(?:\n +---\n(?: +(?!type:|\.\.\.).*\n)* +type: '(\w+)')?/gm

function unescaped(text: string): string {
  return text.replace(/\\([#\\])/g, '$1')
}

function readText(file: string): string {
  return ifMissingNow(() => readFileSync(file, 'utf8')) ?? ''
}

function killGroup(pid: number | undefined): void {
  if (pid !== undefined) ifGone(() => process.kill(-pid, 'SIGKILL'))
}
