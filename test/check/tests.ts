/** The stages that run tests: the ordinary files, the heavy ones, those beside the sources with coverage, and Python's. */
import { availableParallelism } from 'node:os'
import { performance } from 'node:perf_hooks'
import { findPython } from '../tools.ts'
import { hasTestEnv, testEnv } from '../python-env.ts'
import { PACKAGES } from '../serving-models.ts'
import type { Again } from './again.ts'
import { costNotes } from './costs.ts'
import { measureCoverage } from './coverage.ts'
import type { RoomCoverage } from './coverage.ts'
import { inputsOf, toolsHere } from './inputs.ts'
import { isHeavy, longestFirst } from './parts.ts'
import { passesFolder, readPasses } from './passes.ts'
import type { Passes } from './passes.ts'
import { prepare } from './prepare.ts'
import type { Late } from './prepare.ts'
import { envOf, limitOf, runFiles } from './run-files.ts'
import { startShared } from './services.ts'
import { shared as sharedProcesses } from './sharing.ts'
import { pythonTests, runPythonModules, runPythonSuite } from './python-suite.ts'
import type { FailedModules, PythonPart } from './python-suite.ts'
import { endOf } from './stage.ts'
import type { Outcome, Stage, StageJob } from './stage.ts'
import { runSuite, testFiles } from './suite.ts'
import type { FailedFile } from './suite.ts'
import { emptyTally, sum } from './tally.ts'
import type { Tally } from './tally.ts'

/** The stage of this name that runs test files: those that the filters choose, else all of the part. */
export function testStage(root: string, name: string, part: 'ordinary' | 'heavy'): Stage {
  let late: Late | undefined
  return {
    name,
    prepare: async (job) => {
      const prepared = prepare(root, filesOf(root, job, part), job.progress).then((all) => void (late = all))
      await (job.time === undefined ? prepared : Promise.race([prepared, job.time.over]))
    },
    async run(job) {
      const files = filesOf(root, job, part)
      if (files.length === 0) return { ok: false, report: `no test file matches ${job.filters.join(', ')}` }
      const passes = part === 'heavy' ? readPasses(passesFolder(), inputsOf(root, toolsHere())) : undefined
      return runTests(
        { root, job, ...(late !== undefined && { late }), ...(passes !== undefined && { passes }) },
        files,
      )
    },
  }
}

interface TestRun {
  readonly root: string
  readonly job: StageJob
  /** What is still being brought. */
  readonly late?: Late
  /** What passed before; without it all is run. */
  readonly passes?: Passes
}

async function runTests(run: TestRun, all: readonly string[]): Promise<Outcome> {
  const { root, job, late, passes } = run
  const known = new Map(all.map((file) => [file, passes?.taken(file)]))
  const taken = job.cache === false ? new Map<string, Tally>() : known
  const open = all.filter((file) => taken.get(file) === undefined)
  const files = passes?.inOrder(open) ?? open
  const shared = await startShared(root, files, job.progress)
  const started = performance.now()
  const { report, ended, failed, leftOut } = await runFiles(root, files, job.progress, {
    env: (file) => envOf(file, shared.env),
    share: sharedProcesses,
    // one that began last would run alone
    ...(late !== undefined && { held: { holds: late.uses, until: late.over } }),
    ...(job.time !== undefined && { time: job.time }),
    ...(passes !== undefined && { expectedMs: passes.expectedMs, ended: passes.keep }),
  })
  const seconds = (performance.now() - started) / 1000
  shared.stop()
  if (report !== '') job.progress.line(report)
  const passed = ended.filter((one) => one.tally.failed === 0)
  const before = [...taken.values()].filter((tally) => tally !== undefined)
  return {
    ok: true,
    tally: sum([...passed.map((one) => one.tally), ...before, tallyLeftOut(leftOut)]),
    again: failed.map((one) => fileAgain(run, one, failed)),
    notes: [...keptNotes(before), ...costNotes(ended, seconds, availableParallelism())],
  }
}

function tallyLeftOut(files: readonly string[]): Tally {
  return { ...emptyTally(), skipped: files.length, skips: files.map((file) => `${file}: not run: no time left`) }
}

/**
 * A file that failed, to be run once more, beside the others with which it shared a process if it failed there alone. What fails
 * beside it then, and is not of those that failed at first, counts for it.
 */
function fileAgain(
  { root, job }: TestRun,
  { file, together, tally, reasons }: FailedFile,
  all: readonly FailedFile[],
): Again {
  const others = new Set(all.map((one) => one.file).filter((one) => one !== file))
  return {
    name: file,
    tally,
    reasons,
    async run() {
      const shared = await startShared(root, together, job.progress)
      const second = await runSuite(root, together, {
        concurrency: 1,
        limitMs: limitOf([file]),
        env: (one) => envOf(one, shared.env),
        share: (files) => [files],
        ...(job.time !== undefined && { time: job.time.again }),
      })
      shared.stop()
      const own = second.ended.find((one) => one.file === file)
      if (own === undefined || second.leftOut.length > 0) return { tally, reasons: 'no time was left for it' }
      const failed = second.failed.filter((one) => !others.has(one.file))
      return {
        tally: { ...own.tally, failed: sum(failed.map((one) => one.tally)).failed },
        reasons: failed.map((one) => one.reasons).join('\n'),
      }
    },
  }
}

/**
 * Runs the test files beside the sources once more, or those of the filters, and tells how many lines of each room they run. It
 * measures and does not judge: counting costs a third more and up to thrice as much in pure mathematics, so that a test with a
 * time limit may fail. Fails only when nothing was measured.
 */
export async function coverageStage(root: string, job: StageJob): Promise<Outcome> {
  const files = testFiles(root, job.filters.length > 0 ? job.filters : ['src/'])
  const coverage = measureCoverage(root)
  try {
    const { tally } = await runFiles(root, files, job.progress, {
      env: (file) => envOf(file, coverage.env(file)),
      ended: (one) => coverage.add(one.file),
    })
    const rooms = coverage.rooms()
    const ran = rooms.reduce((total, room) => total + room.ran, 0)
    const failed =
      tally.failed === 0 ? [] : [`  ${tally.failed} tests failed while lines were counted; not judged here`]
    return { ok: ran > 0, report: 'no line of src was run', notes: [...coverageNotes(rooms), ...failed] }
  } finally {
    coverage.stop()
  }
}

/** Runs the tests of the Python package that belong to a part. */
export async function pythonStage(root: string, part: PythonPart, { progress }: StageJob): Promise<Outcome> {
  const files = pythonTests(root, part)
  if (files.length === 0) return { ok: true, skipped: 'python/tests has no tests' }
  const base = findPython()
  if (base === undefined) return { ok: false, report: 'Python is missing; install Python 3.10 or newer' }
  // with what the scorer's own tests need; without the network and a warm cache they are skipped by name
  if (!hasTestEnv(PACKAGES)) progress.line('  bringing: Python environment')
  const python = await testEnv(PACKAGES).catch(() => base)
  let ended = 0
  const { tally, report, failed } = await progress.during(
    () => `  Python: ${ended} tests have ended`,
    () => runPythonSuite(root, files, python, (tests) => (ended = tests)),
  )
  if (failed.length > 0) progress.line(report)
  return { ok: true, tally: { ...tally, failed: 0 }, again: failed.map((one) => modulesAgain(root, python, one)) }
}

function modulesAgain(root: string, python: string, { modules, failed, report }: FailedModules): Again {
  return {
    name: modules.join(' '),
    tally: { ...emptyTally(), failed },
    reasons: endOf(report),
    async run() {
      const second = await runPythonModules(root, [python, ...modules])
      const ok = second.tally.failed === 0
      // those of the modules that passed at first are counted already
      return {
        tally: { ...emptyTally(), ...(ok ? { passed: failed } : { failed: second.tally.failed }) },
        reasons: endOf(second.report),
      }
    },
  }
}

function filesOf(root: string, { filters }: StageJob, part: 'ordinary' | 'heavy'): string[] {
  const files = longestFirst(testFiles(root, filters))
  if (filters.length > 0) return files
  return files.filter((file) => isHeavy(file) === (part === 'heavy'))
}

function keptNotes(before: readonly Tally[]): string[] {
  if (before.length === 0) return []
  return [`  passed before on equal inputs, not run: ${before.length} files, ${sum(before).passed} tests`]
}

function coverageNotes(rooms: readonly RoomCoverage[]): string[] {
  const lines = rooms.reduce((total, room) => total + room.lines, 0)
  const ran = rooms.reduce((total, room) => total + room.ran, 0)
  return [...rooms, { room: 'in all', lines, ran }].map((one) => {
    const percent = one.lines === 0 ? 100 : (100 * one.ran) / one.lines
    const name = one.room === 'in all' ? one.room : `src/${one.room}`
    return `  ${name.padEnd(16)} ${percent.toFixed(1).padStart(5)} % of ${one.lines} lines`
  })
}
