/** Loads the models of a routing table and keeps them over swaps: a model is loaded once, and freed when no table needs it. */
import type { RoutingTable, VariantRoute } from './table/table.ts'
import { backendKey } from './table/table.ts'
import type { Backend } from '../scoring/rows/backend.ts'

/**
 * Starts a backend and resolves when it has answered a first time; with `wait` false it may resolve before, and calls wait.
 * Throws when the model cannot be served.
 */
export type OpenBackend = (variant: VariantRoute, wait: boolean) => Promise<Backend>

/** A variant that could not be loaded. */
export interface LoadFailure {
  readonly endpoint: string
  readonly version: string
  readonly reason: string
}

/** How long a model that was loaded ahead waits for the table that names it, ms. */
const AHEAD_MS = 5 * 60_000

export class Loader {
  readonly #open: OpenBackend
  readonly backends = new Map<string, Backend>()
  /** Until when a model that no table has named yet is kept, by key. */
  readonly #ahead = new Map<string, number>()
  readonly #opening = new Map<string, Promise<Backend>>()

  constructor(open: OpenBackend) {
    this.#open = open
  }

  /** Loads what the table names and is not loaded yet, all at once; returns what failed. */
  async load(table: RoutingTable, wait: boolean): Promise<LoadFailure[]> {
    const wanted = table.endpoints.flatMap((endpoint) =>
      [...endpoint.variants, ...endpoint.standby].map((variant) => ({ endpoint: endpoint.name, variant })),
    )
    const results = await Promise.all(
      wanted.map(async ({ endpoint, variant }) => {
        try {
          await this.#ensure(variant, wait)
          return []
        } catch (error) {
          return [{ endpoint, version: variant.version, reason: (error as Error).message }]
        }
      }),
    )
    return results.flat()
  }

  /** Loads a table's models ahead of the push that will name them; they are kept for five minutes meanwhile. */
  async loadAhead(table: RoutingTable): Promise<LoadFailure[]> {
    const until = performance.now() + AHEAD_MS
    for (const key of keysOf(table)) this.#ahead.set(key, until)
    return this.load(table, true)
  }

  /** Closes what this table does not name; requests that still run there end first. */
  async retire(table: RoutingTable): Promise<void> {
    const used = keysOf(table)
    const now = performance.now()
    for (const [key, until] of this.#ahead) if (used.has(key) || until < now) this.#ahead.delete(key)
    const unused = [...this.backends].filter(([key]) => !used.has(key) && !this.#ahead.has(key))
    for (const [key] of unused) this.backends.delete(key)
    await Promise.all(unused.map(([, backend]) => backend.close()))
  }

  async closeAll(): Promise<void> {
    await Promise.allSettled([...this.backends.values()].map((backend) => backend.close()))
    this.backends.clear()
  }

  async #ensure(variant: VariantRoute, wait: boolean): Promise<void> {
    const key = backendKey(variant.backend)
    if (this.backends.has(key)) return
    const opening = this.#opening.get(key) ?? this.#open(variant, wait)
    this.#opening.set(key, opening)
    try {
      this.backends.set(key, await opening)
    } finally {
      this.#opening.delete(key)
    }
  }
}

/** Keys of every model that a table names. */
function keysOf(table: RoutingTable): Set<string> {
  return new Set(table.endpoints.flatMap((e) => [...e.variants, ...e.standby]).map((v) => backendKey(v.backend)))
}
