/** `slipway deploy ENDPOINT VERSION`: makes a version the stable one at once, without a rollout. */
import { servingApi } from '../../contract/serving.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'

export async function run(invocation: Invocation): Promise<number> {
  const [name, version] = invocation.args
  if (name === undefined || version === undefined)
    throw new UsageError('deploy needs an endpoint and a version: slipway deploy flight-delay 3')
  const { client } = await connect(invocation)
  const reason = text(invocation, 'reason')
  const endpoint = await client.call(servingApi.deploy, {
    params: { name },
    body: {
      version,
      ...(reason !== undefined && { reason }),
      ...(invocation.flags['override-freeze'] === true && { override_freeze: true }),
      ...(invocation.flags['override-gates'] === true && { override_gates: true }),
    },
  })
  invocation.out.data(endpoint)
  const fault = endpoint.variants.find((one) => one.role === 'stable')?.fault ?? null
  if (fault === null) invocation.out.line(`${name} answers with version ${version}`)
  else invocation.out.line(`${name} is to answer with version ${version}, and does not yet: ${fault}`)
  return fault === null ? 0 : 1
}
