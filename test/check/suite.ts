/** Runs the TypeScript tests with Node's own runner and tells what passed, failed and was skipped. */
import { spawn } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { ifGone, ifMissingNow } from '../../src/contract/absence/absent.ts'
import { takeEndedCpu } from './cpu.ts'
import { readSharedTap, readTap } from './tap.ts'
import type { Cost } from './tap.ts'
import { emptyTally, sum } from './tally.ts'
import type { Tally } from './tally.ts'

/** How a suite is run: `concurrency` files at a time; a file that has not ended after `limitMs` is killed and has failed. */
export interface SuiteOptions {
  readonly concurrency: number
  readonly limitMs: number
  readonly watch?: SuiteWatch
  /** The files, those together that one process runs one after the other; by default each has its own. */
  readonly share?: (files: readonly string[]) => readonly (readonly string[])[]
  /** Files that wait for something: they begin as soon as it is over, before those that are still to begin then. */
  readonly held?: Held
  /** Variables for the processes of a file, besides those of this process. */
  readonly env?: (file: string) => NodeJS.ProcessEnv
}

export interface Held {
  readonly holds: (file: string) => boolean
  readonly until: Promise<void>
}

/** Is told of each file, relative to the root: when it starts, alone or with others, and when it has ended. */
export interface SuiteWatch {
  started(files: readonly string[]): void
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

/** Result of a run: counts, the reports of the files that failed, why each did, and what each file took, slowest first. */
export interface SuiteResult {
  tally: Tally
  report: string
  /** Of each file that failed, the part of its report that tells why. */
  reasons: string
  durations: { file: string; seconds: number; cpu: number | undefined }[]
}

/**
 * Runs test files (relative to `root`), several processes at a time. Resolves when all have ended; does not throw on failures.
 */
export async function runSuite(root: string, files: readonly string[], options: SuiteOptions): Promise<SuiteResult> {
  const { waiting, released } = queueOf(options.share?.(files) ?? files.map((file) => [file]), options.held)
  const ended: Ended[] = []
  const work = mkdtempSync(join(tmpdir(), 'slipway-tests-'))
  const lane = async (number: number): Promise<void> => {
    for (;;) {
      if (waiting.length === 0) await released
      const some = waiting.shift()
      if (some === undefined) return
      const lane = { root, options, tap: join(work, `${number}.tap`), costs: join(work, `${number}.json`) }
      await runSome(lane, some, (one) => {
        ended.push(one)
        options.watch?.ended(one)
      })
    }
  }
  try {
    await Promise.all(Array.from({ length: options.concurrency }, (_, number) => lane(number)))
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  const failed = ended.filter((one) => one.tally.failed > 0)
  return {
    tally: sum(ended.map((one) => one.tally)),
    report: failed.map((one) => `${one.file}\n${one.report}`).join('\n'),
    reasons: failed.map((one) => `${one.file}\n${reasonsOf(one.report)}`).join('\n\n'),
    durations: ended.map(({ file, seconds, cpu }) => ({ file, seconds, cpu })).sort((a, b) => b.seconds - a.seconds),
  }
}

const REASON_LINES = 60

/** Node's own list of what failed, which stands at the end; of a file that ended without one, its last lines. */
function reasonsOf(report: string): string {
  const [, list] = report.split(/^✖ failing tests:$/m)
  const lines = (list ?? report).trim().split('\n')
  return (list === undefined ? lines.slice(-REASON_LINES) : lines.slice(0, REASON_LINES)).join('\n')
}

interface Queue {
  readonly waiting: (readonly string[])[]
  /** Resolves when those that were held are in it too. */
  readonly released: Promise<void> | undefined
}

function queueOf(all: readonly (readonly string[])[], held: Held | undefined): Queue {
  const isHeld = (some: readonly string[]): boolean => held !== undefined && some.some(held.holds)
  const waiting = all.filter((some) => !isHeld(some))
  return { waiting, released: held?.until.then(() => void waiting.unshift(...all.filter(isHeld))) }
}

interface Ended extends EndedFile {
  readonly report: string
}

/** What runs one process at a time. */
interface Lane {
  readonly root: string
  readonly options: SuiteOptions
  /** Where Node writes its report for machines. */
  readonly tap: string
  /** Where a process of several files writes what each has cost. */
  readonly costs: string
}

/**
 * Runs files in one process, and tells of each. After any failure or crash there each of them runs again in a process of its own, and
 * that counts; where all of them pass then, the one that failed beside the others has failed.
 */
async function runSome(lane: Lane, files: readonly string[], tell: (ended: Ended) => void): Promise<void> {
  const { watch } = lane.options
  watch?.started(files)
  const [file = ''] = files
  if (files.length === 1) return tell(await runAlone(lane, file))
  const together = await runTogether(lane, files)
  if (together.passed) return together.ended.forEach(tell)
  const alone: Ended[] = []
  for (const file of files) {
    watch?.started([file])
    alone.push(await runAlone(lane, file))
  }
  const all = alone.every((one) => one.tally.failed === 0)
  const guilty = together.ended.find((one) => one.tally.failed > 0)?.file ?? file
  for (const one of alone) tell(all && one.file === guilty ? failedBeside(one, files, together.report) : one)
}

function failedBeside(one: Ended, files: readonly string[], report: string): Ended {
  const command = `node test/check/shared-process.ts /dev/null ${files.join(' ')}`
  const why = `it passes alone, and fails in one process with others:\n  ${command}\n`
  return { ...one, tally: { ...one.tally, failed: 1 }, report: `${why}${report}` }
}

/** Runs one file in a process of its own. */
async function runAlone(lane: Lane, file: string): Promise<Ended> {
  const started = performance.now()
  const { code, report, cpu } = await runProcess(lane, [file])
  const tally = readTap(file, readText(lane.tap), code)
  return { file, seconds: (performance.now() - started) / 1000, cpu, tally, report }
}

/** Runs files one after the other in one process; its start and its end are of the first. */
async function runTogether(lane: Lane, files: readonly string[]): Promise<Together> {
  const started = performance.now()
  rmSync(lane.costs, { force: true })
  const { code, report, cpu } = await runProcess(lane, files)
  const seconds = (performance.now() - started) / 1000
  const tallies = readSharedTap(files, readText(lane.tap))
  const costs = readCosts(lane.costs)
  const rest = files.reduce((left, file) => left - (costs[file]?.seconds ?? 0), seconds)
  const restCpu = files.reduce((left, file) => left - (costs[file]?.cpu ?? 0), cpu ?? 0)
  const ended = files.map((file, at) => {
    const own = costs[file] ?? { seconds: 0, cpu: 0 }
    return {
      file,
      seconds: own.seconds + (at === 0 ? rest : 0),
      cpu: cpu === undefined ? undefined : own.cpu + (at === 0 ? restCpu : 0),
      tally: tallies.get(file) ?? emptyTally(),
      report,
    }
  })
  return { passed: code === 0 && ended.every((one) => one.tally.failed === 0), ended, report }
}

interface Together {
  readonly passed: boolean
  readonly ended: readonly Ended[]
  readonly report: string
}

interface Ran {
  readonly code: number | null
  readonly report: string
  readonly cpu: number | undefined
}

/** How much longer several files may take than one. */
const TOGETHER = 3

const SHARED_PROCESS = join(import.meta.dirname, 'shared-process.ts')
const OWN_FILES = join(import.meta.dirname, 'own-files.ts')

/** Runs one file, or several in one process, as a group of processes, so that what the tests have started ends with it. */
async function runProcess(lane: Lane, files: readonly string[]): Promise<Ran> {
  const { env: variables } = lane.options
  const [file = ''] = files
  const limitMs = lane.options.limitMs * (files.length === 1 ? 1 : TOGETHER)
  const reporters = ['spec', 'stdout', 'tap', lane.tap]
  const flags = reporters.map((value, i) => `--test-reporter${i % 2 === 0 ? '' : '-destination'}=${value}`)
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  rmSync(lane.tap, { force: true })
  const child = spawn(
    process.execPath,
    ['--import', OWN_FILES, ...flags, ...(files.length === 1 ? files : [SHARED_PROCESS, lane.costs, ...files])],
    {
      cwd: lane.root,
      env: { ...env, ...variables?.(file) },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  const end = (): void => killGroup(child.pid)
  process.once('exit', end)
  let report = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (report += String(chunk)))
  const timer = setTimeout(() => {
    report += `\nstill running after ${limitMs / 1000} s; killed\n`
    end()
  }, limitMs)
  let cpu: number | undefined
  child.once('exit', () => (cpu = takeEndedCpu()))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  clearTimeout(timer)
  process.off('exit', end)
  return { code, report, cpu }
}

function readCosts(file: string): Readonly<Record<string, Cost>> {
  const text = readText(file)
  return text === '' ? {} : (JSON.parse(text) as Record<string, Cost>)
}

function readText(file: string): string {
  return ifMissingNow(() => readFileSync(file, 'utf8')) ?? ''
}

function killGroup(pid: number | undefined): void {
  if (pid !== undefined) ifGone(() => process.kill(-pid, 'SIGKILL'))
}
