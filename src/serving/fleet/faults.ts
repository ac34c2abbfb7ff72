/** Why a version does not answer on this server: it does not lie here, or a gateway could not load it. */
import type { GatewayStats } from './admin-client.ts'
import type { ModelVersion, Places } from './places.ts'

/** A variant that an endpoint names and that does not answer, with the reason. */
export interface Unanswered {
  readonly endpoint: string
  readonly version: string
  readonly reason: string
}

/** What tells of faults: the files on this machine, and the gateways that answered when they were asked. */
export interface FaultSources {
  readonly places: Pick<Places, 'here' | 'failure'>
  readonly gateways: readonly GatewayStats[]
}

/** The reason in words; null while the version answers. */
export function faultOf(
  { places, gateways }: FaultSources,
  of: ModelVersion & { readonly endpoint: string },
): string | null {
  const failed = gateways.flatMap((gateway) => gateway.failed)
  const unloaded = failed.filter(({ endpoint, version }) => endpoint === of.endpoint && version === of.version)
  // gateways may fail for different reasons, and each is one to mend
  const reasons = [...new Set(unloaded.map(({ reason }) => reason))]
  if (reasons.length > 0) return `a gateway could not load it: ${reasons.join('; another one: ')}`
  if (places.here(of) !== undefined) return null
  return places.failure(of) ?? 'its files and its environment are being made ready on this server'
}
