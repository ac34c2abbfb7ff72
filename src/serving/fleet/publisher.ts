/** Keeps every gateway at the newest routing table: on change at once, and again for those that missed it. */
import type { Db } from '../../store/db.ts'
import type { Clock } from '../../contract/ids.ts'
import { Rounds } from '../../store/rounds.ts'
import type { RoundState } from '../../store/rounds.ts'
import { pushTable } from './admin-client.ts'
import type { Pushed, RoutingDeps } from './routing.ts'
import { buildTable, pushAll } from './routing.ts'
import type { ModelVersion, Place, Places } from './places.ts'
import { currentEpoch } from '../context/epoch.ts'
import type { GatewayFile } from '../../gateway/run-files.ts'
import { readJsonFile, writeWhole } from '../../gateway/run-files.ts'
import type { LoadFailure } from '../../gateway/loader.ts'
import type { LlmRoute } from '../../gateway/table/llm.ts'
import type { RoutingTable } from '../../gateway/table/table.ts'

export interface PublisherDeps extends RoutingDeps {
  readonly db: Db
  readonly clock: Clock
  readonly places: Places
  /** File from which a gateway starts without control. */
  readonly file: string
  readonly gateways: () => readonly GatewayFile[]
  /** Keeps who scores a version, where another form of it answers from now on. */
  readonly renewed: (of: ModelVersion, place: Place) => Promise<void>
  readonly onError: (error: unknown) => void
}

/** How settings of language models come to the gateways. */
export interface Published {
  /** When all gateways that run took settings that were read then, ms; null = not yet. */
  readonly at: number | null
  /** Looks at whether something changed; one fails also where what changed does not reach a gateway. */
  readonly looks: RoundState
  readonly gateways: number
}

const LOOK_MS = 1000
/** Between two looks at whether what is laid out still lies there, ms. */
const CHECK_MS = 10_000
/** Longest wait of the first table for the versions that it names: what is not laid out by then comes with a later one. */
const FIRST_PATIENCE_MS = 10_000
/** Pause before a model that did not load is tried again, ms. */
const AGAIN_MS = 10_000

/** One push at a time; a change that comes meanwhile is part of the next. */
export class Publisher {
  readonly #deps: PublisherDeps
  #running: Promise<Pushed> | undefined
  #next: Promise<Pushed> | undefined
  #last: RoutingTable | undefined
  #tokens = ''
  #llm: string | undefined
  /** Why the settings of language models could not be read at the last try; undefined = they could. */
  #llmFault: Error | undefined
  /** Why the file of the last table could not be written. */
  #fileFault: Error | undefined
  readonly #looks: Rounds
  #publishedAt: number | null = null
  #looking = false
  #lookAgain = false
  #behind = false
  /** Versions that its endpoints name and that did not lie here when the last table was made. */
  #missing: readonly ModelVersion[] = []
  #failedAt: number | undefined
  #checkedAt = performance.now()
  #timer: NodeJS.Timeout | undefined

  constructor(deps: PublisherDeps) {
    this.#deps = deps
    this.#looks = new Rounds(deps.clock)
  }

  get state(): Published {
    return { at: this.#publishedAt, looks: this.#looks.state, gateways: this.#deps.gateways().length }
  }

  start(): void {
    this.#timer = setInterval(() => void this.#lookInTurn(), LOOK_MS).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
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
    else this.#note((await pushTable(gateway, this.#last)).failed)
  }

  #run(): Promise<Pushed> {
    this.#next = undefined
    const run = this.#push().finally(() => {
      if (this.#running === run) this.#running = undefined
    })
    this.#running = run
    return run
  }

  /** The table that was pushed before this process; one that cannot be read is told, and a whole new one is made. */
  #kept(): RoutingTable | undefined {
    try {
      return readJsonFile(this.#deps.file) as RoutingTable | undefined
    } catch (error) {
      this.#deps.onError(error)
      return undefined
    }
  }

  async #push(): Promise<Pushed> {
    const first = this.#last === undefined
    const held = this.#last ?? this.#kept()
    const deps = { ...this.#deps, llm: () => this.#llmRoute(held?.llm) }
    const { table, missing } = await buildTable(deps, { held, ...(first && { patienceMs: FIRST_PATIENCE_MS }) })
    this.#last = table
    this.#tokens = JSON.stringify(table.tokens)
    this.#llm = settingsText(table.llm)
    try {
      writeWhole(this.#deps.file, JSON.stringify(table))
      this.#fileFault = undefined
    } catch (error) {
      // A full disk: those that run still get the table.
      this.#deps.onError(error)
      this.#fileFault = error as Error
    }
    const gateways = this.#deps.gateways()
    const pushed = await pushAll(gateways, table)
    this.#behind = pushed.reached.length < gateways.length
    this.#missing = missing
    if (this.#llmFault === undefined && !this.#behind) this.#publishedAt = this.#deps.clock()
    this.#note(pushed.failed)
    return pushed
  }

  /**
   * What is said of language models now, or while it cannot be read what was said before: ordinary endpoints are not held up by it. A fault is
   * told once, until there is another one or none.
   */
  async #llmRoute(before: LlmRoute | undefined): Promise<LlmRoute | undefined> {
    try {
      const llm = await this.#deps.llm?.()
      this.#llmFault = undefined
      return llm
    } catch (error) {
      const { message } = error as Error
      if (message !== this.#llmFault?.message)
        this.#deps.onError(
          new Error(`gateways go on with the settings of language models that they have: ${message}`, { cause: error }),
        )
      this.#llmFault = error as Error
      return before
    }
  }

  /** What did not load is laid out anew before it is tried again: its files may be gone. A file that was not written is tried again as well. */
  #note(failed: readonly LoadFailure[]): void {
    const isAgain = failed.length > 0 || this.#fileFault !== undefined
    this.#failedAt = isAgain ? performance.now() : undefined
    for (const { endpoint, version, reason } of failed) {
      this.#deps.onError(new Error(`${endpoint} version ${version} did not load: ${reason}`))
      const model = this.#last?.endpoints.find(({ name }) => name === endpoint)?.model
      if (model !== undefined) this.#deps.places.forget({ model, version })
    }
  }

  /** Whether something that was laid out is no longer on the disk: the next table lays it out anew. */
  #check(): Promise<boolean> {
    this.#checkedAt = performance.now()
    return this.#deps.places.check()
  }

  /**
   * Lays versions out anew whose native form was proved while Python answered; true when one has another form now. Not while an endpoint has several
   * variants: their latencies are held against each other.
   */
  async #renewed(): Promise<boolean> {
    const { places, renewed, onError } = this.#deps
    let changed = false
    for (const of of await places.settled()) {
      const naming = this.#last?.endpoints.filter((one) => one.model === of.model) ?? []
      const isApart = naming.some(
        ({ variants }) => variants.length > 1 && variants.some((one) => one.version === of.version),
      )
      if (isApart) continue
      try {
        await renewed(of, await places.renew(of))
        changed = true
      } catch (error) {
        // what lies here answers on
        onError(error)
      }
    }
    return changed
  }

  /** Goes on laying out what is missing; true when some of it lies here now. A table without news is not pushed each second. */
  async #arrived(): Promise<boolean> {
    const { places } = this.#deps
    await places.bring(this.#missing, 0)
    return this.#missing.some((of) => places.here(of) !== undefined)
  }

  /** One look at a time; what a slow one let pass is looked at once more behind it. */
  async #lookInTurn(): Promise<void> {
    this.#lookAgain = this.#looking
    if (this.#looking) return
    this.#looking = true
    do {
      this.#lookAgain = false
      try {
        if (await this.#look()) this.#noteLook()
      } catch (error) {
        this.#deps.onError(error)
        this.#looks.failed(error)
      }
    } while (this.#lookAgain && this.#timer !== undefined)
    this.#looking = false
  }

  #noteLook(): void {
    const fault = this.#llmFault ?? this.#fileFault
    if (fault !== undefined) this.#looks.failed(fault)
    else if (this.#behind) this.#looks.failed(new Error('a gateway did not take the newest table'))
    else this.#looks.went()
  }

  /**
   * Publishes again when something changed that nobody announced: tokens, language models, another replica's epoch, a gateway that missed it. False
   * where a publish was under way.
   */
  async #look(): Promise<boolean> {
    if (this.#running !== undefined) return false
    const gone = performance.now() - this.#checkedAt > CHECK_MS && (await this.#check())
    const renewed = await this.#renewed()
    const arrived = await this.#arrived()
    const again = this.#failedAt !== undefined && performance.now() - this.#failedAt > AGAIN_MS
    const epoch = await currentEpoch(this.#deps.db)
    const tokens = JSON.stringify(await this.#deps.tokens())
    const llm = settingsText(await this.#llmRoute(this.#last?.llm))
    const told = epoch !== this.#last?.epoch || tokens !== this.#tokens || llm !== this.#llm
    if (gone || renewed || arrived || this.#behind || again || told) await this.publish()
    return true
  }
}

/** What a table is made anew for; what budgets have spent is known by gateways themselves, and changes with each call. */
function settingsText(llm: LlmRoute | undefined): string | undefined {
  if (llm === undefined) return undefined
  return JSON.stringify({ ...llm, budgets: llm.budgets.map(({ spent: _spent, since: _since, ...budget }) => budget) })
}
