/** Follows a pipeline run to its end and says what happens, step by step. */
import { setTimeout as wait } from 'node:timers/promises'
import type { Client } from '../../client/client.ts'
import { pipelinesApi } from '../../contract/pipelines.ts'
import type { Reply } from '../../contract/route.ts'
import type { Output } from '../invocation/output.ts'
import { paint } from '../invocation/output.ts'

export type PipelineRun = Reply<typeof pipelinesApi.getPipelineRun>
type Step = PipelineRun['steps'][number]

const DONE = new Set(['succeeded', 'cached', 'failed', 'skipped', 'cancelled'])
const POLL_MS = 150

/** Waits for the run's end; tells each step once when it is over. Survives a restart of the server. */
export async function follow(client: Client, id: string, out: Output): Promise<PipelineRun> {
  const told = new Set<string>()
  let lost = 0
  let said = ''
  for (;;) {
    const run = await client.call(pipelinesApi.getPipelineRun, { params: { id } }).catch((error: unknown) => {
      if (++lost > MAX_LOST) throw error
      return undefined
    })
    if (run !== undefined) {
      lost = 0
      for (const step of run.steps) tell(step, told, out)
      if (run.finished_at !== null) return run
      const now = progress(run)
      if (now !== said) out.progress(now)
      said = now
    }
    await wait(POLL_MS)
  }
}

/** A server that is restarting answers again within this many polls. */
const MAX_LOST = 200

function progress(run: PipelineRun): string {
  const running = run.steps.filter((step) => step.state === 'running').map((step) => step.name)
  const done = run.steps.filter((step) => DONE.has(step.state)).length
  return `${run.project}: ${done} of ${run.steps.length} steps${running.length > 0 ? `, running ${running.join(', ')}` : `, ${run.message}`}`
}

function tell(step: Step, told: Set<string>, out: Output): void {
  if (!DONE.has(step.state) || told.has(step.name)) return
  told.add(step.name)
  const mark =
    step.state === 'failed' ? paint('red', '✗') : step.state === 'cached' ? paint('dim', '=') : paint('green', '✓')
  const time = step.duration_ms === null ? '' : ` ${(step.duration_ms / 1000).toFixed(2)} s`
  out.line(
    `${mark} ${step.name} ${step.state}${time}${step.cache === null ? '' : paint('dim', ` (${step.cache.reason})`)}`,
  )
  if (step.failure !== null) out.line(`  ${step.failure.class}: ${step.failure.message}`)
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
  return run.outcome === 'refused' ? 1 : run.steps.some((step) => step.failure?.class === 'user') ? 1 : 3
}
