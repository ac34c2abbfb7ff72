/** Which endpoints a caller may see: those of its project. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { Endpoints } from './endpoints.ts'
import type { EndpointView } from './listing.ts'

/** The endpoint, if the caller's project may see it. Throws `not_found`. */
export async function visibleEndpoint(
  endpoints: Pick<Endpoints, 'endpoint'>,
  who: Principal,
  name: string,
): Promise<EndpointView> {
  const endpoint = await endpoints.endpoint(name)
  inProject(who, endpoint.project, name)
  return endpoint
}

/** A token of one project neither sees nor changes another's endpoints. Throws `not_found`. */
export function inProject(who: Principal, project: string, name: string): void {
  if (who.project !== null && who.project !== project) throw problem('not_found', { what: 'endpoint', id: name })
}
