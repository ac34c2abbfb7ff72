/** The composition root: opens the store, builds the rooms in their order, mounts their routes, starts their loops. */
import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { authRoom } from './auth/room.ts'
import { ciRoom, type CiRoom } from './ci/room.ts'
import { makeIds } from './contract/ids.ts'
import { costRoom, type CostDeps } from './cost/room.ts'
import { dataRoom } from './data/room.ts'
import { featuresRoom, type FeaturesRoom } from './features/room.ts'
import { envsRoom } from './envs/room.ts'
import { evaluationRoom } from './evaluation/room.ts'
import { httpRoom, type Answering } from './http/room.ts'
import { isolationRoom } from './isolation/room.ts'
import { jobsRoom } from './jobs/room.ts'
import { llmRoom, type LlmDeps, type LlmRoom } from './llm/room.ts'
import { monitoringRoom, type MonitoringRoom } from './monitoring/room.ts'
import type { App, AppOptions } from './options.ts'
import { pipelinesRoom, type PipelinesRoom } from './pipelines/room.ts'
import { registryRoom, type RegistryRoom } from './registry/room.ts'
import { rolloutRoom, type RolloutRoom } from './rollout/room.ts'
import { scoringRoom } from './scoring/room.ts'
import { servingRoom, type ServingDeps, type ServingRoom } from './serving/room.ts'
import { storeRoom } from './store/room.ts'
import { tracesRoom } from './traces/room.ts'
import { trackingRoom, type TrackingRoom } from './tracking/room.ts'
import { transferRoom } from './transfer/room.ts'

/** Version of this program. */
export const VERSION = '0.1.0'

/** Starts the control process; resolves once it answers. */
export async function startApp(options: AppOptions): Promise<App> {
  const ground = await openGround(options)
  const { auth, http, store } = ground
  await auth.start()
  const house = operate(buildRooms(options, ground))
  const routes = [...auth.routes, ...house.routes]
  await http.start({
    routes,
    authenticate: auth.authenticate,
    throttled: (address) => void auth.throttled(address).catch(ground.told('audit').onError),
    ...(options.testHooks === true && { reset: house.reset }),
  })
  await http.announce(await house.start(), (at) => options.announced?.({ ...at, token_file: auth.tokenFile }))
  return {
    url: http.addresses.url,
    gatewayUrl: http.addresses.gateway_url,
    grpcAddress: http.addresses.grpc_address,
    tokenFile: auth.tokenFile,
    loginUrl: await auth.firstLink(http.addresses.url),
    routes: routes.map(({ route }) => route),
    damaged: store.looks.summary().database,
    async stop() {
      await http.stop()
      await house.stop()
      await auth.stop()
      await store.close()
    },
  }
}

type Ground = Awaited<ReturnType<typeof openGround>>

/** What all rooms of a domain stand on: the store, who calls, the server, jobs, environments. */
async function openGround(options: AppOptions) {
  const logger = pino({ level: options.logLevel, base: null }, pino.destination(2))
  const onError = (what: string) => (error: unknown) => logger.error({ err: error }, what)
  const clock = Date.now
  const ids = makeIds(clock, randomBytes)
  const isolation = await isolationRoom({
    ...options,
    warn: (text) => logger.warn(text),
  })
  const store = await storeRoom({ ...options, clock, onError: onError('store') })
  const { db, blobs, dataDir, ifSound } = store
  const auth = authRoom({ ...options, ...store, clock, ids, open: options.noAuth, onError: onError('audit') })
  const http = httpRoom({
    ...options,
    ...store,
    version: VERSION,
    clock,
    logger,
    database: db.kind,
    isolation: isolation.state,
  })
  const jobs = jobsRoom({ db, onError: onError('job') })
  const ports = { worker: jobs.worker, leases: jobs.leases }
  const { envs, cacheFolder } = envsRoom({ db, clock, plan: isolation.plan })
  const [{ audit, seal, tokens }, { plan }] = [auth, isolation]
  const base = {
    db,
    blobs,
    dataDir,
    ifSound,
    clock,
    ids,
    audit,
    record: audit.record,
    seal,
    tokens,
    ...ports,
    envs,
    plan,
  }
  /** Whom a room tells that something of a kind changed, and of faults that no caller waits for. */
  const told = (kind: string) => ({ changed: http.publish(kind), onError: onError(kind) })
  const log: ServingDeps['log'] = (text, error) => (error === undefined ? logger.info(text) : onError(text)(error))
  return { store, auth, http, jobs, log, warn: (text: string): void => logger.warn(text), told, cacheFolder, base }
}

/** Builds the rooms in their order. Rooms further below are reached by ports; nothing is asked of them before all are there. */
function buildRooms(options: AppOptions, ground: Ground) {
  const { base, http, jobs, log, told } = ground
  const tracking: TrackingRoom = trackingRoom({
    ...options,
    ...base,
    random: randomBytes,
    looks: ground.store.looks,
    below: () => ({ ...below, parts: [evaluation, llm, traces, serving, pipelines, models, features, data] }),
  })
  const traces = tracesRoom(tracking.context)
  const evaluation = evaluationRoom(tracking.context)
  const scoring = scoringRoom(ground)
  const models: RegistryRoom = registryRoom({
    ...base,
    tracking: tracking.context,
    scoring,
    started: options,
    usedBy: (model, version) => serving.usedBy(model, version),
    overridesOf: (reader, model, version) => serving.overridesOf(reader, model, version),
    lineage: [(version) => serving.lineage(version), (version) => monitoring.lineage(version)],
  })
  const pipelines: PipelinesRoom = pipelinesRoom({
    ...options,
    ...base,
    tracking: tracking.context,
    registry: models.registry,
    url: () => http.addresses.url,
    below: () => ({ dataSets: data.sets, features: features.joins, incidents: monitoring.incidentsSince }),
    random: Math.random,
    ...told('pipelines'),
  })
  const features: FeaturesRoom = featuresRoom({ ...base, below: () => below, ...told('features') })
  const serving: ServingRoom = servingRoom({
    ...base,
    ...models.endpoints,
    version: VERSION,
    open: options.noAuth,
    gateways: { ...options, count: options.gateways, port: options.gatewayPort, tls: options.gatewayTls },
    log,
    onnxRuntime: scoring.onnxRuntime,
    frozen: (reader, endpoint) => rollout.frozen(reader, endpoint),
    hooks: () => [monitoring.hooks, rollout.hooks],
    llm: () => llm.route(),
    ...told('endpoints'),
  })
  const llm: LlmRoom = llmRoom(llmDeps(ground, options, { tracking, serving, models }))
  const rollout: RolloutRoom = rolloutRoom({
    ...base,
    registry: models.registry,
    endpoints: serving,
    labelsOf: (reader, endpoint, predictions) => monitoring.labelsOf(reader, endpoint, predictions),
    ...told('rollouts'),
  })
  const monitoring: MonitoringRoom = monitoringRoom({
    ...base,
    registry: models.registry,
    pipelines,
    serving,
    rollouts: rollout,
    send: http.send,
    pagesUrl: () => options.pagesUrl ?? http.addresses.url,
    random: Math.random,
    env: process.env,
    findRuns: tracking.findRuns,
    mergeTimes: (project) => ci.mergeTimes(project),
    credentials: http.credentials,
    openWishes: () => models.openAddresses(),
    stored: () => ground.store.looks.state(),
    log: ground.warn,
    ...told('incidents'),
  })
  const data = dataRoom({ ...base, ...told('data-sets') })
  const transfer = transferRoom({ ...tracking.context, owners: { tracking, traces, evaluation, models } })
  const cost = costRoom({ ...base, sources: metersOf(pipelines, serving, models), ...told('cost') })
  const ci: CiRoom = ciRoom({ ...base, registry: models.registry, pipelines, serving, rollout, data })
  const below = { traces, models, pipelines, monitoring, features, data }
  return { ...below, tracking, evaluation, llm, transfer, serving, rollout, cost, ci, jobs }
}

/** What language models stand on; gateways get a change of their settings at once. */
function llmDeps(
  { store, base, told }: Ground,
  { egressAllow = [], callAges = {} }: AppOptions,
  { tracking, serving, models }: { tracking: TrackingRoom; serving: ServingRoom; models: RegistryRoom },
): LlmDeps {
  const settled = () => serving.refresh().catch(told('llm').onError)
  const { dataDir, ifSound } = store
  return {
    ...tracking.context,
    ...base.seal,
    tokens: base.tokens,
    egressAllow,
    callAges,
    settled,
    tell: (t, alert) => models.tellBudget(t, alert),
    dataDir,
    ifSound,
    askGateway: serving.askGateway,
    published: serving.published,
    ...told('llm'),
  }
}

/** Where the room of cost reads what was used. */
function metersOf(pipelines: PipelinesRoom, serving: ServingRoom, models: RegistryRoom): CostDeps['sources'] {
  const { usage: attempts, running } = pipelines
  return { attempts, running, serving: serving.usage, storage: models.stored }
}

/** What is done with all rooms: their routes, their loops in the order in which they need each other, and an empty store for test suites. */
function operate({ jobs, ...rooms }: ReturnType<typeof buildRooms>) {
  const { tracking, traces, evaluation, llm, models, pipelines, features, serving, rollout, monitoring, cost } = rooms
  return {
    routes: Object.values(rooms).flatMap((room) => room.routes),
    reset: (async (asked) => {
      for (const room of [traces, evaluation, llm, tracking, models]) await room.reset(asked)
    }) satisfies Answering['reset'],
    async start() {
      await tracking.start()
      await models.start()
      features.start()
      jobs.start()
      for (const room of [serving, pipelines]) await room.start()
      for (const room of [llm, rollout, monitoring, cost]) room.start()
      return serving.addresses()
    },
    async stop() {
      for (const room of [cost, monitoring, rollout, pipelines, jobs, features, serving, llm]) await room.stop()
    },
  }
}
