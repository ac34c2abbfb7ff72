/** Keeps answers of a version for a while: the same row with the same params is then not scored again. For endpoints that ask for it. */
import type { AnswerShape } from '../../scoring/rows/outputs.ts'
import type { Backend, CallLimits, Explained, Outgrown } from '../../scoring/rows/backend.ts'
import type { Scored } from '../../scoring/rows/scores.ts'
import { whyNotExplained } from '../../scoring/rows/backend.ts'
import { toJson } from '../../scoring/rows/json.ts'
import { rowKey } from '../../scoring/rows/keys.ts'
import type { Value } from '../../scoring/rows/rows.ts'

export interface CacheSettings {
  /** How long an answer is given again. */
  readonly seconds: number
  /** Answers kept; the one that was used longest ago goes first. */
  readonly rows: number
}

interface Kept {
  readonly scored: Scored
  readonly until: number
}

/** A backend whose answers are kept. Failures are not. */
export class CachedBackend implements Backend {
  readonly #backend: Backend
  readonly #settings: CacheSettings
  readonly #clock: () => number
  readonly #kept = new Map<string, Kept>()
  readonly answers?: () => AnswerShape
  #hits = 0
  #misses = 0

  constructor(backend: Backend, settings: CacheSettings, clock: () => number = () => performance.now()) {
    this.#backend = backend
    this.#settings = settings
    this.#clock = clock
    if (backend.answers !== undefined) this.answers = () => backend.answers?.() as AnswerShape
  }

  ready(): boolean {
    return this.#backend.ready()
  }

  score(rows: readonly Value[][], limits: CallLimits): Scored[] | Promise<Scored[]> {
    const params = limits.params === null ? '' : toJson(limits.params)
    const keys = rows.map((row) => rowKey(row) + params)
    const found = keys.map((key) => this.#find(key))
    const missing = new Map<string, readonly Value[]>()
    keys.forEach((key, i) => {
      if (found[i] === undefined) missing.set(key, rows[i] as Value[])
    })
    this.#hits += rows.length - missing.size
    this.#misses += missing.size
    if (missing.size === 0) return found as Scored[]
    const scored = this.#backend.score([...missing.values()] as Value[][], limits)
    const join = (fresh: Scored[]): Scored[] => this.#join(keys, found, [...missing.keys()], fresh)
    return scored instanceof Promise ? scored.then(join) : join(scored)
  }

  explain(rows: readonly Value[][]): Explained[] {
    return this.#backend.explain?.(rows) ?? []
  }

  unexplained(): string | undefined {
    return whyNotExplained(this.#backend)
  }

  outgrown(): Outgrown | undefined {
    return this.#backend.outgrown?.()
  }

  close(): Promise<void> {
    return this.#backend.close()
  }

  describe(): Record<string, unknown> {
    const cache = { rows: this.#kept.size, hits: this.#hits, misses: this.#misses }
    return { ...this.#backend.describe(), cache }
  }

  #find(key: string): Scored | undefined {
    const kept = this.#kept.get(key)
    if (kept === undefined) return undefined
    this.#kept.delete(key)
    if (kept.until <= this.#clock()) return undefined
    this.#kept.set(key, kept)
    return kept.scored
  }

  #join(keys: readonly string[], found: readonly (Scored | undefined)[], asked: string[], fresh: Scored[]): Scored[] {
    const until = this.#clock() + this.#settings.seconds * 1000
    const answers = new Map(asked.map((key, i) => [key, fresh[i] as Scored]))
    for (const [key, scored] of answers) this.#keep(key, { scored, until })
    return keys.map((key, i) => found[i] ?? (answers.get(key) as Scored))
  }

  #keep(key: string, kept: Kept): void {
    // another caller may have asked the same meanwhile
    this.#kept.delete(key)
    const [oldest] = this.#kept.keys()
    if (this.#kept.size >= this.#settings.rows && oldest !== undefined) this.#kept.delete(oldest)
    this.#kept.set(key, kept)
  }
}
