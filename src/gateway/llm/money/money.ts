/** The money of a gateway: what a call is admitted with, held to while it runs and settled by; limits of tokens and budgets together. */
import { existsSync } from 'node:fs'
import { Problem } from '../../../contract/errors.ts'
import type { BudgetRoute, KeyRoute } from '../../table/llm.ts'
import type { Spending } from './batch.ts'
import { Limits } from './limits.ts'
import { moneyPath } from './place.ts'
import { Recovery } from './recovery.ts'
import type { RecoveryPorts } from './recovery.ts'
import { moneyUnavailable, unknownPrice } from './refusals.ts'
import type { MoneyStore } from './store.ts'

export interface MoneyOptions extends Pick<RecoveryPorts, 'costIn' | 'lost'> {
  readonly dataDir: string
  /** Name of the log in which the calls of this gateway stand; what `costIn` is asked by after it died. */
  readonly writer: string
  /** Gateways that share the limits of tokens. */
  readonly gateways: number
  /** ms since 1970. */
  readonly clock: () => number
  /** Told once when the store begins to fail. */
  readonly note: (text: string) => void
  /** Longest wait for other gateways, ms; default 10 000. */
  readonly busyMs?: number
}

/** A call before it is sent. */
export interface MoneyCall {
  /** Its own; never used for another call. */
  readonly id: string
  readonly key: KeyRoute | null
  /** See `budgetsOf`. */
  readonly budgets: readonly BudgetRoute[]
  /** Nanodollars that it costs at most, see `boundOf`; null = its price is not known. */
  readonly amount: number | null
  /** Tokens that it may use, input and output together; corrected when it ends. */
  readonly tokens: number
  /** ms since 1970. */
  readonly now: number
}

/** A call that was admitted; it must be settled, whatever becomes of it. */
export interface Held {
  /** Nanodollars that are reserved. */
  readonly reserved: number
  /**
   * It has ended: what it cost, nanodollars, and used, tokens. Only the first time counts. Resolves when that is stored, or put aside to be tried
   * again. Throws a RangeError for a cost that is no whole number ≥ 0.
   */
  settle(cost: number, tokens: number): Promise<void>
}

export interface MoneyFigures {
  /** What each budget has spent, with what all gateways of the data folder have reserved; empty while this one has opened no store. */
  readonly budgets: readonly Spending[]
  /** Calls under way of tokens that have limits. */
  readonly open: number
  /** Calls that were admitted without a price, since the start. */
  readonly unpriced: number
  /** Calls that were admitted although the store failed: no hard budget applied to them. The ledger has what they cost. */
  readonly unreserved: number
  /** Why the store fails; null = it does not. */
  readonly error: string | null
}

interface Opened {
  readonly store: MoneyStore
  readonly recovery: Recovery
}

/** After a failure, for so long nobody without a hard budget waits for the store, and it is not opened again, ms. */
const PAUSE_MS = 1000

/** Nothing is opened, or loaded, before the first call that has a budget. */
export class Money {
  readonly #options: MoneyOptions
  readonly #limits: Limits
  #opening: Promise<Opened> | undefined
  #opened: Opened | undefined
  #recovering: Promise<void> | undefined
  #isClosed = false
  #error: string | null = null
  /** `performance.now()` until which the store is left alone. */
  #pausedUntil = 0
  #unpriced = 0
  #unreserved = 0

  constructor(options: MoneyOptions) {
    this.#options = options
    this.#limits = new Limits(options.gateways)
  }

  /**
   * Admits a call, or rejects and holds nothing: `too_many_requests` for a limit of its token, `budget_exceeded` for a hard budget without room,
   * `unprocessable` for a model without a price and `unavailable` for a store that fails, both only where a hard budget applies.
   */
  async admit(call: MoneyCall): Promise<Held> {
    const taken = this.#limits.take(call.key, call.tokens, call.now)
    try {
      const store = call.budgets.length === 0 ? undefined : await this.#reserve(call)
      let isSettled = false
      return {
        reserved: store === undefined ? 0 : (call.amount ?? 0),
        settle: async (cost, tokens) => {
          if (isSettled) return
          isSettled = true
          taken.end(tokens, this.#options.clock())
          if (store !== undefined) await this.#settle(store, call.id, cost)
        },
      }
    } catch (error) {
      taken.undo()
      throw error
    }
  }

  /**
   * Settles what gateways that died have left; for the start and every second after it. Does nothing where no store was ever made. It does not reject:
   * what fails is told by `note` and the figures, and tried again the next time.
   */
  recover(): Promise<void> {
    return (this.#recovering ??= this.#recover().finally(() => (this.#recovering = undefined)))
  }

  figures(): MoneyFigures {
    const rest = { open: this.#limits.open, unpriced: this.#unpriced, unreserved: this.#unreserved }
    try {
      return { budgets: this.#opened?.store.spent() ?? [], ...rest, error: this.#error }
    } catch (error) {
      return { budgets: [], ...rest, error: moneyUnavailable(error).message }
    }
  }

  /** Writes what waits. What is not settled by then is settled by the gateway that finds it. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#recovering
    await this.#opening?.catch((error: unknown) => {
      if (!isFault(error)) throw error
    })
    const opened = this.#opened
    this.#opened = undefined
    await opened?.store.close()
  }

  /** The store that the call is reserved in; undefined where it goes on without. */
  async #reserve({ id, budgets, amount, now }: MoneyCall): Promise<MoneyStore | undefined> {
    const hard = budgets.find((budget) => budget.hard)
    if (amount === null && hard !== undefined) throw unknownPrice(hard)
    const store = await this.#tryReserve({ id, budgets, amount: amount ?? 0, now }, hard === undefined)
    if (amount === null) this.#unpriced += 1
    if (store === undefined) this.#unreserved += 1
    return store
  }

  async #tryReserve(asked: Parameters<MoneyStore['reserve']>[0], mayGoOn: boolean): Promise<MoneyStore | undefined> {
    if (mayGoOn && performance.now() < this.#pausedUntil) return undefined
    try {
      const { store } = await this.#open()
      await store.reserve(asked)
      this.#error = null
      return store
    } catch (error) {
      const isFailing = isFault(error)
      if (isFailing) this.#failed(error)
      else this.#error = null
      if (isFailing && mayGoOn) return undefined
      throw error
    }
  }

  async #settle(store: MoneyStore, id: string, cost: number): Promise<void> {
    try {
      await store.settle(id, cost)
    } catch (error) {
      if (!isFault(error)) throw error
      this.#failed(error)
    }
  }

  async #recover(): Promise<void> {
    const { dataDir, clock } = this.#options
    if (this.#isClosed || (this.#opened === undefined && !existsSync(moneyPath(dataDir)))) return
    try {
      const { recovery } = await this.#open()
      await recovery.run(clock())
      this.#error = null
    } catch (error) {
      this.#failed(error instanceof Problem ? error : moneyUnavailable(error))
    }
  }

  #failed(error: Problem): void {
    this.#pausedUntil = performance.now() + PAUSE_MS
    if (this.#error === null) this.#options.note(error.message)
    this.#error = error.message
  }

  /** Rejects with `unavailable`, for a while without a new try: to wait for a lock here holds up all calls. */
  #open(): Promise<Opened> {
    if (this.#isClosed) return Promise.reject(moneyUnavailable(new Error('it is closed')))
    return (this.#opening ??= this.#load().then(
      (opened) => (this.#opened = opened),
      (error: unknown) => {
        setTimeout(() => (this.#opening = undefined), PAUSE_MS).unref()
        throw error
      },
    ))
  }

  /** With the library of the database: a gateway without budgets starts sooner, and a small image has none. */
  async #load(): Promise<Opened> {
    const { dataDir, writer, costIn, lost, busyMs } = this.#options
    const [{ openMoney }, { takeLifeLock }] = await Promise.all([import('./store.ts'), import('./schema.ts')])
    const store = await openMoney({ dataDir, writer, ...(busyMs !== undefined && { busyMs }) })
    return { store, recovery: new Recovery(store, { costIn, lost, take: (name) => takeLifeLock(dataDir, name) }) }
  }
}

/** Of the store, and no refusal of the call. */
function isFault(error: unknown): error is Problem {
  return error instanceof Problem && error.code === 'unavailable'
}
