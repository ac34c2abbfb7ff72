/** Addresses at which predictions are answered, as this machine reaches them. */
import { reachableHost, urlAt } from '../../http/hosts.ts'
import type { Fleet, FleetOptions } from './fleet.ts'

/** Where predictions are answered: empty and null without gateways. */
export interface GatewayAddresses {
  readonly gateway_url: string
  readonly grpc_address: string | null
}

/** Base URL of predictions. The fleet knows its port once it is started. */
export function gatewayUrl(options: Pick<FleetOptions, 'host' | 'tls'>, { port }: Pick<Fleet, 'port'>): string {
  return urlAt(options, port)
}

/** Addresses of both protocols. */
export function gatewayAddresses(
  options: Pick<FleetOptions, 'host' | 'tls' | 'count'>,
  fleet: Pick<Fleet, 'port' | 'grpcPort'>,
): GatewayAddresses {
  if (options.count === 0) return { gateway_url: '', grpc_address: null }
  const { grpcPort } = fleet
  return {
    gateway_url: gatewayUrl(options, fleet),
    grpc_address: grpcPort === null ? null : `${reachableHost(options.host)}:${grpcPort}`,
  }
}
