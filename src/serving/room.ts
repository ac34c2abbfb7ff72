/** The serving room: endpoints and their variants, the gateways that answer for them, and the log of what they answered. */
import type { z } from 'zod'
import type { Audit } from '../auth/audit.ts'
import type { Principal } from '../contract/access.ts'
import { Problem, problem } from '../contract/errors.ts'
import { toTime } from '../contract/fields.ts'
import type { Ids } from '../contract/ids.ts'
import type { Endpoint, Scoring } from '../contract/serving.ts'
import type { ServingSample } from '../cost/meters.ts'
import type { Db, Reader, Tx } from '../store/db.ts'
import { flushGateway } from './fleet/admin-client.ts'
import type { GatewayStats } from './fleet/admin-client.ts'
import { figuresOf, readGateways, usageOf } from './records/figures.ts'
import { Fleet } from './fleet/fleet.ts'
import type { FleetOptions } from './fleet/fleet.ts'
import type { TlsFiles } from '../gateway/http/tls.ts'
import type { IngestHooks } from './records/rows.ts'
import { Ingest } from './records/ingest.ts'
import type { AttributionQuery, AttributionView } from './records/attributions.ts'
import { readAttributions } from './records/attributions.ts'
import type { EndpointLimits } from './context/limits.ts'
import { readLimits, writeLimits } from './context/limits.ts'
import type { PredictionQuery, PredictionView } from './records/predictions.ts'
import { getPrediction, listPredictions } from './records/predictions.ts'
import { Publisher } from './fleet/publisher.ts'
import { buildTable, warmAll } from './fleet/routing.ts'
import type { RoutingDeps, WantedVariant } from './fleet/routing.ts'
import type { EndpointRow, VariantRow } from './context/rows.ts'
import { currentEpoch, requireEndpoint, variantsOf, versionsOf } from './context/rows.ts'
import { readJsonFile, runFiles } from '../gateway/run-files.ts'
import type { RoutingTable } from '../gateway/table.ts'
import type { VariantDeps } from './endpoints/variants.ts'
import { prepareVersion, raiseEpoch, readyVersion, writeVariants } from './endpoints/variants.ts'

export interface ServingDeps extends Pick<RoutingDeps, 'tokens' | 'open'>, Omit<VariantDeps, 'db'> {
  readonly db: Db
  readonly ids: Ids
  readonly audit: Audit
  readonly dataDir: string
  /** Version of Slipway, as the gateway tells it. */
  readonly version: string
  /** Gateway processes, their address and port (0 = a free one), and further host names that requests may use. */
  readonly gateways: Pick<FleetOptions, 'count' | 'host' | 'port' | 'grpcPort' | 'tls' | 'allowHosts'>
  readonly hooks: IngestHooks
  /** The project of a model; undefined while there is no such model. */
  readonly modelProject?: (reader: Reader, model: string) => Promise<string | undefined>
  /** Why nothing may go forward on an endpoint now, in words; null when it may. */
  readonly frozen?: (reader: Reader, endpoint: string) => Promise<string | null>
  /** Told of a rollback in its transaction, so that the alias of the version that was left goes back too. */
  readonly returned?: (t: Tx, who: Principal, back: Returned) => Promise<void>
  /** Told after a change of an endpoint. */
  readonly changed: (endpoint: string) => void
  readonly log: (message: string, error?: unknown) => void
}

/** An endpoint's return from one version to the one before. */
export interface Returned {
  readonly endpoint: string
  readonly model: string
  readonly from: string | null
  readonly to: string
  readonly reason: string
}

/** A version that is to answer at once. */
export interface Deploy {
  readonly version: string
  readonly reason?: string | undefined
  /** Although the endpoint is frozen; needs a reason. */
  readonly override_freeze?: boolean | undefined
}

/** Settings of an endpoint. */
export interface EndpointSettings {
  readonly project: string
  readonly model: string
  readonly threshold?: number | null | undefined
  readonly monitor?: Readonly<Record<string, unknown>> | undefined
}

export type EndpointView = z.output<typeof Endpoint>

export class ServingRoom {
  readonly #deps: ServingDeps
  readonly #fleet: Fleet
  readonly #publisher: Publisher
  readonly #ingest: Ingest
  readonly #listeners = new Set<(endpoint: string) => void>()
  #figures: { at: number; read: Promise<GatewayStats[]> } | undefined

  constructor(deps: ServingDeps) {
    this.#deps = deps
    const files = runFiles(deps.dataDir)
    this.#fleet = new Fleet({
      dataDir: deps.dataDir,
      ...deps.gateways,
      version: deps.version,
      onUp: (gateway) => {
        void this.#publisher.greet(gateway).catch((error: unknown) => deps.log('a gateway missed its table', error))
      },
      log: deps.log,
    })
    this.#publisher = new Publisher({
      ...deps,
      file: files.routing,
      gateways: () => this.#fleet.gateways(),
      onError: (error) => deps.log('routing', error),
    })
    this.#ingest = new Ingest({
      db: deps.db,
      folder: files.segments,
      clock: deps.clock,
      hooks: deps.hooks,
      onIngested: (endpoints, tripped) => this.#ingested(endpoints, tripped),
      onError: (error) => deps.log('ingest of the prediction log', error),
    })
  }

  /** Starts or adopts the gateways, brings them the table, follows the log. Resolves when predictions are answered. */
  async start(): Promise<void> {
    await this.#catchUpEpoch()
    await this.#fleet.start()
    await this.#publisher.publish()
    this.#publisher.start()
    this.#ingest.start()
  }

  /** Stops the loops. Gateways end too, unless they are to go on alone. */
  async stop(options: { readonly keepGateways?: boolean } = {}): Promise<void> {
    this.#publisher.stop()
    await this.#fleet.stop(options.keepGateways !== true)
    await this.#ingest.stop()
    await this.#ingest.drain()
  }

  /** Base URL of predictions. */
  get gatewayUrl(): string {
    const { host, tls } = this.#deps.gateways
    return `${tls === undefined ? 'http' : 'https'}://${reachable(host)}:${this.#fleet.port}`
  }

  /** Certificate and key of the gateways; undefined without TLS. */
  get tls(): TlsFiles | undefined {
    return this.#deps.gateways.tls
  }

  /** Where predictions are answered: empty and null without gateways. */
  get addresses(): { gateway_url: string; grpc_address: string | null } {
    const { count, host } = this.#deps.gateways
    const { grpcPort } = this.#fleet
    if (count === 0) return { gateway_url: '', grpc_address: null }
    return { gateway_url: this.gatewayUrl, grpc_address: grpcPort === null ? null : `${reachable(host)}:${grpcPort}` }
  }

  /** Makes an endpoint or changes its settings. Throws `conflict` when it serves another model or project. */
  async put(who: Principal, name: string, settings: EndpointSettings): Promise<EndpointView> {
    await this.#deps.db.tx((t) => this.putIn(t, who, name, settings))
    await this.#changed(name)
    return this.endpoint(name)
  }

  /** The same within a caller's transaction; the caller calls `refresh` afterwards. */
  async putIn(t: Tx, who: Principal, name: string, settings: EndpointSettings): Promise<void> {
    const { audit, clock, ids } = this.#deps
    const known = await t.get<EndpointRow>('SELECT * FROM endpoints WHERE name = ?', [name])
    if (known !== undefined) checkSame(known, settings)
    const owner = await this.#deps.modelProject?.(t, settings.model)
    if (owner !== undefined && owner !== settings.project) throw foreignModel(settings)
    const threshold = settings.threshold === undefined ? (known?.threshold ?? null) : settings.threshold
    const monitor = settings.monitor === undefined ? (known?.monitor ?? '{}') : JSON.stringify(settings.monitor)
    const now = clock()
    await t.run(
      `INSERT INTO endpoints (name, project, model, salt, threshold, monitor, previous_version, created_at, updated_at)
       VALUES (?,?,?,?,?,?,NULL,?,?)
       ON CONFLICT (name) DO UPDATE SET threshold = excluded.threshold, monitor = excluded.monitor, updated_at = excluded.updated_at`,
      [name, settings.project, settings.model, ids('salt'), threshold, monitor, now, now],
    )
    const detail = { project: settings.project, model: settings.model, threshold }
    await raiseEpoch(t)
    await audit.record(t, who, { verb: 'write', resource: 'endpoints', id: name, detail })
  }

  limits(name: string): Promise<EndpointLimits> {
    return readLimits(this.#deps.db, name)
  }

  /** Replaces the bounds of an endpoint; resolves when the gateways hold them. Throws `not_found`. */
  async setLimits(who: Principal, name: string, limits: EndpointLimits): Promise<EndpointLimits> {
    await writeLimits(this.#deps, who, name, limits)
    await this.#changed(name)
    return limits
  }

  /** Takes an endpoint out of service; its log stays. Throws `not_found`. */
  async remove(who: Principal, name: string): Promise<void> {
    const { db, audit } = this.#deps
    await db.tx(async (t) => {
      await requireEndpoint(t, name)
      await t.run('DELETE FROM endpoint_variants WHERE endpoint = ?', [name])
      await t.run('DELETE FROM endpoint_versions WHERE endpoint = ?', [name])
      await t.run('DELETE FROM endpoints WHERE name = ?', [name])
      await raiseEpoch(t)
      await audit.record(t, who, { verb: 'deploy', resource: 'endpoints', id: name, detail: { action: 'delete' } })
    })
    await this.#changed(name)
  }

  /**
   * Makes a version the stable one at once; canary and shadows end. Throws `unprocessable` when it cannot be loaded, `conflict` in a
   * freeze that is not overridden, `invalid_field` for an override without a reason.
   */
  async deploy(who: Principal, name: string, wish: Deploy): Promise<EndpointView> {
    const { db, audit } = this.#deps
    const { version, reason } = wish
    if (wish.override_freeze === true && reason === undefined)
      throw problem('invalid_field', { field: 'reason', value: null, expected: 'why the freeze is overridden' })
    await this.#thawed(db, name, wish)
    await this.#change(name, [{ role: 'stable', version, weight: 0 }], async (t) => {
      const overrides = await this.#thawed(t, name, wish)
      const detail = { version, ...(reason !== undefined && { reason }), ...(overrides !== null && { overrides }) }
      await audit.record(t, who, { verb: 'deploy', resource: 'endpoints', id: name, detail })
    })
    return this.endpoint(name)
  }

  /** The freeze that a deploy sets itself over; null where there is none. Throws `conflict` for one that holds it up. */
  async #thawed(reader: Reader, name: string, { override_freeze }: Deploy): Promise<string | null> {
    const why = (await this.#deps.frozen?.(reader, name)) ?? null
    if (why === null || override_freeze === true) return why
    throw problem('conflict', { detail: `${name} is ${why}; wait, or set override_freeze and a reason` })
  }

  /** Returns to the stable version before the present one, which is still loaded. Throws `conflict` when there is none. */
  async rollback(who: Principal, name: string, reason: string): Promise<EndpointView> {
    const { db, audit } = this.#deps
    const { previous_version, model } = await requireEndpoint(db, name)
    if (previous_version === null)
      throw problem('conflict', { detail: `endpoint "${name}" has had no other version to return to` })
    const wanted = [{ role: 'stable', version: previous_version, weight: 0 }] as const
    const from = (await variantsOf(db, name)).find((variant) => variant.role === 'stable')?.version ?? null
    await this.#change(name, wanted, async (t) => {
      await this.#deps.returned?.(t, who, { endpoint: name, model, from, to: previous_version, reason })
      await audit.record(t, who, {
        verb: 'deploy',
        resource: 'endpoints',
        id: name,
        detail: { action: 'rollback', version: previous_version, reason },
      })
    })
    return this.endpoint(name)
  }

  /**
   * Sets the variants of an endpoint: prepares and loads them first, then writes and swaps. When it resolves, every gateway that is
   * up answers with them. `also` runs in the transaction that writes. Throws `unprocessable` when a version does not load; nothing
   * is changed then.
   */
  async setVariants(name: string, variants: readonly WantedVariant[], also?: (t: Tx) => Promise<void>): Promise<void> {
    await this.#change(name, variants, also)
  }

  /** Makes a version of a model that the caller may see ready to be scored beside the gateways. Throws `not_found`, `unprocessable`. */
  async scoring(who: Principal, model: string, version: string): Promise<Scoring> {
    const owner = await this.#deps.modelProject?.(this.#deps.db, model)
    if (who.project !== null && owner !== who.project) throw problem('not_found', { what: 'model', id: model })
    const { inputs, backend } = await readyVersion(this.#deps, model, version)
    return { model, version, inputs: [...inputs], backend }
  }

  /** Finds the files of versions and loads them on the gateways, so that naming them in `writeVariants` is instant. */
  async prepare(name: string, variants: readonly WantedVariant[]): Promise<void> {
    const { db } = this.#deps
    const row = await requireEndpoint(db, name)
    for (const { version } of variants) {
      await prepareVersion({ ...this.#deps, db }, row, version).catch((error: unknown) => {
        if (error instanceof Problem) throw error
        const reason = error instanceof Error ? error.message : String(error)
        throw problem('unprocessable', { detail: `version ${version} does not load: ${reason}` }, error)
      })
    }
    const table = await buildTable(this.#deps, { endpoint: name, variants })
    const failed = (await warmAll(this.#fleet.gateways(), table)).filter((one) => one.endpoint === name)
    const [first] = failed
    if (first === undefined) return
    await db.tx((t) => t.run('DELETE FROM endpoint_versions WHERE endpoint = ? AND version = ?', [name, first.version]))
    throw problem('unprocessable', { detail: `version ${first.version} does not load: ${first.reason}` })
  }

  /**
   * Writes prepared variants in a caller's transaction. After the commit the gateways are told at once, in the background;
   * `refresh` waits for that.
   */
  async writeVariants(t: Tx, name: string, variants: readonly WantedVariant[]): Promise<void> {
    await writeVariants(t, name, variants, this.#deps.clock())
    t.afterCommit(() => void this.#changed(name).catch((error: unknown) => this.#deps.log('routing', error)))
  }

  /** Brings rows, tokens and profile specs as they are now to every gateway. */
  async refresh(): Promise<void> {
    await this.#publisher.publish()
  }

  /** Has gateways write what they hold, and ingests it: afterwards the tables hold every prediction answered before the call. */
  async flush(): Promise<void> {
    await Promise.allSettled(this.#fleet.gateways().map(({ socket }) => flushGateway(socket)))
    await this.#ingest.drain()
  }

  async list(project?: string): Promise<EndpointView[]> {
    const { db } = this.#deps
    const rows =
      project === undefined
        ? await db.all<EndpointRow>('SELECT * FROM endpoints ORDER BY name')
        : await db.all<EndpointRow>('SELECT * FROM endpoints WHERE project = ? ORDER BY name', [project])
    return Promise.all(rows.map((row) => this.#view(row)))
  }

  /** One endpoint with live figures. Throws `not_found`. */
  async endpoint(name: string): Promise<EndpointView> {
    return this.#view(await requireEndpoint(this.#deps.db, name))
  }

  /** The variants as rows, without live figures: for controllers. */
  async variants(name: string): Promise<VariantRow[]> {
    return variantsOf(this.#deps.db, name)
  }

  predictions(query: PredictionQuery): Promise<{ items: PredictionView[]; next_page_token?: string }> {
    return listPredictions(this.#deps.db, query)
  }

  /** What the inputs added to the scores of a time. */
  attributions(query: AttributionQuery): Promise<AttributionView> {
    return readAttributions(this.#deps.db, query)
  }

  prediction(endpoint: string, id: string): Promise<PredictionView> {
    return getPrediction(this.#deps.db, endpoint, id)
  }

  /** Cumulative use of each gateway process by variant, for the meters. */
  async usage(): Promise<ServingSample[]> {
    const rows = await this.#deps.db.all<{ name: string; project: string }>('SELECT name, project FROM endpoints')
    return usageOf(await this.#readFigures(), new Map(rows.map((row) => [row.name, row.project])))
  }

  /** What each gateway's log could not write, and the requests that the gateway answered by endpoint; both since its start. */
  async logLosses(): Promise<{ writer: string; lost: number; error: string | null; requests: Map<string, number> }[]> {
    return (await this.#readFigures()).map(({ log, variants }) => {
      const requests = new Map<string, number>()
      for (const { endpoint, stats } of variants) requests.set(endpoint, (requests.get(endpoint) ?? 0) + stats.requests)
      return { writer: log.writer, lost: log.lost, error: log.error, requests }
    })
  }

  /** Calls `hear` with an endpoint's name whenever it changed or answered; returns how to stop. */
  listen(hear: (endpoint: string) => void): () => void {
    this.#listeners.add(hear)
    return () => this.#listeners.delete(hear)
  }

  async #change(name: string, variants: readonly WantedVariant[], also?: (t: Tx) => Promise<void>): Promise<void> {
    await this.prepare(name, variants)
    await this.#deps.db.tx(async (t) => {
      await writeVariants(t, name, variants, this.#deps.clock())
      await also?.(t)
    })
    await this.#changed(name)
  }

  async #changed(name: string): Promise<void> {
    await this.#publisher.publish()
    this.#tell(name)
  }

  #tell(name: string): void {
    this.#deps.changed(name)
    for (const hear of this.#listeners) hear(name)
  }

  #ingested(endpoints: ReadonlySet<string>, tripped: readonly string[]): void {
    for (const hear of this.#listeners) for (const name of endpoints) hear(name)
    if (tripped.length === 0) return
    const { db, log } = this.#deps
    void db
      .tx(raiseEpoch)
      .then(() => this.#publisher.publish())
      .then(() => tripped.forEach((name) => this.#tell(name)))
      .catch((error: unknown) => log('routing after a breaker', error))
  }

  /** After a restore from a backup the rows may be behind the table that the gateways hold: go on above it. */
  async #catchUpEpoch(): Promise<void> {
    const { db, dataDir } = this.#deps
    const held = (readJsonFile(runFiles(dataDir).routing) as RoutingTable | undefined)?.epoch ?? 0
    if (held <= (await currentEpoch(db))) return
    await db.tx((t) =>
      t.run(
        "INSERT INTO serving_state (id, epoch) VALUES ('routing', ?) ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch",
        [held + 1],
      ),
    )
  }

  /** Figures are read at most twice a second, however many ask. */
  #readFigures(): Promise<GatewayStats[]> {
    const now = performance.now()
    if (this.#figures === undefined || now - this.#figures.at > 500)
      this.#figures = { at: now, read: readGateways(this.#fleet.gateways()) }
    return this.#figures.read
  }

  async #view(row: EndpointRow): Promise<EndpointView> {
    const { db } = this.#deps
    const [variants, versions, epoch, gateways] = await Promise.all([
      variantsOf(db, row.name),
      versionsOf(db, row.name),
      currentEpoch(db),
      this.#readFigures(),
    ])
    const canary = variants.find((one) => one.role === 'canary')
    return {
      name: row.name,
      project: row.project,
      model: row.model,
      epoch,
      inputs: [...(versions.get(variants[0]?.version ?? '')?.inputs ?? [])].map(({ name, kind, required }) => ({
        name,
        kind,
        required,
      })),
      variants: variants.map((one) => ({
        role: one.role,
        version: one.version,
        weight: one.role === 'stable' ? 10_000 - (canary?.weight ?? 0) : one.weight,
        backend: versions.get(one.version)?.backend.kind ?? 'python',
        backend_reason: versions.get(one.version)?.reason ?? null,
        since: toTime(one.since),
        tripped: one.tripped,
        stats: figuresOf(gateways, one) ?? null,
      })),
      previous_version: row.previous_version,
      threshold: row.threshold,
      monitor: JSON.parse(row.monitor) as Record<string, unknown>,
      url: `${this.gatewayUrl}/v1/endpoints/${row.name}:predict`,
      created_at: toTime(row.created_at),
      updated_at: toTime(row.updated_at),
    }
  }
}

/** An address by which this machine reaches what listens on `host`. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}

function foreignModel({ model, project }: EndpointSettings): Error {
  return problem('conflict', { detail: `the model "${model}" belongs to another project than "${project}"` })
}

function checkSame(known: EndpointRow, settings: EndpointSettings): void {
  const { name, model, project } = known
  if (model === settings.model && project === settings.project) return
  const detail = `endpoint "${name}" serves model "${model}" of project "${project}", not "${settings.model}" of "${settings.project}"`
  throw problem('conflict', { detail })
}

/** Makes the room; `start` brings it to life. */
export function servingRoom(deps: ServingDeps): ServingRoom {
  return new ServingRoom(deps)
}
