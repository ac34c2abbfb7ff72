/** `slipway rollback`: returns an endpoint to its previous stable version. */
import { servingApi } from '../../contract/serving.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'
import { watchedBy, watchedLine } from './watched.ts'

export async function run(invocation: Invocation): Promise<number> {
  const [name] = invocation.args
  if (name === undefined) throw new UsageError('rollback needs an endpoint: slipway rollback ENDPOINT')
  const { client } = await connect(invocation)
  const reason = text(invocation, 'reason')
  const endpoint = await client.call(servingApi.rollbackEndpoint, {
    params: { name },
    body: { ...(reason !== undefined && { reason }) },
  })
  invocation.out.data(endpoint)
  const stable = endpoint.variants.find((variant) => variant.role === 'stable')
  invocation.out.line(`${name} answers with version ${stable?.version ?? 'none'} again`)
  const watched = (await watchedBy(client)).get(name)
  if (watched !== undefined) invocation.out.line(watchedLine(watched))
  return 0
}
