/** Calls of language models in a gateway: what answers them, and its life from the first table to the end. */
import { randomBytes } from 'node:crypto'
import { problem } from '../../contract/errors.ts'
import type { Family } from '../../http/prometheus-text.ts'
import type { LlmCall, LlmPort, LlmTarget } from '../http/llm.ts'
import type { RoutingTable, TokenRoute } from '../table/table.ts'
import { AnswerCache } from './cache/answers.ts'
import type { CallDeps } from './calls/call.ts'
import { answerCall } from './calls/call.ts'
import { failureReply } from './calls/failure.ts'
import { readAsk } from './calls/request.ts'
import { costsIn, Journal } from './records/journal.ts'
import type { OpenSealed } from './upstream/live.ts'
import { LiveLlm } from './upstream/live.ts'
import { standingFamilies, standings } from './upstream/gauges.ts'
import { lostRecord } from './lost.ts'
import { Money } from './money/money.ts'
import { llmPath } from './paths.ts'
import type { LlmPath } from './paths.ts'
import { Pools } from './upstream/pools.ts'

export interface LlmTraffic extends LlmPort {
  /** Makes ready what a table names, before it is loaded. */
  prepare(table: RoutingTable): Promise<void>
  /** Answers by this table from now on. */
  load(table: RoutingTable): void
  stats(): unknown
  /** What is counted since the start, of all projects. */
  families(): readonly Family[]
  /** Breaks off what is not answered yet: the gateway ends. */
  cut(): void
  /** Waits for calls that are answered, and writes what they cost. */
  close(): Promise<void>
}

export interface TrafficOptions {
  readonly dataDir: string
  readonly index: number
  readonly gateways: number
  readonly open: OpenSealed
  readonly draining: () => boolean
  readonly note: (what: string, error: unknown) => void
  /** ms since 1970; default the wall clock. */
  readonly clock?: () => number
}

/** Between two looks at what gateways that died had reserved, ms. */
const RECOVER_MS = 1000

export class Traffic implements LlmTraffic {
  readonly #options: TrafficOptions
  readonly #journal: Journal
  readonly #pools: Pools
  readonly #money: Money
  readonly #cache = new AnswerCache()
  readonly #deps: CallDeps
  readonly #open = new Set<Promise<void>>()
  readonly #timer: NodeJS.Timeout
  #live: LiveLlm
  #calls = 0

  constructor(options: TrafficOptions) {
    this.#options = options
    const { dataDir, index, gateways, open, note, clock = Date.now } = options
    const writer = `llm${index}.${Date.now().toString(36)}.${process.pid}`
    this.#live = new LiveLlm(undefined, open)
    this.#journal = new Journal(dataDir, writer)
    this.#pools = new Pools(() => this.#live.route.allow)
    this.#money = new Money({
      dataDir,
      writer,
      gateways,
      clock,
      costIn: (of, ids) => costsIn(dataDir, of, ids),
      lost: (reservation) =>
        new Promise<void>((written) => this.#journal.append(lostRecord(reservation, this.#live.route), written)),
      note: (text) => note('budgets of language models', text),
    })
    const prefix = `c_${Date.now().toString(36)}${randomBytes(5).toString('hex')}`
    this.#deps = {
      clock,
      live: () => this.#live,
      money: this.#money,
      pools: this.#pools,
      journal: this.#journal,
      cache: this.#cache,
      nextId: () => prefix + (this.#calls++).toString(36),
      fault: (error) => note('language model', error),
      draining: options.draining,
      cuts: new Set(),
    }
    void this.#money.recover()
    this.#timer = setInterval(() => void this.#money.recover(), RECOVER_MS).unref()
  }

  prepare(): Promise<void> {
    return Promise.resolve()
  }

  load({ llm }: RoutingTable): void {
    if (llm !== this.#live.route) this.#live = new LiveLlm(llm, this.#options.open, this.#live)
  }

  names(token: TokenRoute | undefined): readonly string[] {
    const seen = new Set(this.#live.seenBy(token?.project ?? null).map(({ name }) => name))
    const allowed = this.#live.key(token?.id)?.models ?? null
    return [...seen].filter((name) => allowed?.includes(name) ?? true)
  }

  target(path: string): LlmTarget | undefined {
    const found = llmPath(path)
    if (found === undefined) return undefined
    const { dialect } = found
    return {
      answer: (call) => this.#answer(found, call),
      fail: (error) => failureReply(dialect ?? 'chat', error),
    }
  }

  #answer(path: LlmPath, { body, token, request, response }: LlmCall): void {
    const ask = readAsk(path.dialect, body, path.named)
    const caller = { project: token?.project ?? null, token: token?.id ?? null, key: this.#live.key(token?.id) }
    const call = answerCall(this.#deps, caller, ask, { request, response })
    this.#open.add(call)
    void call.catch(this.#deps.fault).finally(() => this.#open.delete(call))
  }

  stats(): unknown {
    const { lost, lastError } = this.#journal
    const { counts, size: blocks } = this.#live.prefixes
    const { size, bytes } = this.#cache
    return {
      calls: this.#calls,
      open: this.#open.size,
      log: { lost, error: lastError },
      money: this.#money.figures(),
      models: standings(this.#live, Date.now()),
      prefixes: { blocks, ...counts },
      cache: { size, bytes },
    }
  }

  families(): readonly Family[] {
    const { lost } = this.#journal
    const help = 'Calls of language models that could not be logged.'
    return [
      ...this.#journal.counters.families(),
      ...standingFamilies(this.#live, Date.now()),
      { name: 'slipway_llm_log_lost_total', type: 'counter', help, samples: [{ value: lost }] },
      {
        name: 'slipway_llm_cache_bytes',
        type: 'gauge',
        help: 'Memory of the answers of language models that are kept to be given again.',
        samples: [{ value: this.#cache.bytes }],
      },
    ]
  }

  cut(): void {
    const why = problem('unavailable', { what: 'the rest of this answer', detail: 'the gateway ended' })
    for (const cut of this.#deps.cuts) cut(why)
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#open)
    await this.#pools.close()
    // a recovery under way still logs
    await this.#money.close()
    await this.#journal.close()
  }
}
