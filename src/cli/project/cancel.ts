/** `slipway cancel`: asks a run to end, and waits until it has. */
import { pipelinesApi } from '../../contract/pipelines.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'
import { follow } from './follow.ts'

/** 0 when the run ended by it, or was cancelled before; 1 when it had ended, or ended, in another way. */
export async function run(invocation: Invocation): Promise<number> {
  const [id] = invocation.args
  if (id === undefined) throw new UsageError('cancel needs a run: slipway cancel RUN')
  const { out } = invocation
  const { client } = await connect(invocation)
  const before = await client.call(pipelinesApi.getPipelineRun, { params: { id } })
  if (before.finished_at !== null) {
    out.data(before)
    out.line(`Run ${id} has ended before: ${before.outcome ?? before.state}. ${before.message}`)
    return before.outcome === 'cancelled' ? 0 : 1
  }
  await client.call(pipelinesApi.cancelPipelineRun, { params: { id } })
  out.progress(`run ${id} is asked to end; steps that run have ten seconds to stop`)
  const ended = await follow(client, id, out)
  out.data(ended)
  out.line(`Run ${id}: ${ended.outcome ?? ended.state}. ${ended.message}`)
  return ended.outcome === 'cancelled' ? 0 : 1
}
