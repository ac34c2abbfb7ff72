/** Follows a pipeline run to its end and says what happens, step by step. */
import { setTimeout as wait } from 'node:timers/promises'
import type { Client } from '../../client/client.ts'
import { pipelinesApi } from '../../contract/pipelines.ts'
import { READ_NAMES } from '../../contract/runs/reads.ts'
import type { Reply } from '../../contract/route.ts'
import type { Output } from '../invocation/output.ts'
import { paint } from '../invocation/output.ts'
import { Prints } from './prints.ts'

export type PipelineRun = Reply<typeof pipelinesApi.getPipelineRun>
type Step = PipelineRun['steps'][number]

const ENDED = new Set(['succeeded', 'cached', 'failed', 'skipped', 'cancelled'])
const DONE = new Set(['succeeded', 'cached'])
const POLL_MS = 150

/** How a shell says that a program was ended by Ctrl-C. */
const INTERRUPTED = 130

/**
 * Waits for the run's end; tells what its steps print, and each step once when it is over. Survives a restart of the server. Ctrl-C
 * ends this program and not the run.
 */
export async function follow(client: Client, id: string, out: Output): Promise<PipelineRun> {
  const detach = (): void => {
    process.stderr.write(`\nslipway: run ${id} goes on. See it: slipway runs ${id}. End it: slipway cancel ${id}\n`)
    process.exit(INTERRUPTED)
  }
  out.line(`Ctrl-C ends this view and not the run; slipway cancel ${id} ends the run.`)
  process.once('SIGINT', detach)
  try {
    return await watch(client, id, out)
  } finally {
    process.off('SIGINT', detach)
  }
}

async function watch(client: Client, id: string, out: Output): Promise<PipelineRun> {
  const told = new Set<string>()
  const prints = new Prints(client, id, out)
  let lost = 0
  let said = ''
  for (;;) {
    const run = await client.call(pipelinesApi.getPipelineRun, { params: { id } }).catch((error: unknown) => {
      if (++lost > MAX_LOST) throw error
      return undefined
    })
    if (run !== undefined) {
      lost = 0
      for (const { name } of run.steps.filter(({ attempts }) => attempts.length > 0)) prints.begin(name)
      if (!told.has(SOURCES) && (run.sources ?? []).length > 0) {
        told.add(SOURCES)
        for (const line of sourceLines(run.sources)) out.line(line)
      }
      for (const step of run.steps.filter(({ state, name }) => ENDED.has(state) && !told.has(name))) {
        told.add(step.name)
        await prints.end(step.name)
        tell(step, out)
      }
      if (run.finished_at !== null) return run
      const now = progress(run)
      if (now !== said) out.progress(now)
      said = now
    }
    await wait(POLL_MS)
  }
}

/** Stands for the sources among the names of steps, of which none has a blank. */
const SOURCES = 'its sources'

/** A server that is restarting answers again within this many polls. */
const MAX_LOST = 200

function progress(run: PipelineRun): string {
  const running = run.steps.filter((step) => step.state === 'running').map(nameOf)
  const done = run.steps.filter((step) => DONE.has(step.state)).length
  return `${run.project}: ${done} of ${run.steps.length} steps${running.length > 0 ? `, running ${running.join(', ')}` : `, ${run.message}`}`
}

/** A step by its name, and how many of its items have ended. */
function nameOf({ name, items }: Step): string {
  if (items === undefined) return name
  const ended = Object.entries(items.states).filter(([state]) => ENDED.has(state))
  return `${name} (${ended.reduce((sum, [, n]) => sum + n, 0)} of ${items.count} items)`
}

/** How many items are in which state, in words. */
export function itemsText({ count, states }: NonNullable<Step['items']>): string {
  const parts = Object.entries(states).map(([state, n]) => `${n} ${state}`)
  return `${count} ${count === 1 ? 'item' : 'items'}${parts.length === 0 ? '' : `: ${parts.join(', ')}`}`
}

/** Only what succeeded has a tick: a step that was skipped or cancelled did nothing. */
const MARKS: Readonly<Record<string, string>> = {
  succeeded: paint('green', '✓'),
  cached: paint('dim', '='),
  failed: paint('red', '✗'),
}

function tell(step: Step, out: Output): void {
  const mark = MARKS[step.state] ?? paint('yellow', '-')
  const time = step.duration_ms === null ? '' : ` ${(step.duration_ms / 1000).toFixed(2)} s`
  out.line(
    `${mark} ${step.name} ${step.state}${time}${step.cache === null ? '' : paint('dim', ` (${step.cache.reason})`)}`,
  )
  if (step.skipped !== undefined) out.line(`  ${step.skipped}`)
  if (step.items !== undefined) out.line(`  ${itemsText(step.items)}`)
  for (const line of readLines(step.reads)) out.line(`  ${paint('yellow', 'warning')}: ${line}`)
  for (const line of checkpointLines(step)) out.line(`  ${line}`)
  for (const { trouble } of step.attempts)
    if (trouble !== undefined) out.line(`  ${paint('yellow', 'warning')}: ${trouble}`)
  if (step.failure !== null) out.line(`  ${step.failure.class}: ${step.failure.message}`)
}

/** What a step has kept, from where it went on, and what that did not save; none where it keeps no checkpoints. */
export function checkpointLines({ checkpoints, attempts }: Pick<Step, 'checkpoints' | 'attempts'>): string[] {
  if (checkpoints === undefined) return []
  const last = attempts.findLast((attempt) => (attempt.checkpoints?.last ?? null) !== null)?.checkpoints?.last ?? null
  const failed = attempts.at(-1)?.checkpoints?.failed ?? null
  const damaged = attempts.reduce((sum, attempt) => sum + (attempt.checkpoints?.damaged ?? 0), 0)
  const times = checkpoints.resumed === 1 ? 'once' : `${checkpoints.resumed} times`
  return [
    ...(last === null ? [] : [lastText(last)]),
    ...(checkpoints.resumed === 0
      ? []
      : [`went on from a checkpoint ${times}; ${(checkpoints.lost_ms / 1000).toFixed(1)} s of work were lost`]),
    ...(damaged === 0
      ? []
      : [
          `${paint('yellow', 'warning')}: ${damaged} damaged ${damaged === 1 ? 'checkpoint was' : 'checkpoints were'} not used`,
        ]),
    ...(failed === null ? [] : [`${paint('yellow', 'warning')}: the last checkpoint could not be kept: ${failed}`]),
  ]
}

type Last = NonNullable<NonNullable<Step['attempts'][number]['checkpoints']>['last']>

function lastText({ number, step, made_at, size }: Last): string {
  return `last checkpoint: ${number}${step === null ? '' : `, step ${step}`}, ${size} bytes, ${made_at}`
}

/** What a step read that its key does not hold, a line each. */
export function readLines(reads: Step['reads']): string[] {
  return (reads ?? []).map(({ kind, name }) => `it read ${READ_NAMES[kind]} ${name}, which its cache key does not hold`)
}

/** What each source gave, a line each; a second one where its data is older than it may be. */
function sourceLines(sources: PipelineRun['sources']): string[] {
  return (sources ?? []).flatMap(({ name, digest, rows, size, unchanged, stale }) => {
    const much = `${rows === null ? '' : `${rows} rows, `}${size} bytes`
    const line = `${paint('green', '✓')} source ${name}: ${much}, ${digest.slice(0, 19)}${unchanged ? paint('dim', ' (unchanged)') : ''}`
    return stale === null ? [line] : [line, `  ${paint('yellow', 'warning')}: ${stale}`]
  })
}

/** Says how a run ended; returns the exit code. */
export function conclude(run: PipelineRun, out: Output): number {
  out.data(run)
  const executed = run.steps.filter((step) => step.state === 'succeeded').length
  const cached = run.steps.filter((step) => step.state === 'cached').length
  out.line(
    `Run ${run.id}: ${run.outcome ?? run.state}; ${executed} ${executed === 1 ? 'step' : 'steps'} executed, ${cached} taken from the cache. ${run.message}`,
  )
  if (run.registered !== null) {
    out.line(
      `Model ${run.registered.model} version ${run.registered.version}: ${run.registered.verdict}. ${run.registered.detail}`,
    )
  }
  if (run.outcome === 'succeeded') return 0
  return run.outcome === 'refused' || run.steps.some((step) => isOfProject(step.failure)) ? 1 : 3
}

/** True for a failure by what the project says or asks for: its code, its packages, its secrets. */
function isOfProject(failure: PipelineRun['steps'][number]['failure']): boolean {
  return failure?.class === 'user' || failure?.class === 'environment'
}
