/** A new endpoint for a version that no project file ships. */
import { CallError } from '../../../src/client/client.ts'
import type { servingApi } from '../../../src/contract/serving.ts'
import { call } from '../api.ts'

export interface NewEndpoint {
  readonly name: string
  readonly project: string
  readonly model: string
  readonly version: string
  /** How long labels take, as a project file writes it: `2d`, `12h`. */
  readonly labelDelay: string
}

const PLAIN = /[^A-Za-z0-9_.-]+/g

/** A name that an endpoint may have, made of a model's. */
export function endpointNameFor(model: string): string {
  return model
    .replaceAll(PLAIN, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .replace(/-+$/, '')
    .slice(0, 128)
}

/** Makes the endpoint and deploys the version. An endpoint whose version is refused is taken away again. Throws CallError. */
export async function makeEndpoint(wanted: NewEndpoint): Promise<void> {
  const { name, project, model, version, labelDelay } = wanted
  const params = { name }
  await call<typeof servingApi.putEndpoint>('PUT', '/v1/endpoints/:name', {
    params,
    body: { project, model, monitor: { labels: { delay: labelDelay } } },
  })
  try {
    await call<typeof servingApi.deploy>('POST', '/v1/endpoints/:name/deploy', { params, body: { version } })
  } catch (error) {
    // after a fault the version may have come all the same
    if (error instanceof CallError && error.status >= 400 && error.status < 500) await removeEmpty(name)
    throw error
  }
}

async function removeEmpty(name: string): Promise<void> {
  const params = { name }
  const { variants } = await call<typeof servingApi.getEndpoint>('GET', '/v1/endpoints/:name', { params })
  if (variants.length === 0) await call<typeof servingApi.deleteEndpoint>('DELETE', '/v1/endpoints/:name', { params })
}
