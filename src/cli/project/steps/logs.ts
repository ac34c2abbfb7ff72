/** `slipway logs`: the log of a step or of one of its items, so far or followed live. */
import { pipelinesApi } from '../../../contract/pipelines.ts'
import { text, UsageError } from '../../invocation/command.ts'
import type { Invocation } from '../../invocation/command.ts'
import { connect } from '../../invocation/server.ts'
import { followStep } from '../step-log.ts'

export async function run(invocation: Invocation): Promise<number> {
  const [id, step] = invocation.args
  if (id === undefined || step === undefined) throw new UsageError('logs needs a run and a step: slipway logs RUN STEP')
  const item = itemOf(text(invocation, 'item'))
  const { client } = await connect(invocation)
  if (invocation.flags['follow'] !== true) {
    const response = await client.open(pipelinesApi.readLogs, { params: { id, step }, query: { item } })
    const log = await response.text()
    // the log's own last line break is the one that a line ends with
    if (log !== '') invocation.out.line(log.replace(/\n$/, ''))
    invocation.out.data({ run: id, step, ...(item !== undefined && { item }), log })
    return 0
  }
  for await (const text of followStep(client, id, step, item)) process.stdout.write(text)
  return 0
}

function itemOf(given: string | undefined): number | undefined {
  if (given === undefined) return undefined
  if (/^\d{1,6}$/.test(given)) return Number(given)
  throw new UsageError(
    `--item got "${given}", expected the number of an item, from 0: slipway items RUN STEP lists them`,
  )
}
