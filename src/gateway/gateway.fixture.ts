/** A gateway in the test's own process that holds a given table, and the endpoints of such tables. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { InputField } from '../scoring/rows/fields.ts'
import { startGateway } from './gateway.ts'
import type { Gateway, GatewayOptions } from './gateway.ts'
import { BREAKER } from './table/table.ts'
import type { BackendRoute, EndpointRoute, RoutingTable } from './table/table.ts'

/** An endpoint whose version 1 answers all requests. */
export function endpointRoute(
  name: string,
  inputs: readonly InputField[],
  backend: BackendRoute,
  more: Partial<EndpointRoute> = {},
): EndpointRoute {
  return {
    name,
    project: 'p',
    model: 'm',
    salt: 's',
    threshold: null,
    breaker: BREAKER,
    standby: [],
    variants: [{ role: 'stable', version: '1', weight: 0, since: 1, inputs, backend }],
    ...more,
  }
}

/** A table that is open to requests without credential. */
export function openTable(endpoints: readonly EndpointRoute[], epoch = 1): RoutingTable {
  return { format: 'slipway.routing/1', epoch, open: true, endpoints, tokens: [] }
}

/** Writes the table where a gateway of `dataDir` finds it at its start. */
export function writeTable(dataDir: string, table: RoutingTable): void {
  mkdirSync(join(dataDir, 'run'), { recursive: true })
  writeFileSync(join(dataDir, 'run/routing.json'), JSON.stringify(table))
}

/** Starts a gateway on a free port, with the table, undefined for none, and what `options` say otherwise. */
export function startTestGateway(
  table: RoutingTable | undefined,
  options: Pick<GatewayOptions, 'dataDir' | 'openBackend'> & Partial<GatewayOptions>,
): Promise<Gateway> {
  if (table !== undefined) writeTable(options.dataDir, table)
  return startGateway({
    index: 0,
    host: '127.0.0.1',
    port: 0,
    reusePort: false,
    allowHosts: [],
    version: '1.0.0',
    onDrain: () => undefined,
    ...options,
  })
}
