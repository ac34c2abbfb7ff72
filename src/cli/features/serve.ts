/** `slipway features serve`: an endpoint fills what requests leave out from a feature service. */
import type { Client } from '../../client/client.ts'
import { servingApi, type EndpointFeatures } from '../../contract/serving.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { versionedName } from './names.ts'

const WAY = 'slipway features serve SERVICE[@VERSION] --endpoint ENDPOINT, or none in place of the service'

/** `none` in place of a service ends it. */
export async function serve(
  connected: () => Promise<Client>,
  invocation: Invocation,
  [given, ...others]: readonly string[],
): Promise<number> {
  const { out } = invocation
  const name = text(invocation, 'endpoint')
  if (given === undefined || name === undefined || others.length > 0)
    throw new UsageError(`features serve needs a service and an endpoint: ${WAY}`)
  const model_version = text(invocation, 'model-version')
  const wanted = given === 'none' ? { service: null } : serviceOf(given)
  const body = { ...wanted, ...(model_version !== undefined && { model_version }) }
  const client = await connected()
  const set = await client.call(servingApi.putEndpointFeatures, { params: { name }, body })
  out.data(set)
  out.line(`${name}: ${told(set)}`)
  return 0
}

function serviceOf(given: string) {
  const { name, version } = versionedName(given, 'feature service')
  return { service: name, ...(version !== undefined && { version }) }
}

function told({ all, model_versions }: EndpointFeatures): string {
  const own = Object.entries(model_versions).map(
    ([version, { service, version: of }]) => `version ${version} of the model takes ${service}@${of}`,
  )
  const rest =
    all === null ? 'requests bring all inputs' : `requests bring keys, and ${all.service}@${all.version} fills the rest`
  return own.length === 0 ? rest : `${own.join(', ')}; of all others ${rest}`
}
