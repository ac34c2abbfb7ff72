/** `slipway retry`: runs what failed again; what succeeded is taken over. */
import { pipelinesApi } from '../../contract/pipelines.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'
import { conclude, follow } from './follow.ts'

export async function run(invocation: Invocation): Promise<number> {
  const [id] = invocation.args
  if (id === undefined) throw new UsageError('retry needs a run: slipway retry RUN')
  const { client } = await connect(invocation)
  const before = await client.call(pipelinesApi.getPipelineRun, { params: { id } })
  if (before.outcome === 'succeeded') {
    throw new UsageError(`run ${id} succeeded, so there is nothing to retry; slipway run starts a new one`)
  }
  const started = await client.call(pipelinesApi.retryPipelineRun, {
    params: { id },
    query: invocation.flags['from-start'] === true ? { from_start: 'true' } : {},
  })
  invocation.out.line(`Run ${started.id} of ${started.project} retries ${id}: ${client.url}/pipelines/${started.id}`)
  return conclude(await follow(client, started.id, invocation.out), invocation.out)
}
