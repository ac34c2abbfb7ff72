/** A gateway: the routing table it holds, the parts that answer with it, and its life from start to drain. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { folderKey, proofOf } from '../store/folder-proof.ts'
import { hostCheck, urlAt } from '../http/hosts.ts'
import type { Plan } from '../isolation/plan.ts'
import { faultPoint } from '../store/fault.ts'
import { withReserve } from '../store/reserve.ts'
import type { GatewayFile, RunFiles } from './run-files.ts'
import { gatewayFile, isAlive, processStart, readJsonFile, runFiles, socketPath, writeWhole } from './run-files.ts'
import { asTable, EMPTY_TABLE } from './table/table.ts'
import type { RoutingTable, VariantRoute } from './table/table.ts'
import type { PushReply } from './admin.ts'
import { listenAdmin } from './admin.ts'
import { engine } from './engine/engine.ts'
import { NO_FEATURES, type Features } from './features/none.ts'
import { predictionIds } from './ids.ts'
import { NO_LLM } from './llm/none.ts'
import type { LlmTraffic } from './llm/traffic.ts'
import type { LiveTable, VariantMemory } from './traffic/live.ts'
import { forget, goLive } from './traffic/live.ts'
import { Loader } from './loader.ts'
import type { LoadFailure, OpenBackend } from './loader.ts'
import { PredictionLog } from './records/log.ts'
import { metricsText } from './metrics.ts'
import { FailedCredentials } from '../http/callers/failed-credentials.ts'
import { Rates } from './traffic/rates.ts'
import { listen } from './http/server.ts'
import { isReady } from './http/targets.ts'
import type { GatewayServer, HttpDeps, Patience } from './http/server.ts'
import { ShadowQueue } from './engine/shadow.ts'
import type { TlsFiles } from './http/tls.ts'

export interface GatewayOptions {
  readonly dataDir: string
  /** Number of this gateway among those of the data folder. */
  readonly index: number
  readonly host: string
  readonly port: number
  /** True when several gateways share the port. */
  readonly reusePort: boolean
  /** Port of gRPC; 0 = a free one, absent = none. */
  readonly grpcPort?: number
  /** Certificate and key; with them both ports speak TLS only. */
  readonly tls?: TlsFiles
  /** Number of gateways that share the load; 1 where it is not given. */
  readonly gateways?: number
  readonly allowHosts: readonly string[]
  readonly version: string
  /** How scorers are confined; absent or null = not at all. */
  readonly plan?: Plan | null
  readonly openBackend: OpenBackend
  /** Reads the features that a table names; absent where there is no online store, as in an image. */
  readonly features?: Features
  /** Calls language models; absent where there is no database for their budgets, as in an image. */
  readonly llm?: (view: LlmView) => LlmTraffic
  /** Longest waits for a request; the usual ones where it is not given. */
  readonly patience?: Patience
  /** Called when the admin socket asks the gateway to end. */
  readonly onDrain: () => void
  /** Longest wait for open requests when draining, ms. */
  readonly graceMs?: number
}

/** What the part for language models knows of its gateway. */
export interface LlmView {
  readonly draining: () => boolean
  readonly note: (what: string, error: unknown) => void
}

export interface Gateway {
  readonly port: number
  /** Port of gRPC; null without. */
  readonly grpcPort: number | null
  /** Loads a table and answers with it where it is not older than the present one; keeps it nowhere. */
  follow(table: RoutingTable): Promise<PushReply>
  /** True while it is ready: see `isReady`. */
  ready(): boolean
  /** Says from now on that it is not ready, and goes on answering. */
  leave(): void
  /** Answers what is open, writes the log, frees the models. */
  stop(): Promise<void>
}

/** How often a gateway looks whether another took its place, ms. */
const SUCCESSOR_MS = 1000
const MAX_BODY = 16 * 1024 * 1024
/** All bodies that are being read at once, bytes. */
const MAX_HELD = 256 * 1024 * 1024

/** Starts a gateway with the routing table that lies in the data folder; resolves when it listens. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const files = runFiles(options.dataDir)
  mkdirSync(files.run, { recursive: true, mode: 0o700 })
  const state = new GatewayState(options, files)
  await state.restore()
  const deps: HttpDeps = {
    view: state,
    engine: state.engine,
    llm: state.llm,
    clock: Date.now,
    nextId: predictionIds(Date.now()),
    afterWrite: (release) => state.log.afterWrite(release),
    together: (work) => state.log.together(work),
    fault: (error) => note('fault', error),
    checkHost: hostCheck(options.host, options.allowHosts),
    bodies: { maxBody: MAX_BODY, maxHeld: MAX_HELD, held: 0 },
    rates: new Rates(options.gateways ?? 1),
    failed: state.failed,
    ...(options.patience !== undefined && { patience: options.patience }),
  }
  const servers = [await listen(deps, options)]
  if (options.grpcPort !== undefined) {
    // a gateway without gRPC starts sooner without it
    const { listenGrpc } = await import('./grpc/server.ts')
    servers.push(await listenGrpc(deps, { ...options, port: options.grpcPort }))
  }
  const [port = 0, grpcPort = null] = servers.map((server) => server.port)
  state.url = urlAt(options, port)
  const socket = socketPath(options.dataDir, options.index, process.pid)
  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> => (stopping ??= end(state, servers, options.graceMs ?? 10_000))
  const secret = randomBytes(24).toString('base64url')
  const admin = await listenAdmin(socket, secret, {
    push: (table) => state.push(table),
    warm: (table) => state.warm(table),
    stats: () => state.stats(),
    flush: () => state.flush(),
    drain: options.onDrain,
  })
  const told: GatewayFile = {
    pid: process.pid,
    start: processStart(process.pid),
    port,
    grpc_port: grpcPort,
    tls: options.tls ?? null,
    plan: options.plan ?? null,
    socket,
    secret,
    started_at: Date.now(),
  }
  const file = gatewayFile(options.dataDir, options.index)
  removeSocketOfDead(file)
  withReserve(options.dataDir, 'gateway.reserve', () => writeWhole(file, JSON.stringify(told)))
  const watch = setInterval(() => hasSuccessor(file) && options.onDrain(), SUCCESSOR_MS).unref()
  return {
    port,
    grpcPort,
    follow: (table) => state.push(table, false),
    ready: () => isReady(state),
    leave: () => void (state.draining = true),
    async stop() {
      clearInterval(watch)
      await stop()
      admin.closeAllConnections()
      admin.close()
      if (!hasSuccessor(file)) rmSync(file, { force: true })
    },
  }
}

/**
 * True when another gateway took this one's place: a control process that did not find it has started one. While the file cannot be
 * read this one goes on answering.
 */
function hasSuccessor(file: string): boolean {
  try {
    const found = readJsonFile(file) as GatewayFile | undefined
    return found !== undefined && found.pid !== process.pid && isAlive(found.pid, found.start)
  } catch (error) {
    note('who took its place could not be read', error)
    return false
  }
}

/** A killed gateway leaves its socket. */
function removeSocketOfDead(file: string): void {
  const found = readJsonFile(file) as GatewayFile | undefined
  if (found !== undefined && !isAlive(found.pid, found.start)) rmSync(found.socket, { force: true })
}

/** Time for calls of language models that outlive the grace to be told so, ms. */
const LAST_WORDS_MS = 500

async function end(state: GatewayState, servers: readonly GatewayServer[], graceMs: number): Promise<void> {
  state.draining = true
  const cut = setTimeout(() => state.llm.cut(), graceMs - Math.min(LAST_WORDS_MS, graceMs / 4))
  await Promise.all(servers.map((server) => server.drain(graceMs)))
  clearTimeout(cut)
  await state.close()
}

/** What changes while a gateway runs. */
class GatewayState {
  readonly version: string
  readonly log: PredictionLog
  readonly failed = new FailedCredentials()
  readonly engine
  readonly #files: RunFiles
  readonly #loader: Loader
  readonly #shadow: ShadowQueue
  readonly #features: Features
  readonly llm: LlmTraffic
  readonly #memory: VariantMemory
  #table: LiveTable
  #pushing: Promise<unknown> = Promise.resolve()
  readonly #key: Buffer | undefined
  #failed: readonly LoadFailure[] = []
  draining = false
  /** Where it is reached; empty until it listens. */
  url = ''

  constructor(options: GatewayOptions, files: RunFiles) {
    this.version = options.version
    this.#files = files
    this.#key = folderKey(options.dataDir)
    this.#loader = new Loader(options.openBackend)
    this.#features = options.features ?? NO_FEATURES
    this.llm = options.llm?.({ draining: () => this.draining, note }) ?? NO_LLM
    const features = (project: string, route: VariantRoute) => this.#features.of(project, route)
    this.#memory = { stats: new Map(), breakers: new Map(), caches: new Map(), features }
    const writerId = `gw${options.index}.${Date.now().toString(36)}.${process.pid}`
    this.log = new PredictionLog({ folder: files.segments, writerId })
    this.#shadow = new ShadowQueue({ clock: Date.now, log: (record) => this.log.append(record) })
    this.#table = goLive(EMPTY_TABLE, this.#loader.backends, this.#memory, Date.now())
    this.engine = engine({
      clock: Date.now,
      sinks: {
        log: (record) => this.log.append(record),
        shadow: (job) => this.#shadow.push(job),
      },
    })
  }

  get table(): LiveTable {
    return this.#table
  }

  proof(nonce: string): { url: string; proof: string } | undefined {
    return this.#key && { url: this.url, proof: proofOf(this.#key, this.url, nonce) }
  }

  /** The table of the data folder, unchecked; control pushes one where that cannot be read. */
  #kept(): unknown {
    try {
      return readJsonFile(this.#files.routing)
    } catch (error) {
      note('the routing table could not be read', error)
      return undefined
    }
  }

  /** Loads the table of the data folder. What cannot be loaded any more is left out; the rest answers. */
  async restore(): Promise<void> {
    const found = this.#kept()
    if (found === undefined) return
    const table = asTable(found)
    this.#failed = [...(await this.#loader.load(table, false)), ...(await this.#features.load(table))]
    await this.llm.prepare(table)
    for (const failure of this.#failed)
      note('load', new Error(`${failure.endpoint} ${failure.version}: ${failure.reason}`))
    this.#swap(table)
  }

  /**
   * One push after another; an older epoch than the present one is answered with the present one. A model that does not load is
   * left out and told; the others answer. `keep` writes it for the next start.
   */
  push(table: RoutingTable, keep = true): Promise<PushReply> {
    const result = this.#pushing.then(() => this.#push(table, keep))
    this.#pushing = result.catch(() => undefined)
    return result
  }

  async warm(table: RoutingTable): Promise<PushReply> {
    return { epoch: this.#table.epoch, failed: await this.#loader.loadAhead(table) }
  }

  async #push(table: RoutingTable, keep: boolean): Promise<PushReply> {
    if (table.epoch < this.#table.epoch) return { epoch: this.#table.epoch, failed: [] }
    // one that answers nothing yet does not wait for what loads for minutes: native models answer meanwhile, and calls of others wait
    const failed = await this.#loader.load(table, this.#table.source !== EMPTY_TABLE)
    failed.push(...(await this.#features.load(table)))
    await this.llm.prepare(table)
    this.#failed = failed
    faultPoint('gateway.loaded')
    this.#swap(table)
    faultPoint('gateway.swapped')
    try {
      if (keep) writeWhole(this.#files.routing, JSON.stringify(table))
      faultPoint('gateway.kept')
    } catch (error) {
      // A full disk must not keep a rollback from taking effect; whoever starts later gets the table from control.
      note('the routing table could not be kept', error)
    }
    void this.#loader.retire(table)
    return { epoch: table.epoch, failed }
  }

  #swap(table: RoutingTable): void {
    this.#table = goLive(table, this.#loader.backends, this.#memory, Date.now())
    this.llm.load(table)
    forget(this.#memory, this.#table)
  }

  metrics(table: LiveTable): string {
    return metricsText({
      table,
      whole: table === this.#table,
      log: this.log,
      shadow: this.#shadow,
      credentials: this.failed.counts,
      llm: this.llm.families(),
      now: Date.now(),
    })
  }

  stats(): unknown {
    const now = Date.now()
    const variants = [...this.#table.endpoints.values()].flatMap((endpoint) =>
      [endpoint.stable, endpoint.canary, ...endpoint.shadows].flatMap((variant) =>
        variant === undefined
          ? []
          : [
              {
                endpoint: endpoint.route.name,
                role: variant.route.role,
                version: variant.route.version,
                since: variant.route.since,
                tripped: variant.route.role === 'canary' ? variant.breaker.reason : null,
                backend: variant.backend.describe(),
                stats: variant.stats.toJson(now),
              },
            ],
      ),
    )
    return {
      pid: process.pid,
      epoch: this.#table.epoch,
      draining: this.draining,
      failed: this.#failed,
      cpu_us: process.cpuUsage(),
      rss: process.memoryUsage.rss(),
      log: { writer: this.log.writer, records: this.log.records, lost: this.log.lost, error: this.log.lastError },
      llm: this.llm.stats(),
      shadow: { waiting: this.#shadow.rows, scored: this.#shadow.scored, dropped: this.#shadow.dropped },
      variants,
    }
  }

  async flush(): Promise<void> {
    await new Promise<void>((resolve) => this.log.afterWrite(resolve))
  }

  /** Ends the models and the log. */
  async close(): Promise<void> {
    await this.#loader.closeAll()
    this.#features.close()
    await this.llm.close()
    await this.log.close()
  }
}

/** One line on standard error, as JSON. */
function note(what: string, error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.stderr.write(`${JSON.stringify({ at: new Date().toISOString(), what, error: text })}\n`)
}
