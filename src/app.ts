/** The composition root: opens the store, builds each room, mounts their routes, starts their loops. */
import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import type { Logger } from 'pino'
import { authRoom } from './auth/room.ts'
import type { AuthRoom } from './auth/room.ts'
import { DAY_MS, makeIds } from './contract/ids.ts'
import type { Clock, Ids } from './contract/ids.ts'
import { costRoom } from './cost/room.ts'
import type { CostRoom } from './cost/room.ts'
import { envsRoom } from './envs/room.ts'
import type { EnvsRoom } from './envs/room.ts'
import { httpRoom } from './http/room.ts'
import type { Answering, HttpRoom } from './http/room.ts'
import { jobsRoom } from './jobs/room.ts'
import type { JobsRoom } from './jobs/room.ts'
import { connectMonitoring } from './monitoring/ports.ts'
import { labelsOf } from './monitoring/labels/labels.ts'
import { incidentLineage } from './monitoring/lineage.ts'
import { monitoringRoom } from './monitoring/monitoring.ts'
import type { Monitoring } from './monitoring/monitoring.ts'
import { pruneMonitors } from './monitoring/prune.ts'
import { monitoringRoutes } from './monitoring/routes.ts'
import { pipelinesRoom } from './pipelines/room.ts'
import type { PipelinesRoom } from './pipelines/room.ts'
import type { Registry } from './registry/context/context.ts'
import { registryRoom } from './registry/room.ts'
import type { RegistryRoom } from './registry/room.ts'
import { connectRollout } from './rollout/ports.ts'
import { frozenEndpoint } from './rollout/controller/freeze.ts'
import { rolloutRoom } from './rollout/rollouts.ts'
import type { Rollouts } from './rollout/rollouts.ts'
import { rolloutRoutes } from './rollout/routes.ts'
import { scoringRoom } from './scoring/room.ts'
import type { TlsFiles } from './gateway/http/tls.ts'
import { servingRoom } from './serving/room.ts'
import type { ServingDeps, ServingRoom } from './serving/room.ts'
import { storeRoom } from './store/room.ts'
import type { StoreRoom } from './store/room.ts'
import { evaluationRoom } from './evaluation/room.ts'
import type { EvaluationRoom } from './evaluation/room.ts'
import { llmRoom } from './llm/room.ts'
import type { LlmRoom } from './llm/room.ts'
import { tracesRoom } from './traces/room.ts'
import type { TracesRoom } from './traces/room.ts'
import type { ProjectPart, Tracking } from './tracking/context/context.ts'
import { trackingRoom } from './tracking/room.ts'
import type { TrackingRoom } from './tracking/room.ts'
import { madeFrom, registryTables } from './transfer/registry-tables.ts'
import { transferRoom } from './transfer/room.ts'

/** Version of this program. */
export const VERSION = '0.1.0'

export interface AppOptions {
  readonly dataDir: string
  readonly host: string
  /** 0 = a free port. */
  readonly port: number
  readonly gatewayPort: number
  /** Port of gRPC, 0 = a free one; absent = no gRPC. */
  readonly grpcPort?: number
  /** Certificate and key of predictions, PEM files; absent = without TLS. */
  readonly gatewayTls?: TlsFiles
  readonly gateways: number
  readonly databaseUrl?: string
  /** s3://… */
  readonly blobsUrl?: string
  /** Folder of the built pages; default dist/web. */
  readonly pages?: string
  /** Everyone is admin; allowed on loopback only. */
  readonly noAuth: boolean
  readonly allowHosts: readonly string[]
  readonly logLevel: string
  /** Private hosts that webhooks may reach. */
  readonly egressAllow?: readonly string[]
  /** Silence after which a run is lost, and time that a blob is unreachable before it goes, ms; default 30 minutes, 24 hours. */
  readonly lostAfterMs?: number
  readonly blobGraceMs?: number
  /** Memory of steps that name none, bytes; absent = as much as there is. */
  readonly stepMemory?: number
  /** Adds POST /__reset, for other projects' test suites. */
  readonly testHooks?: boolean
}

export interface App {
  readonly url: string
  readonly gatewayUrl: string
  /** host:port of gRPC; null without. */
  readonly grpcAddress: string | null
  readonly tokenFile: string
  readonly loginUrl: string
  stop(): Promise<void>
}

/** Steps that run at the same time, scorer processes of a Python version, and the size at which a scorer is recycled. */
const SCORERS = 1
const SCORER_MB = 2048

/** Starts the control process; resolves once it answers. */
export async function startApp(options: AppOptions): Promise<App> {
  const log = pino({ level: options.logLevel, base: null }, pino.destination(2))
  const clock = Date.now
  const ids = makeIds(clock, randomBytes)
  const store = await storeRoom({ ...options, clock })
  const auth = authRoom({ db: store.db, clock, ids, dataDir: options.dataDir, open: options.noAuth })
  const http = httpRoom({
    ...options,
    egressAllow: options.egressAllow ?? [],
    version: VERSION,
    clock,
    logger: log,
    database: store.db.kind,
    writable: store.writable,
    once: store.once,
    ...(store.notices !== undefined && { crossing: store.notices }),
  })
  await auth.start()
  const house = buildRooms({ options, store, log, http, auth })
  const { routes, reset } = house
  await http.start({
    routes: [...auth.routes, ...routes],
    authenticate: auth.authenticate,
    ...(options.testHooks === true && { reset }),
  })
  http.announce(await house.start())
  return {
    url: http.addresses.url,
    gatewayUrl: http.addresses.gateway_url,
    grpcAddress: http.addresses.grpc_address,
    tokenFile: auth.tokenFile,
    loginUrl: await auth.firstLink(http.addresses.url),
    async stop() {
      await http.stop()
      await house.stop()
      await store.stop()
    },
  }
}

interface Ground {
  readonly options: AppOptions
  readonly store: StoreRoom
  readonly log: Logger
  readonly http: HttpRoom
  readonly auth: AuthRoom
}

interface House {
  readonly routes: Answering['routes']
  /** Empties the store for a test suite. */
  readonly reset: NonNullable<Answering['reset']>
  /** Starts the loops; resolves to the address of predictions. */
  start(): Promise<Parameters<HttpRoom['announce']>[0]>
  stop(): Promise<void>
}

/** What most rooms need. */
interface Base {
  readonly db: StoreRoom['db']
  readonly blobs: StoreRoom['blobs']
  readonly clock: Clock
  readonly ids: Ids
  readonly audit: AuthRoom['audit']
  readonly envs: EnvsRoom['envs']
  readonly onError: (what: string) => (error: unknown) => void
  readonly publish: (kind: string) => (id: string) => void
}

function makeBase({ store, log, http, auth }: Ground, { envs }: EnvsRoom): Base {
  const { db, blobs } = store
  const clock = Date.now
  return {
    db,
    blobs,
    clock,
    ids: makeIds(clock, randomBytes),
    audit: auth.audit,
    envs,
    onError: (what) => (error) => log.error({ err: error }, what),
    publish: http.publish,
  }
}

function makePipelines(
  { options, http, auth }: Ground,
  base: Base,
  rooms: { tracking: Tracking; registry: Registry; jobs: JobsRoom },
): PipelinesRoom {
  return pipelinesRoom({
    ...base,
    ...rooms.jobs,
    ...(options.stepMemory !== undefined && { stepMemory: options.stepMemory }),
    dataDir: options.dataDir,
    tracking: rooms.tracking,
    registry: rooms.registry,
    tokens: auth.tokens,
    url: () => http.addresses.url,
    random: Math.random,
    record: base.audit.record,
    changed: base.publish('pipelines'),
    onError: base.onError('pipelines'),
  })
}

type ServingParts = Pick<
  ServingDeps,
  'versionFiles' | 'onnxRuntime' | 'hooks' | 'frozen' | 'modelProject' | 'checkVersion' | 'returned'
>

function makeServing({ options, log, auth }: Ground, base: Base, parts: ServingParts): ServingRoom {
  const { host, gatewayPort: port, grpcPort, gatewayTls: tls, gateways: count, allowHosts } = options
  return servingRoom({
    ...base,
    ...parts,
    dataDir: options.dataDir,
    version: VERSION,
    open: options.noAuth,
    tokens: auth.tokens,
    workers: SCORERS,
    memoryMb: SCORER_MB,
    gateways: {
      count,
      host,
      port,
      allowHosts,
      ...(grpcPort !== undefined && { grpcPort }),
      ...(tls !== undefined && { tls }),
    },
    changed: base.publish('endpoints'),
    log: (message, error) => (error === undefined ? log.info(message) : log.error({ err: error }, message)),
  })
}

interface Metered {
  readonly pipelines: PipelinesRoom
  readonly serving: ServingRoom
  readonly registry: RegistryRoom
}

function makeCost(base: Base, { pipelines, serving, registry }: Metered): CostRoom {
  return costRoom({
    ...base,
    sources: {
      attempts: (since, limit) => pipelines.usage(since, limit),
      serving: () => serving.usage(),
      storage: () => registry.stored(),
    },
    onError: base.onError('cost'),
  })
}

function makeRollouts(base: Base, { leases }: JobsRoom, rooms: { serving: ServingRoom; registry: Registry }): Rollouts {
  return rolloutRoom(
    {
      ...base,
      ...connectRollout(rooms.serving, rooms.registry),
      labelsOf,
      changed: base.publish('rollouts'),
      onError: base.onError('rollouts'),
    },
    leases,
  )
}

interface Watched {
  readonly tracking: TrackingRoom
  readonly registry: Registry
  readonly pipelines: PipelinesRoom
  readonly serving: ServingRoom
  readonly rollouts: Rollouts
  readonly jobs: JobsRoom
  readonly http: HttpRoom
}

function makeMonitoring(base: Base, { jobs, http, rollouts, tracking, ...rooms }: Watched): Monitoring {
  return monitoringRoom(
    {
      ...base,
      ...connectMonitoring({ ...rooms, rollouts: () => rollouts }),
      send: http.send,
      findRuns: tracking.findRuns,
      changed: base.publish('incidents'),
      onError: base.onError('monitoring'),
    },
    jobs.leases,
    jobs.worker,
  )
}

type Reset = Parameters<House['reset']>[0]

/** Empties the rooms that other projects' test suites look at, and sets them up as a suite asks. */
async function setUp(
  asked: Reset,
  { tracking, clients, registry }: { tracking: TrackingRoom; clients: ClientRooms; registry: RegistryRoom },
): Promise<void> {
  for (const room of Object.values(clients)) await room.reset()
  await tracking.reset(asked)
  await registry.reset(asked.env)
}

/** Rooms for MLflow's clients that work with what tracking works with. */
interface ClientRooms {
  readonly traces: TracesRoom
  readonly evaluation: EvaluationRoom
  readonly llm: LlmRoom
}

function makeClientRooms({ auth }: Ground, tracking: Tracking): ClientRooms {
  return {
    traces: tracesRoom(tracking),
    evaluation: evaluationRoom(tracking),
    llm: llmRoom({ ...tracking, seal: auth.seal.seal }),
  }
}

/** Rooms below tracking, to which its ports lead. */
interface BelowTracking extends ClientRooms {
  readonly projectParts: readonly ProjectPart[]
  readonly registry: RegistryRoom
  readonly pipelines: PipelinesRoom
}

/** Every room that keeps digests is named among the sources: what none of them yields is deleted. */
function makeTracking({ options }: Ground, base: Base, { worker }: JobsRoom, below: () => BelowTracking): TrackingRoom {
  const { db, clock } = base
  return trackingRoom({
    ...base,
    worker,
    random: randomBytes,
    record: base.audit.record,
    versionRuns: (who, name) => below().registry.versionRuns(who, name),
    projectParts: () => {
      const { evaluation, llm, traces, projectParts } = below()
      return [evaluation.projectPart, llm.projectPart, traces.projectPart, ...projectParts]
    },
    purges: () => [below().traces.purge, below().evaluation.purge],
    traceProject: (reader, trace) => below().traces.projectOf(reader, trace),
    cited: async () => {
      const { pipelineRuns, ...cited } = await below().registry.cited()
      const behind = await below().pipelines.tracked.runsBehind(pipelineRuns)
      return { ...cited, runs: new Set([...cited.runs, ...behind]) }
    },
    sources: [() => below().registry.digests(), () => below().pipelines.blobDigests()],
    watched: () => below().pipelines.tracked.watched(),
    logOf: (run) => below().pipelines.tracked.logOf(run),
    silentMs: options.lostAfterMs ?? 30 * 60_000,
    prune: () => pruneMonitors(db, clock()),
    graceMs: options.blobGraceMs ?? DAY_MS,
  })
}

/** Builds the rooms in their order; each gets what it needs from those above it. */
function buildRooms(ground: Ground): House {
  const { options, http, auth } = ground
  const { db } = ground.store
  const envs = envsRoom({ db, clock: Date.now })
  const base = makeBase(ground, envs)
  const jobs = jobsRoom({ db, onError: base.onError('job') })
  const { worker } = jobs
  const projectParts: ProjectPart[] = []
  // the rooms below are not there yet; nothing is asked of them before they are
  const runs: TrackingRoom = makeTracking(ground, base, jobs, () => ({
    projectParts,
    ...clients,
    registry: models,
    pipelines,
  }))
  const tracking = runs.context
  const clients: ClientRooms = makeClientRooms(ground, tracking)
  const scoring = scoringRoom(envs)
  const { onnxRuntime, prove: proveOnnx, exporting, scoreNative, verifyNative: verify } = scoring
  const models: RegistryRoom = registryRoom({
    ...base,
    dataDir: options.dataDir,
    seal: auth.seal,
    worker,
    tracking,
    allow: options.egressAllow ?? [],
    scoreNative,
    scoring: { verify, proveOnnx, exporting },
    usedBy: (model, version) => serving.usedBy(model, version),
    lineage: [(version) => serving.lineage(version), incidentLineage(db)],
  })
  const { registry } = models
  const pipelines: PipelinesRoom = makePipelines(ground, base, { tracking, registry, jobs })
  const transfer = transferRoom({
    tracking,
    tables: registryTables(registry),
    madeFrom: (model) => madeFrom(registry, model),
  })
  const serving: ServingRoom = makeServing(ground, base, {
    ...models.endpoints,
    onnxRuntime,
    frozen: (reader, endpoint) => frozenEndpoint(reader, endpoint, base.clock()),
    // the rooms below are not there yet; nothing is ingested before they are
    hooks: () => [monitoring.hooks, rollouts.hooks],
  })
  projectParts.push(serving.projectPart, pipelines.projectPart, models.projectPart)
  const rollouts = makeRollouts(base, jobs, { serving, registry })
  const rooms = { tracking, registry, pipelines, serving }
  const monitoring: Monitoring = makeMonitoring(base, { ...rooms, tracking: runs, rollouts, jobs, http })
  const cost = makeCost(base, { ...rooms, registry: models })
  return {
    routes: [
      ...[runs, ...Object.values(clients), transfer, models].flatMap((room) => room.routes),
      ...pipelines.routes,
      ...serving.routes,
      ...rolloutRoutes(rollouts),
      ...monitoringRoutes(monitoring),
      ...cost.routes,
    ],
    reset: (asked) => setUp(asked, { tracking: runs, clients, registry: models }),
    async start() {
      await runs.start()
      jobs.start()
      await serving.start()
      pipelines.start()
      rollouts.loop.start()
      monitoring.start()
      cost.start()
      return serving.addresses()
    },
    async stop() {
      await cost.stop()
      await monitoring.stop()
      await rollouts.loop.stop()
      await pipelines.stop()
      await jobs.stop()
      await serving.stop()
    },
  }
}
