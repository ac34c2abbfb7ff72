/** `slipway diff`: what changed between two tracked runs. */
import { retentionApi } from '../../contract/tracking/retention.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'

export async function run(invocation: Invocation): Promise<number> {
  const [id, other] = invocation.args
  if (id === undefined || other === undefined) throw new UsageError('diff needs two runs: slipway diff RUN RUN')
  const { client } = await connect(invocation)
  const diff = await client.call(retentionApi.diff, { params: { id, other } })
  invocation.out.data(diff)
  for (const { part, state } of diff.parts)
    invocation.out.line(`${part}: ${state === 'unknown' ? 'not recorded' : state}`)
  invocation.out.table(
    ['part', 'what', 'first', 'second'],
    diff.parts.flatMap(({ part, changes }) =>
      changes.map(({ key, left, right }) => [part, key, left ?? '', right ?? '']),
    ),
  )
  return 0
}
