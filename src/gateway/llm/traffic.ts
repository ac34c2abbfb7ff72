/** Calls of language models in a gateway: what answers them, and its life from the first table to the end. */
import { randomBytes } from 'node:crypto'
import type { Family } from '../../http/prometheus-text.ts'
import type { LlmCall, LlmPort, LlmTarget } from '../http/llm.ts'
import type { RoutingTable, TokenRoute } from '../table/table.ts'
import type { CallDeps } from './calls/call.ts'
import { answerCall } from './calls/call.ts'
import { failureReply } from './calls/failure.ts'
import { readAsk } from './calls/request.ts'
import { costsIn, Journal } from './records/journal.ts'
import type { OpenSealed } from './upstream/live.ts'
import { LiveLlm } from './upstream/live.ts'
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
}

/** Between two looks at what gateways that died had reserved, ms. */
const RECOVER_MS = 1000

export class Traffic implements LlmTraffic {
  readonly #options: TrafficOptions
  readonly #journal: Journal
  readonly #pools: Pools
  readonly #money: Money
  readonly #deps: CallDeps
  readonly #open = new Set<Promise<void>>()
  readonly #timer: NodeJS.Timeout
  #live: LiveLlm
  #calls = 0

  constructor(options: TrafficOptions) {
    this.#options = options
    const { dataDir, index, gateways, open, note } = options
    const writer = `llm${index}.${Date.now().toString(36)}.${process.pid}`
    this.#live = new LiveLlm(undefined, open)
    this.#journal = new Journal(dataDir, writer)
    this.#pools = new Pools(() => this.#live.route.allow)
    this.#money = new Money({
      dataDir,
      writer,
      gateways,
      clock: Date.now,
      costIn: (of, ids) => costsIn(dataDir, of, ids),
      lost: (reservation) =>
        new Promise<void>((written) => this.#journal.append(lostRecord(reservation, this.#live.route), written)),
      note: (text) => note('budgets of language models', text),
    })
    const prefix = `c_${Date.now().toString(36)}${randomBytes(5).toString('hex')}`
    this.#deps = {
      clock: Date.now,
      live: () => this.#live,
      money: this.#money,
      pools: this.#pools,
      journal: this.#journal,
      nextId: () => prefix + (this.#calls++).toString(36),
      fault: (error) => note('language model', error),
      draining: options.draining,
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
    void call.finally(() => this.#open.delete(call))
  }

  stats(): unknown {
    const { lost, lastError } = this.#journal
    return { calls: this.#calls, open: this.#open.size, log: { lost, error: lastError }, money: this.#money.figures() }
  }

  families(): readonly Family[] {
    const { lost } = this.#journal
    const help = 'Calls of language models that could not be logged.'
    return [
      ...this.#journal.counters.families(),
      { name: 'slipway_llm_log_lost_total', type: 'counter', help, samples: [{ value: lost }] },
    ]
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#open)
    await this.#pools.close()
    await this.#journal.close()
    await this.#money.close()
  }
}
