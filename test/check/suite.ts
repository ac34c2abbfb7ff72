/** Runs the TypeScript tests with Node's own runner and tells what passed, failed and was skipped. */
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { ifMissingNow } from '../../src/contract/absence/absent.ts'
import { readSharedTap, readTap } from './tap.ts'
import type { Cost } from './tap.ts'
import { emptyTally, sum } from './tally.ts'
import type { Tally } from './tally.ts'
import { runTestProcess } from './test-process.ts'
import type { EndedProcess } from './test-process.ts'
import type { TimeLeft } from './time-left.ts'

/**
 * How a suite is run: `concurrency` files at a time; a file that has not ended after `limitMs` is killed and has failed, and each of its
 * tests has a little less.
 */
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
  /** Until when files begin; without it all do. */
  readonly time?: TimeLeft
  /** How many ms a file took the last time; 0 where nobody knows. */
  readonly expectedMs?: (file: string) => number
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
  /** Ended because no time was left, so that nothing is known of it. */
  readonly cut?: boolean
}

/** A file that failed. */
export interface FailedFile extends EndedFile {
  /** What one process is to run to try it again: the file, or all those beside which it failed. */
  readonly together: readonly string[]
  /** The part of its report that tells why. */
  readonly reasons: string
}

/** Where tests live, relative to the checkout. */
const TESTS = ['src/**/*.test.ts', 'test/**/*.test.ts', 'web/**/*.test.ts', 'bench/**/*.test.ts']

/** All test files under `root`, sorted; with filters, those whose path contains one of them. */
export function testFiles(root: string, filters: readonly string[] = []): string[] {
  const files = globSync(TESTS, { cwd: root }).sort()
  return filters.length === 0 ? files : files.filter((file) => filters.some((filter) => file.includes(filter)))
}

/** Result of a run: counts and files that ended, slowest first, the reports of those that failed, and what was left out. */
export interface SuiteResult {
  readonly tally: Tally
  readonly report: string
  readonly ended: readonly EndedFile[]
  readonly failed: readonly FailedFile[]
  /** Files that did not begin, or were ended, because no time was left. */
  readonly leftOut: readonly string[]
}

/**
 * Runs test files (relative to `root`), several processes at a time. Resolves when all have ended; does not throw on failures.
 */
export async function runSuite(root: string, files: readonly string[], options: SuiteOptions): Promise<SuiteResult> {
  const { time, expectedMs } = options
  const { waiting, released } = queueOf(options.share?.(files) ?? files.map((file) => [file]), options.held)
  const more = time === undefined ? released : Promise.race([released, time.over])
  const ended: Ended[] = []
  let failedMs = 0
  const mayBegin = (some: readonly string[]): boolean => {
    const expected = some.reduce((total, file) => total + (expectedMs?.(file) ?? 0), 0)
    return time === undefined || time.mayBegin(expected, failedMs)
  }
  const work = mkdtempSync(join(tmpdir(), 'slipway-tests-'))
  const lane = async (number: number): Promise<void> => {
    for (;;) {
      if (waiting.length === 0) await more
      const some = waiting.shift()
      if (some === undefined) return
      if (!mayBegin(some)) continue
      const lane = { root, options, tap: join(work, `${number}.tap`), costs: join(work, `${number}.json`) }
      await runSome(lane, some, (one) => {
        ended.push(one)
        if (one.tally.failed > 0) failedMs += one.seconds * 1000
        options.watch?.ended(one)
      })
    }
  }
  try {
    await Promise.all(Array.from({ length: options.concurrency }, (_, number) => lane(number)))
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return resultOf(files, ended)
}

function resultOf(files: readonly string[], all: readonly Ended[]): SuiteResult {
  const ended = all.filter((one) => one.cut !== true).toSorted((a, b) => b.seconds - a.seconds)
  const failed = ended.filter((one) => one.tally.failed > 0)
  const known = new Set(ended.map((one) => one.file))
  return {
    tally: sum(all.map((one) => one.tally)),
    report: failed.map((one) => `${one.file}\n${one.why ?? ''}${one.report}`).join('\n'),
    ended,
    failed: failed.map((one) => ({ together: [one.file], ...one, reasons: `${one.why ?? ''}${reasonsOf(one)}` })),
    leftOut: files.filter((file) => !known.has(file)),
  }
}

/** Lines of what failed in a file, and the least of one test of it; of more tests than fit, the names. */
const REASON_LINES = 60
const LEAST_LINES = 8

/** Node's own list of what failed in the file, which stands at the end; of a file that ended without one, the last lines. */
function reasonsOf({ file, report }: Ended): string {
  const [, list] = report.split(/^✖ failing tests:$/m)
  if (list === undefined) return report.trim().split('\n').slice(-REASON_LINES).join('\n')
  const own = list.split(/^(?=test at )/m).filter((one) => one.startsWith(`test at ${file}:`))
  if (own.length === 0) return cutTo(REASON_LINES, list)
  // one with a long message must not hide the others, nor many of them the other files
  const each = Math.max(LEAST_LINES, Math.floor(REASON_LINES / own.length))
  const told = own.slice(0, Math.floor(REASON_LINES / LEAST_LINES))
  const names = own.slice(told.length).map((one) => one.split('\n')[1])
  return [...told.map((one) => cutTo(each, one)), ...names].join('\n')
}

function cutTo(most: number, text: string): string {
  const lines = text.trim().split('\n')
  const left = lines.length - most
  return left > 0 ? [...lines.slice(0, most), `… and ${left} more lines`].join('\n') : lines.join('\n')
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
  /** What is to be said before it. */
  readonly why?: string
  readonly together?: readonly string[]
}

/** What runs one process at a time. */
interface Lane {
  readonly root: string
  readonly options: SuiteOptions
  readonly tap: string
  readonly costs: string
}

/**
 * Runs files in one process, and tells of each. After any failure or crash there each of them runs again in a process of its own, and
 * that counts; one that passes then, and failed beside the others, has failed.
 */
async function runSome(lane: Lane, files: readonly string[], tell: (ended: Ended) => void): Promise<void> {
  const { watch } = lane.options
  watch?.started(files)
  const [file = ''] = files
  if (files.length === 1) return tell(await runAlone(lane, file))
  const together = await runTogether(lane, files)
  if (together.passed) return together.ended.forEach(tell)
  if (together.cut) return together.ended.forEach((one) => tell({ ...one, tally: emptyTally(), cut: true }))
  const alone: Ended[] = []
  for (const file of files) {
    watch?.started([file])
    alone.push(await runAlone(lane, file))
  }
  const failedThere = failedIn(together, alone)
  for (const one of alone) {
    const beside = one.tally.failed === 0 && failedThere.includes(one.file)
    tell(beside ? failedBeside(one, files, together.report) : one)
  }
}

/**
 * The files that failed in one process: those that Node names, and the one that ran as it ended too early. Of a process that failed though
 * none of them did, the first where no other failure tells why.
 */
function failedIn({ failed, unended }: Together, alone: readonly Ended[]): readonly string[] {
  const names = unended === undefined ? failed : [...failed, unended]
  return names.length > 0 || alone.some((one) => one.tally.failed > 0)
    ? names
    : alone.slice(0, 1).map((one) => one.file)
}

function failedBeside(one: Ended, files: readonly string[], report: string): Ended {
  const command = `node --import ./test/check/own-files.ts test/check/shared-process.ts /dev/null ${files.join(' ')}`
  const why = `it passes alone, and fails in one process with others:\n  ${command}\n`
  return { ...one, tally: { ...one.tally, failed: 1 }, why, report, together: files }
}

/** Runs one file in a process of its own. */
async function runAlone(lane: Lane, file: string): Promise<Ended> {
  const started = performance.now()
  const { code, report, cpu, cut } = await runProcess(lane, [file])
  const seconds = (performance.now() - started) / 1000
  if (cut) return { file, seconds, cpu, tally: emptyTally(), report, cut }
  return { file, seconds, cpu, tally: readTap(file, readText(lane.tap), code), report }
}

/** Runs files one after the other in one process; its start and its end are of the first. */
async function runTogether(lane: Lane, files: readonly string[]): Promise<Together> {
  const started = performance.now()
  rmSync(lane.costs, { force: true })
  const { code, report, cpu, cut } = await runProcess(lane, files)
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
      tally: tallies.get(file) ?? { ...emptyTally(), failed: 1 },
      report,
    }
  })
  return {
    passed: code === 0 && ended.every((one) => one.tally.failed === 0),
    ended,
    failed: files.filter((file) => (tallies.get(file)?.failed ?? 0) > 0),
    // a process that was killed has told no costs
    unended: existsSync(lane.costs) ? files.find((file) => costs[file] === undefined) : undefined,
    report,
    cut,
  }
}

interface Together {
  readonly passed: boolean
  readonly ended: readonly Ended[]
  /** Those of which Node says so: nothing of a process that has crashed. */
  readonly failed: readonly string[]
  /** The first that had not ended as the process did; undefined too where nobody knows. */
  readonly unended: string | undefined
  readonly report: string
  readonly cut: boolean
}

/** How much longer several files may take than one. */
const TOGETHER = 3

/** How much of the limit of a file one of its tests may take: it is named before the process is ended. */
const OF_ONE_TEST = 0.8

/** Runs files within their own limit and the time that is left; `cut` where the latter ended them. */
async function runProcess(lane: Lane, files: readonly string[]): Promise<EndedProcess & { readonly cut: boolean }> {
  const { env, limitMs: one, time } = lane.options
  const ownMs = one * (files.length === 1 ? 1 : TOGETHER)
  const leftMs = time?.leftMs() ?? ownMs
  const { root, tap, costs } = lane
  const limitMs = Math.min(ownMs, leftMs)
  const testLimitMs = one * OF_ONE_TEST
  const ended = await runTestProcess({
    root,
    files,
    limitMs,
    testLimitMs,
    tap,
    costs,
    env: env?.(files[0] ?? '') ?? {},
  })
  return { ...ended, cut: ended.late && leftMs < ownMs }
}

function readCosts(file: string): Readonly<Record<string, Cost>> {
  const text = readText(file)
  return text === '' ? {} : (JSON.parse(text) as Record<string, Cost>)
}

function readText(file: string): string {
  return ifMissingNow(() => readFileSync(file, 'utf8')) ?? ''
}
