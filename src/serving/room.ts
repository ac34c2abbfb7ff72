/** The serving room: endpoints and their variants, the gateways that answer for them, and the log of what they answered. */
import type { Tokens } from '../auth/tokens.ts'
import type { Plan } from '../isolation/plan.ts'
import { problem } from '../contract/errors.ts'
import type { ServingSample } from '../cost/meters.ts'
import { readJsonFile, runFiles } from '../gateway/run-files.ts'
import type { RoutingTable } from '../gateway/table/table.ts'
import type { Mounted } from '../http/mount.ts'
import type { LineageSource } from '../registry/versions/lineage.ts'
import type { Db, Reader } from '../store/db.ts'
import type { IfSound } from '../store/if-sound.ts'
import type { ServingContext } from './context/context.ts'
import { currentEpoch, raiseEpoch, setEpochAbove } from './context/epoch.ts'
import { endpointUsing, holdsEndpoints, overridesOf } from './context/rows.ts'
import { endpointChanges } from './endpoints/changes.ts'
import type { EndpointChanges } from './endpoints/changes.ts'
import type { DeploymentDeps } from './endpoints/deployment.ts'
import { endpoints } from './endpoints/endpoints.ts'
import type { Endpoints } from './endpoints/endpoints.ts'
import { unansweredVariants } from './endpoints/listing.ts'
import { endpointLineage } from './endpoints/lineage.ts'
import { keepBackend } from './endpoints/preparation.ts'
import { sealMonitors } from './endpoints/settings.ts'
import type { SettingsDeps } from './endpoints/settings.ts'
import { trialTokens } from './endpoints/trial-tokens.ts'
import { gatewayAddresses, gatewayUrl } from './fleet/addresses.ts'
import type { GatewayAddresses } from './fleet/addresses.ts'
import { flushGateway } from './fleet/admin-client.ts'
import { Fleet } from './fleet/fleet.ts'
import type { FleetOptions } from './fleet/fleet.ts'
import type { Unanswered } from './fleet/faults.ts'
import { callOwnGateway } from './fleet/own-call.ts'
import type { AskGateway } from './fleet/own-call.ts'
import { places } from './fleet/places.ts'
import type { Places, VersionPorts } from './fleet/places.ts'
import { Publisher } from './fleet/publisher.ts'
import type { Published } from './fleet/publisher.ts'
import type { RoutingDeps } from './fleet/routing.ts'
import { gatewayFigures, logLossesOf, servingUsage } from './records/figures.ts'
import type { GatewayLogLoss } from './records/figures.ts'
import { ingestHooks } from './records/hooks.ts'
import { Ingest } from './records/ingest.ts'
import type { IngestHooks } from './records/rows.ts'
import { servingRoutes } from './routes.ts'

export interface ServingDeps
  extends
    ServingContext,
    VersionPorts,
    Pick<DeploymentDeps, 'frozen' | 'returned' | 'enter'>,
    Pick<SettingsDeps, 'modelProject' | 'seal'> {
  readonly dataDir: string
  readonly ifSound: IfSound
  /** Version of Slipway, as the gateway tells it. */
  readonly version: string
  /** Gateway processes, their address and port (0 = a free one), and further host names that requests may use. */
  readonly gateways: Pick<FleetOptions, 'count' | 'host' | 'port' | 'grpcPort' | 'tls' | 'allowHosts'>
  /** How scorers are confined; absent or null = not at all. */
  readonly plan?: Plan | null
  /** Whether predictions are answered without a credential. */
  readonly open: boolean
  /** Port: the tokens that gateways take, and those with which the server asks its own gateway. */
  readonly tokens: Pick<Tokens, 'valid' | 'create'>
  /** Ports: what rooms below do with ingested records, in order; asked for at each transaction. */
  readonly hooks: () => readonly IngestHooks[]
  /** Port: what gateways need of language models. */
  readonly llm?: RoutingDeps['llm']
  /** Told after a change of an endpoint. */
  readonly changed: (endpoint: string) => void
  readonly log: (message: string, error?: unknown) => void
}

/** The room; its ports are the endpoints and what follows. */
export interface ServingRoom extends Endpoints {
  readonly routes: readonly Mounted[]
  /** Starts or adopts the gateways, brings them the table, follows the log. Resolves when predictions are answered. */
  start(): Promise<void>
  /** Stops the loops. Gateways end too, unless they are to go on alone. */
  stop(options?: { readonly keepGateways?: boolean }): Promise<void>
  /** Where predictions are answered; known once it is started. */
  addresses(): GatewayAddresses
  /** Has gateways write what they hold, and ingests it: afterwards the tables hold every prediction answered before the call. */
  flush(): Promise<void>
  /** Port: cumulative use of each gateway process by variant, for the meters. */
  readonly usage: () => Promise<ServingSample[]>
  /** Port: what each gateway's log could not write, and the requests that the gateway answered by endpoint; both since its start. */
  logLosses(): Promise<GatewayLogLoss[]>
  /** Port: the variants that do not answer on this server, each with the reason. */
  unanswered(): Promise<Unanswered[]>
  /** Port: in words the endpoint that has a version of a model among its variants, or any version of it when null; null when none has. */
  usedBy(model: string, version: number | null): Promise<string | null>
  /** Port: where a version answers now by an override. */
  readonly overridesOf: typeof overridesOf
  /** Port: says `endpoints` when a project has some. */
  readonly projectPart: { readonly holds: (reader: Reader, project: string) => Promise<string | undefined> }
  /** Port: the endpoints in the lineage of a version. */
  readonly lineage: LineageSource
  /** Port: how the server asks its own gateway. */
  readonly askGateway: AskGateway
  /** Port: how settings come to the gateways. */
  readonly published: () => Published
}

/** Makes the room; `start` brings it to life. */
export function servingRoom(deps: ServingDeps): ServingRoom {
  const { db, clock } = deps
  const changes = endpointChanges(deps.changed)
  const laidOut = places(deps)
  const { fleet, publisher } = openGateways(deps, laidOut)
  const ingest = openIngest(deps, publisher, changes)
  const figures = gatewayFigures(() => fleet.gateways())
  const publish = (): Promise<unknown> => publisher.publish()
  const served = endpoints({
    ...deps,
    places: laidOut,
    tokens: () => deps.tokens.valid(),
    changes,
    publish,
    figures,
    gateways: () => fleet.gateways(),
    gatewayUrl: () => gatewayUrl(deps.gateways, fleet),
  })
  const tokenOf = trialTokens(deps.tokens, clock)
  const own = { tls: deps.gateways.tls, refresh: () => served.refresh() }
  const addresses = (): GatewayAddresses => gatewayAddresses(deps.gateways, fleet)
  return {
    ...served,
    routes: servingRoutes({ db, clock, endpoints: served, changes, trial: { ...own, tokenOf } }),
    async start() {
      const { ifSound } = deps
      await ifSound('to seal addresses of endpoints', () => sealMonitors(deps))
      const held = runFiles(deps.dataDir).routing
      await ifSound('to go on above the routing table of before', () => catchUpEpoch(db, held))
      await fleet.start()
      await ifSound('a new routing table; gateways go on with the one that they have', publish)
      publisher.start()
      ingest.start()
    },
    async stop({ keepGateways = false } = {}) {
      publisher.stop()
      await fleet.stop(!keepGateways)
      await ingest.stop()
      // they stay in the log, for whoever can write them
      await deps.ifSound('to take the newest predictions over from the log', () => ingest.drain())
    },
    addresses,
    async flush() {
      await Promise.allSettled(fleet.gateways().map((gateway) => flushGateway(gateway)))
      await ingest.drain()
    },
    usage: () => servingUsage(db, figures),
    logLosses: async () => logLossesOf(await figures()),
    unanswered: () => unansweredVariants({ db, figures, places: laidOut }),
    usedBy: (model, version) => endpointUsing(db, model, version),
    overridesOf,
    projectPart: { holds: holdsEndpoints },
    lineage: endpointLineage(db),
    published: () => publisher.state,
    async askGateway(path, call) {
      const { gateway_url } = addresses()
      if (gateway_url === '')
        throw problem('unavailable', { what: 'the gateway', detail: 'this server runs without one' })
      return callOwnGateway(own, { ...call, url: gateway_url + path })
    },
  }
}

/** The gateway processes, and who keeps them at the newest table. */
function openGateways(deps: ServingDeps, laidOut: Places): { fleet: Fleet; publisher: Publisher } {
  const { db, clock, dataDir, log } = deps
  const fleet = new Fleet({
    ...deps.gateways,
    dataDir,
    version: deps.version,
    plan: deps.plan ?? null,
    onUp: (gateway) => {
      void publisher.greet(gateway).catch((error: unknown) => log('a gateway missed its table', error))
    },
    log,
  })
  const publisher = new Publisher({
    db,
    clock,
    places: laidOut,
    open: deps.open,
    tokens: () => deps.tokens.valid(),
    ...(deps.llm !== undefined && { llm: deps.llm }),
    file: runFiles(dataDir).routing,
    gateways: () => fleet.gateways(),
    renewed: (of, place) => db.tx((t) => keepBackend(t, of, place)),
    onError: (error) => log('routing', error),
  })
  return { fleet, publisher }
}

/** Who follows the prediction log. A breaker that tripped is published as the change that it is. */
function openIngest(deps: ServingDeps, publisher: Publisher, changes: EndpointChanges): Ingest {
  const { db, clock, log } = deps
  return new Ingest({
    db,
    folder: runFiles(deps.dataDir).segments,
    clock,
    hooks: ingestHooks(deps.hooks),
    onIngested(names, tripped) {
      for (const name of names) changes.answered(name)
      if (tripped.length === 0) return
      void db
        .tx(raiseEpoch)
        .then(() => publisher.publish())
        .then(() => tripped.forEach((name) => changes.changed(name)))
        .catch((error: unknown) => log('routing after a breaker', error))
    },
    onError: (error) => log('ingest of the prediction log', error),
  })
}

/** After a restore from a backup the rows may be behind the table that the gateways hold: go on above it. */
async function catchUpEpoch(db: Db, file: string): Promise<void> {
  const held = (readJsonFile(file) as RoutingTable | undefined)?.epoch ?? 0
  if (held > (await currentEpoch(db))) await db.tx((t) => setEpochAbove(t, held))
}
