/** Addresses at which predictions are answered, as this machine reaches them. */
import type { Fleet, FleetOptions } from './fleet.ts'

/** Where predictions are answered: empty and null without gateways. */
export interface GatewayAddresses {
  readonly gateway_url: string
  readonly grpc_address: string | null
}

/** Base URL of predictions. The fleet knows its port once it is started. */
export function gatewayUrl({ host, tls }: Pick<FleetOptions, 'host' | 'tls'>, { port }: Pick<Fleet, 'port'>): string {
  return `${tls === undefined ? 'http' : 'https'}://${reachable(host)}:${port}`
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
    grpc_address: grpcPort === null ? null : `${reachable(options.host)}:${grpcPort}`,
  }
}

/** An address by which this machine reaches what listens on `host`. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}
