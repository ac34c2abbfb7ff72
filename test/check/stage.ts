/** A stage of the check: what it reports, how its line is printed, and stages that are one program. */
import { spawn } from 'node:child_process'
import { join, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { oneFailure, tryAgain } from './again.ts'
import type { Again, TryingAgain } from './again.ts'
import { cpuSeconds, takeEndedCpu } from './cpu.ts'
import { secondsSince } from './progress.ts'
import { emptyTally, sum, totalLine } from './tally.ts'
import type { Tally } from './tally.ts'
import type { CheckTime } from './time-left.ts'

const root = resolve(import.meta.dirname, '../..')
const LIMIT_MS = 600_000

/** What a stage reports: counts of its own tests beside the stage itself, what to print, and why it did not run. */
export interface Outcome {
  readonly ok: boolean
  /** Printed when the stage has failed. */
  readonly report?: string
  /** Shown once more when all is over; the end of the report by default. */
  readonly reasons?: string
  readonly tally?: Tally
  readonly skipped?: string
  /** Lines that are printed in any case. */
  readonly notes?: readonly string[]
  /** What failed and is tried again when all is over; neither `ok` nor the tally speak of it. */
  readonly again?: readonly Again[]
}

/**
 * What a stage is run with. `failed` is told of each stage, or file, that failed in the end, with its reasons or the end of what it
 * printed, to be shown once more when all is over.
 */
export interface StageJob extends TryingAgain {
  /** Parts of paths that choose test files, all when there are none. */
  readonly filters: readonly string[]
  /** Until when test files of the second part may begin; without it all do. */
  readonly time?: CheckTime
  /** False to take no test file of the second part as passed that passed before. */
  readonly cache?: boolean
}

export interface Stage {
  readonly name: string
  /** What else it is that may fail by luck runs again, as a whole, when it failed. */
  readonly twice?: boolean
  /** Runs at the same time as the stage before it, which waits more than it computes. */
  readonly beside?: boolean
  /** Brings what it needs, which may go on while the stages before it run. */
  prepare?(job: StageJob): Promise<void>
  run(job: StageJob): Promise<Outcome>
}

/** How a program of the checkout is run; it is ended after `limitMs`, by default ten minutes. */
export interface ProgramOptions {
  readonly limitMs?: number
  readonly env?: NodeJS.ProcessEnv
}

/** A stage that is one program of node_modules, or `node`: it passes when the program ends with 0. */
export function program(name: string, args: readonly string[], options: ProgramOptions = {}): Promise<Outcome> {
  return new Promise((done) => {
    const file = name === 'node' ? process.execPath : join(root, 'node_modules/.bin', name)
    const child = spawn(file, args, {
      cwd: root,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.limitMs ?? LIMIT_MS,
    })
    let report = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (report += String(chunk)))
    child.once('exit', takeEndedCpu)
    child.on('error', (error) => done({ ok: false, report: error.message }))
    child.on('close', (code, signal) => {
      done({ ok: code === 0, report: signal === null ? report : `${report}\n${name} was ended by ${signal}` })
    })
  })
}

/** Lines of a report that are shown again at the end. */
const END_LINES = 60

/** The last lines of a report. */
export function endOf(report: string): string {
  return report.trimEnd().split('\n').slice(-END_LINES).join('\n')
}

/**
 * Runs stages one after the other, but for those that run beside the one before, and at last what failed once more. What they need is
 * brought meanwhile: that waits for the network, they compute.
 */
export async function runStages(stages: readonly Stage[], job: StageJob): Promise<Tally> {
  const ready = new Map(stages.map((stage) => [stage, stage.prepare?.(job)]))
  const ended: Ended[] = []
  const costs: string[] = []
  const costOf = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const before = cpuSeconds()
    const done = await work()
    costs.push(`${name} ${(cpuSeconds() - before).toFixed(1)}`)
    return done
  }
  for (const group of groupsOf(stages)) {
    const names = group.map((stage) => stage.name).join(' and ')
    const run = () => Promise.all(group.map((stage) => runStage(stage, job, ready.get(stage))))
    ended.push(...(await costOf(names, run)))
  }
  const failed = ended.flatMap((one) => one.again)
  const again = failed.length === 0 ? emptyTally() : await costOf('second tries', () => tryAgain(failed, job))
  // what is brought meanwhile is in it
  job.progress.line(`seconds of CPU: ${costs.join(', ')}`)
  return sum([...ended.map((one) => one.tally), again])
}

/** The stages, those together that run at the same time. */
function groupsOf(stages: readonly Stage[]): Stage[][] {
  const groups: Stage[][] = []
  for (const stage of stages) {
    const last = groups.at(-1)
    if (stage.beside === true && last !== undefined) last.push(stage)
    else groups.push([stage])
  }
  return groups
}

interface Ended {
  readonly tally: Tally
  readonly again: readonly Again[]
}

/** A stage that failed as a whole, to be tried again. */
function stageAgain(stage: Stage, job: StageJob, first: Outcome): Again {
  return {
    name: stage.name,
    tally: sum([oneFailure(), first.tally ?? emptyTally()]),
    reasons: reasonsOf(first),
    async run() {
      const second = await stage.run(job)
      const own = second.ok ? { ...emptyTally(), passed: 1 } : oneFailure()
      return { tally: sum([own, second.tally ?? emptyTally()]), reasons: reasonsOf(second) }
    },
  }
}

function reasonsOf({ reasons, report }: Outcome): string {
  return reasons ?? endOf(report ?? '')
}

/** Runs one stage once it is `ready` and prints its line; its report only when it failed. The stage itself counts as one. */
async function runStage(stage: Stage, job: StageJob, ready: Promise<void> | undefined): Promise<Ended> {
  const { progress } = job
  const started = performance.now()
  const status = (): string => `${stage.name.padEnd(10)} running ${secondsSince(started)}`
  const outcome = await progress.during(status, async () => {
    await ready
    return stage.run(job)
  })
  const whole = stage.twice === true && !outcome.ok
  const again = whole ? [stageAgain(stage, job, outcome)] : (outcome.again ?? [])
  if (!outcome.ok) {
    progress.line(outcome.report ?? '')
    if (!whole) job.failed?.(stage.name, reasonsOf(outcome))
  }
  const counts = outcome.tally === undefined ? '' : `  (${totalLine(outcome.tally)})`
  const more = again.length === 0 ? '' : `, ${again.length} failed at the first try`
  progress.line(`${stage.name.padEnd(10)} ${wordOf(outcome).padEnd(7)} ${secondsSince(started)}${counts}${more}`)
  for (const note of outcome.notes ?? []) progress.line(note)
  return { tally: whole ? emptyTally() : sum([ownTally(stage, outcome), outcome.tally ?? emptyTally()]), again }
}

function wordOf({ ok, skipped }: Outcome): string {
  return skipped === undefined ? (ok ? 'ok' : 'FAILED') : 'skipped'
}

function ownTally(stage: Stage, { ok, skipped }: Outcome): Tally {
  if (skipped !== undefined) return { ...emptyTally(), skipped: 1, skips: [`${stage.name}: ${skipped}`] }
  return ok ? { ...emptyTally(), passed: 1 } : oneFailure()
}
