/** `slipway logs`: the log of a step, so far or followed live. */
import { pipelinesApi } from '../../contract/pipelines.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'
import { followStep } from './step-log.ts'

export async function run(invocation: Invocation): Promise<number> {
  const [id, step] = invocation.args
  if (id === undefined || step === undefined) throw new UsageError('logs needs a run and a step: slipway logs RUN STEP')
  const { client } = await connect(invocation)
  if (invocation.flags['follow'] !== true) {
    const response = await client.open(pipelinesApi.readLogs, { params: { id, step } })
    const log = await response.text()
    // the log's own last line break is the one that a line ends with
    if (log !== '') invocation.out.line(log.replace(/\n$/, ''))
    invocation.out.data({ run: id, step, log })
    return 0
  }
  for await (const text of followStep(client, id, step)) process.stdout.write(text)
  return 0
}
