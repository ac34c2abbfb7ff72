/** `slipway deploy ENDPOINT VERSION`, or `MODEL VERSION --endpoint NAME`: makes a version the stable one at once, without a rollout. */
import { CallError } from '../../client/client.ts'
import type { Client } from '../../client/client.ts'
import { servingApi } from '../../contract/serving.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'

export async function run(invocation: Invocation): Promise<number> {
  const [first, version] = invocation.args
  if (first === undefined || version === undefined)
    throw new UsageError('deploy needs an endpoint and a version: slipway deploy flight-delay 3')
  const { client } = await connect(invocation)
  const named = text(invocation, 'endpoint')
  if (named === undefined) return deploy(client, invocation, { name: first, version })
  const project = text(invocation, 'project') ?? 'default'
  const isNew = await makeEndpoint(client, named, { project, model: first })
  try {
    return await deploy(client, invocation, { name: named, version })
  } catch (error) {
    // made for a version that may not answer it is of no use; after a fault the version may have come all the same
    if (isNew && error instanceof CallError && error.status < 500) await removeEmpty(client, named)
    throw error
  }
}

/** Makes an endpoint of a model; false where it is there already. Throws `conflict` where it serves another model or project. */
async function makeEndpoint(
  client: Client,
  name: string,
  body: { readonly project: string; readonly model: string },
): Promise<boolean> {
  const { items } = await client.call(servingApi.listEndpoints)
  await client.call(servingApi.putEndpoint, { params: { name }, body })
  return !items.some((one) => one.name === name)
}

async function removeEmpty(client: Client, name: string): Promise<void> {
  const { variants } = await client.call(servingApi.getEndpoint, { params: { name } })
  if (variants.length === 0) await client.call(servingApi.deleteEndpoint, { params: { name } })
}

async function deploy(
  client: Client,
  invocation: Invocation,
  { name, version }: { readonly name: string; readonly version: string },
): Promise<number> {
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
  const { fault = null, backend_reason = null } = endpoint.variants.find((one) => one.role === 'stable') ?? {}
  const by = backend_reason === null ? '' : `, by Python: ${backend_reason}`
  if (fault === null) invocation.out.line(`${name} answers with version ${version}${by}`)
  else invocation.out.line(`${name} is to answer with version ${version}, and does not yet: ${fault}`)
  return fault === null ? 0 : 1
}
