/** A stage of the check: what it reports, how its line is printed, and stages that are one program. */
import { spawn } from 'node:child_process'
import { join, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { takeEndedCpu } from './cpu.ts'
import { secondsSince } from './progress.ts'
import type { Progress } from './progress.ts'
import { emptyTally, sum, totalLine } from './tally.ts'
import type { Tally } from './tally.ts'

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
}

/** What a stage is run with: `filters` are parts of paths that choose test files, all when there are none. */
export interface StageJob {
  readonly filters: readonly string[]
  readonly progress: Progress
  /** Is told of each stage that failed, with its reasons or the end of what it printed, to be shown once more when all is over. */
  readonly failed?: (stage: string, report: string) => void
}

export interface Stage {
  readonly name: string
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

function endOf(report: string): string {
  return report.trimEnd().split('\n').slice(-END_LINES).join('\n')
}

/**
 * Runs stages one after the other, but for those that run beside the one before. What they need is brought meanwhile: that waits for the
 * network, they compute.
 */
export async function runStages(stages: readonly Stage[], job: StageJob): Promise<Tally> {
  const ready = stages.map((stage) => stage.prepare?.(job))
  const tallies: Tally[] = []
  const running: Promise<Tally>[] = []
  for (const [i, stage] of stages.entries()) {
    if (stage.beside !== true) tallies.push(...(await Promise.all(running.splice(0))))
    running.push(runStage(stage, job, ready[i]))
  }
  return sum([...tallies, ...(await Promise.all(running))])
}

/** Runs one stage once it is `ready` and prints its line; its report only when it failed. The stage itself counts as one. */
async function runStage(stage: Stage, job: StageJob, ready: Promise<void> | undefined): Promise<Tally> {
  const { progress } = job
  const started = performance.now()
  const status = (): string => `${stage.name.padEnd(10)} running ${secondsSince(started)}`
  const outcome = await progress.during(status, async () => {
    await ready
    return stage.run(job)
  })
  const own = emptyTally()
  if (outcome.skipped === undefined) own[outcome.ok ? 'passed' : 'failed'] = 1
  else own.skipped = 1
  if (outcome.skipped !== undefined) own.skips.push(`${stage.name}: ${outcome.skipped}`)
  const word = outcome.skipped === undefined ? (outcome.ok ? 'ok' : 'FAILED') : 'skipped'
  const counts = outcome.tally === undefined ? '' : `  (${totalLine(outcome.tally)})`
  if (!outcome.ok) {
    progress.line(outcome.report ?? '')
    job.failed?.(stage.name, outcome.reasons ?? endOf(outcome.report ?? ''))
  }
  progress.line(`${stage.name.padEnd(10)} ${word.padEnd(7)} ${secondsSince(started)}${counts}`)
  for (const note of outcome.notes ?? []) progress.line(note)
  return sum([own, outcome.tally ?? emptyTally()])
}
