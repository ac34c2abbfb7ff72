/** The gateways of this data folder: started in sessions of their own, adopted when they already run, restarted when they die. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gatewayStats } from './admin-client.ts'
import type { Plan } from '../../isolation/plan.ts'
import { GATEWAY_FLAGS } from '../../gateway/flags.ts'
import type { GatewayArguments } from '../../gateway/main.ts'
import type { TlsFiles } from '../../gateway/http/tls.ts'
import type { GatewayFile } from '../../gateway/run-files.ts'
import { gatewayFile, isAlive, readJsonFile, runFiles } from '../../gateway/run-files.ts'

export interface FleetOptions {
  readonly dataDir: string
  readonly count: number
  readonly host: string
  /** 0 = a free port, kept over restarts. */
  readonly port: number
  /** Port of gRPC, 0 = a free one, kept over restarts; absent = none. */
  readonly grpcPort?: number
  /** Certificate and key; with them both ports speak TLS only. */
  readonly tls?: TlsFiles | undefined
  readonly allowHosts: readonly string[]
  readonly version: string
  /** How gateways confine their scorers; absent or null = not at all. */
  readonly plan?: Plan | null
  /** Told when a gateway has come up, so that it gets the newest table. */
  readonly onUp: (gateway: GatewayFile) => void
  readonly log: (message: string) => void
}

const START_MS = 30_000
const LOOK_MS = 250
const DRAIN_MS = 15_000
/** A gateway that lived shorter than this is restarted with growing pauses. */
const SHORT_LIFE_MS = 2000
const MAX_PAUSE_MS = 5000

/** A gateway that was started, or adopted: then nothing tells of its end but looking. */
interface Up {
  readonly process: GatewayFile
  /** Aborted when it ends. */
  readonly ended?: AbortSignal
}

interface Slot {
  readonly index: number
  up: Up
  quickDeaths: number
}

/** Keeps `count` gateways alive. They outlive this process: after a crash of control the next fleet finds and adopts them. */
export class Fleet {
  readonly #options: FleetOptions
  readonly #slots: Slot[] = []
  #port: number
  #grpcPort: number | null
  #stopping = false
  #watches: Promise<void>[] = []

  constructor(options: FleetOptions) {
    this.#options = options
    this.#port = options.port
    this.#grpcPort = options.grpcPort ?? null
  }

  /** Adopts or starts every gateway; resolves when all answer. Throws with the reason when one cannot start. */
  async start(): Promise<void> {
    mkdirSync(runFiles(this.#options.dataDir).run, { recursive: true, mode: 0o700 })
    const running: (GatewayFile | undefined)[] = []
    for (let index = 0; index < this.#options.count; index++) {
      const found = await this.#adopt(index)
      if (found !== undefined) this.#take(found)
      running.push(found)
    }
    for (const [index, found] of running.entries()) {
      const up = found === undefined ? await this.#launch(index).catch(this.#giveUp) : { process: found }
      this.#take(up.process)
      const slot = { index, up, quickDeaths: 0 }
      this.#slots.push(slot)
      this.#watches.push(this.#watch(slot))
    }
  }

  /** Where one cannot start, those that could would answer for nobody. */
  readonly #giveUp = async (error: unknown): Promise<never> => {
    await this.stop(true)
    throw error
  }

  /** The ports of one are those of all. */
  #take({ port, grpc_port }: GatewayFile): void {
    this.#port = port
    if (this.#grpcPort !== null) this.#grpcPort = grpc_port ?? null
  }

  /** Port that callers use. */
  get port(): number {
    return this.#port
  }

  /** Port of gRPC; null without. */
  get grpcPort(): number | null {
    return this.#grpcPort
  }

  gateways(): readonly GatewayFile[] {
    return this.#slots.map((slot) => slot.up.process)
  }

  /** Stops watching. With `end`, gateways finish what is open and leave; without, they go on alone. */
  async stop(end: boolean): Promise<void> {
    this.#stopping = true
    const endAll = (): Promise<unknown> => Promise.all(this.gateways().map(endGateway))
    if (end) await endAll()
    await Promise.all(this.#watches)
    // One that was just being started again is up by now.
    if (end) await endAll()
  }

  /** A gateway of this folder that runs already: same process, same port, and it answers. */
  async #adopt(index: number): Promise<GatewayFile | undefined> {
    const found = readJsonFile(gatewayFile(this.#options.dataDir, index)) as GatewayFile | undefined
    if (found === undefined || !isAlive(found.pid, found.start)) return undefined
    const stats = await gatewayStats(found).catch(() => undefined)
    const right = stats?.pid === found.pid && !stats.draining && this.#isAsWanted(found)
    if (!right) {
      await endGateway(found)
      return undefined
    }
    this.#options.log(`gateway ${index} adopted: pid ${found.pid}, port ${found.port}`)
    this.#options.onUp(found)
    return found
  }

  /** Whether it listens, speaks and confines as one that would be started now. */
  #isAsWanted({ port, grpc_port: grpcPort = null, tls, plan = null }: GatewayFile): boolean {
    const wanted = this.#options
    const secured = tls?.cert === wanted.tls?.cert && tls?.key === wanted.tls?.key
    const confining = JSON.stringify(plan) === JSON.stringify(wanted.plan ?? null)
    return fits(this.#port, port) && fits(this.#grpcPort, grpcPort) && secured && confining
  }

  async #launch(index: number): Promise<Up> {
    const { dataDir, host, count, allowHosts, version, tls, plan = null } = this.#options
    const given: GatewayArguments = {
      dataDir,
      index,
      host,
      port: this.#port,
      reusePort: count > 1,
      gateways: count,
      ...(this.#grpcPort !== null && { grpcPort: this.#grpcPort }),
      ...(tls !== undefined && { tls }),
      allowHosts,
      version,
      plan,
    }
    const log = openSync(join(runFiles(dataDir).run, `gateway-${index}.log`), 'a', 0o600)
    const main = join(import.meta.dirname, '../../gateway/main.ts')
    const child = spawn(process.execPath, [...GATEWAY_FLAGS, main, JSON.stringify(given)], {
      detached: true,
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    child.unref()
    const ended = new AbortController()
    child.once('exit', () => ended.abort())
    const found = await this.#awaitUp(index, child)
    this.#options.log(`gateway ${index} started: pid ${found.pid}, port ${found.port}`)
    this.#options.onUp(found)
    return { process: found, ended: ended.signal }
  }

  async #awaitUp(index: number, child: ChildProcess): Promise<GatewayFile> {
    let fault: string | undefined
    child.once('error', (error) => (fault = error.message))
    child.once('exit', (code, signal) => (fault = `it ended with ${signal ?? `exit code ${code}`}`))
    for (const end = performance.now() + START_MS; performance.now() < end; await sleep(20)) {
      const found = readJsonFile(gatewayFile(this.#options.dataDir, index)) as GatewayFile | undefined
      if (found?.pid === child.pid && found !== undefined) return found
      if (fault !== undefined) break
    }
    if (fault === undefined) child.kill('SIGKILL')
    const file = join(runFiles(this.#options.dataDir).run, `gateway-${index}.log`)
    // one that was killed says nothing, and its log may tell an older error
    const said = fault?.includes('exit code') === true ? lastError(file) : undefined
    throw new Error(`gateway ${index} did not start: ${said ?? fault ?? `not ready in ${START_MS} ms`}; see ${file}`)
  }

  /** Restarts a gateway whenever it dies, on the port that it had. */
  async #watch(slot: Slot): Promise<void> {
    while (!this.#stopping) {
      await pause(LOOK_MS, slot.up.ended)
      const { pid, start, started_at } = slot.up.process
      if (this.#stopping || isAlive(pid, start)) continue
      slot.quickDeaths = Date.now() - started_at < SHORT_LIFE_MS ? slot.quickDeaths + 1 : 0
      this.#options.log(`gateway ${slot.index} (pid ${pid}) died and is restarted`)
      await this.#relaunch(slot)
    }
  }

  /** Tries until one is up, with growing pauses after failures and after lives that were short. */
  async #relaunch(slot: Slot): Promise<void> {
    for (let failures = slot.quickDeaths; !this.#stopping; failures++) {
      if (failures > 1) await sleep(Math.min(MAX_PAUSE_MS, 200 * 2 ** failures))
      if (this.#stopping) return
      try {
        slot.up = await this.#launch(slot.index)
        return
      } catch (error) {
        this.#options.log((error as Error).message)
      }
    }
  }
}

/** The last error that a log tells; undefined without one. */
function lastError(file: string): string | undefined {
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.findLast((line) => /^\w*Error: /.test(line))?.replace(/^\w*Error: /, '')
}

/** Waits, and no longer than until the signal. */
async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined)
}

/** Asks a gateway to finish and waits until it has gone; kills it when it does not. */
async function endGateway(gateway: GatewayFile): Promise<void> {
  const { pid, start } = gateway
  if (!isAlive(pid, start)) return
  process.kill(pid, 'SIGTERM')
  for (const end = performance.now() + DRAIN_MS; performance.now() < end; await sleep(20))
    if (!isAlive(pid, start)) return
  if (isAlive(pid, start)) process.kill(pid, 'SIGKILL')
}

/** True when a gateway that runs listens where it is wanted: 0 = anywhere, null = nowhere. */
function fits(wanted: number | null, found: number | null): boolean {
  return wanted === 0 ? found !== null : wanted === found
}
