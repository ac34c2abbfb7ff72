/** Keeps every gateway at the newest routing table: on change at once, and again for those that missed it. */
import type { Db } from '../../store/db.ts'
import { pushTable } from './admin-client.ts'
import type { Pushed, RoutingDeps } from './routing.ts'
import { buildTable, pushAll } from './routing.ts'
import { currentEpoch } from '../context/epoch.ts'
import type { GatewayFile } from '../../gateway/run-files.ts'
import { writeWhole } from '../../gateway/run-files.ts'
import type { RoutingTable } from '../../gateway/table/table.ts'

export interface PublisherDeps extends RoutingDeps {
  readonly db: Db
  /** File from which a gateway starts without control. */
  readonly file: string
  readonly gateways: () => readonly GatewayFile[]
  readonly onError: (error: unknown) => void
}

const LOOK_MS = 1000
/** Pause before a model that did not load is tried again, ms. */
const AGAIN_MS = 10_000

/** One push at a time; a change that comes meanwhile is part of the next. */
export class Publisher {
  readonly #deps: PublisherDeps
  #running: Promise<Pushed> | undefined
  #next: Promise<Pushed> | undefined
  #last: RoutingTable | undefined
  #tokens = ''
  #behind = false
  #failedAt: number | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(deps: PublisherDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#timer = setInterval(() => void this.#look().catch(this.#deps.onError), LOOK_MS).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Builds the table from the rows as they are now and brings it to the gateways; resolves when those that are up answer with it. */
  publish(): Promise<Pushed> {
    if (this.#running === undefined) return this.#run()
    this.#next ??= this.#running.then(
      () => this.#run(),
      () => this.#run(),
    )
    return this.#next
  }

  /** Gives a gateway that has just come up the newest table. */
  async greet(gateway: GatewayFile): Promise<void> {
    if (this.#last === undefined) await this.publish()
    else await pushTable(gateway.socket, this.#last)
  }

  #run(): Promise<Pushed> {
    this.#next = undefined
    const run = this.#push().finally(() => {
      if (this.#running === run) this.#running = undefined
    })
    this.#running = run
    return run
  }

  async #push(): Promise<Pushed> {
    const table = await buildTable(this.#deps)
    this.#last = table
    this.#tokens = JSON.stringify(table.tokens)
    try {
      writeWhole(this.#deps.file, JSON.stringify(table))
    } catch (error) {
      // A full disk: those that run still get the table.
      this.#deps.onError(error)
    }
    const gateways = this.#deps.gateways()
    const pushed = await pushAll(gateways, table)
    this.#behind = pushed.reached.length < gateways.length
    this.#failedAt = pushed.failed.length > 0 ? performance.now() : undefined
    for (const one of pushed.failed)
      this.#deps.onError(new Error(`${one.endpoint} version ${one.version} did not load: ${one.reason}`))
    return pushed
  }

  /** Publishes again when something changed that nobody announced: tokens, another replica's epoch, a gateway that missed it. */
  async #look(): Promise<void> {
    if (this.#running !== undefined) return
    const again = this.#failedAt !== undefined && performance.now() - this.#failedAt > AGAIN_MS
    const epoch = await currentEpoch(this.#deps.db)
    const tokens = JSON.stringify(await this.#deps.tokens())
    if (this.#behind || again || epoch !== this.#last?.epoch || tokens !== this.#tokens) await this.publish()
  }
}
