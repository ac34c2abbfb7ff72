/** `slipway queue`: the steps that wait for a place, and why; `queue RUN --priority N` moves a run in the line. */
import { lineApi } from '../../contract/pipelines/line.ts'
import { pipelinesApi } from '../../contract/pipelines.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'
import { readPriority } from '../invocation/priority.ts'

export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation
  const [id] = args
  const priority = readPriority(text(invocation, 'priority'))
  if ((id === undefined) !== (priority === undefined))
    throw new UsageError('a run is moved by its id and a priority: slipway queue RUN --priority 2')
  const { client } = await connect(invocation)
  if (id !== undefined && priority !== undefined) {
    const moved = await client.call(lineApi.setRunPriority, { params: { id }, body: { priority } })
    out.data(moved)
    out.line(`${id} has priority ${moved.priority}`)
    return 0
  }
  const [line, now] = await Promise.all([client.call(lineApi.waitingSteps, {}), client.call(pipelinesApi.stepQueue)])
  out.data(line)
  out.line(`${now.running} running, ${now.waiting} waiting; ${now.cpus.taken} of ${now.cpus.total} cores taken`)
  if (line.items.length === 0) return 0
  out.table(
    ['place', 'run', 'step', 'priority', 'waited', 'why'],
    line.items.map((one) => [
      String(one.place),
      one.run,
      one.step,
      String(one.priority),
      `${Math.round(one.waited_ms / 1000)} s`,
      one.why,
    ]),
  )
  if (line.left_out > 0) out.line(`and ${line.left_out} more`)
  return 0
}
