/** `slipway runs`: pipeline runs, or one with its steps; with a filter or a saved search, tracked runs. */
import { pipelinesApi } from '../../contract/pipelines.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'
import type { PipelineRun } from '../project/follow.ts'
import { limitOf, runTracked, TRACKED } from './runs-tracked.ts'

export async function run(invocation: Invocation): Promise<number> {
  if (TRACKED.some((flag) => invocation.flags[flag] !== undefined)) return runTracked(invocation)
  const { client } = await connect(invocation)
  const [id] = invocation.args
  if (id === undefined) {
    const { items } = await client.call(pipelinesApi.listPipelineRuns, { query: { limit: limitOf(invocation) } })
    invocation.out.data(items)
    invocation.out.table(
      ['run', 'project', 'state', 'outcome', 'by', 'created', 'seconds'],
      items.map((one) => [
        one.id,
        one.project,
        one.state,
        one.outcome ?? '',
        one.trigger,
        one.created_at,
        seconds(one.duration_ms),
      ]),
    )
    return 0
  }
  const found = await client.call(pipelinesApi.getPipelineRun, { params: { id } })
  invocation.out.data(found)
  invocation.out.line(`${found.id} of ${found.project}: ${found.outcome ?? found.state}. ${found.message}`)
  if (found.priority !== 0) invocation.out.line(`priority ${found.priority}`)
  const { limit } = found
  if (limit !== undefined)
    invocation.out.line(`pipeline.timeout ${seconds(limit.limit_ms)} s, ${seconds(limit.left_ms)} s left`)
  invocation.out.table(
    ['step', 'state', 'seconds', 'attempts', 'why'],
    found.steps.map((step) => [
      step.name,
      step.state,
      seconds(step.duration_ms),
      String(step.attempts.length),
      step.failure?.message ?? waitOf(step) ?? limitsOf(step) ?? step.cache?.reason ?? '',
    ]),
  )
  return 0
}

/** The limits of time that run now, with what is left of them. */
function limitsOf({ limits = {} }: PipelineRun['steps'][number]): string | undefined {
  const running = Object.entries(limits).filter(([, limit]) => limit.left_ms !== null)
  const texts = running.map(
    ([name, { limit_ms, left_ms }]) => `${name}: ${seconds(left_ms)} of ${seconds(limit_ms)} s left`,
  )
  return texts.length === 0 ? undefined : texts.join(', ')
}

function waitOf({ waits_for: flight, waits }: PipelineRun['steps'][number]): string | undefined {
  if (waits !== undefined) return `waits for a place: ${waits}`
  return flight === null ? undefined : `waits for run ${flight.run}, step ${flight.step}, with the same key`
}

function seconds(ms: number | null): string {
  return ms === null ? '' : (ms / 1000).toFixed(2)
}
