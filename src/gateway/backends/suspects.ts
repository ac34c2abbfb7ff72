/** Remembers inputs with which a scorer died, so that the same input neither takes others down with it nor kills again and again. */
import { createHash } from 'node:crypto'
import { rowKey } from '../../scoring/rows/keys.ts'
import type { Call } from '../../scoring/queue/queue.ts'

/** What an input is told apart by: the rows of the whole request, also where a piece of it ran. */
type Input = Pick<Call, 'rows' | 'whole' | 'paramsKey'>

interface Suspect {
  deaths: number
  until: number
}

/** Deaths after which an input is refused without being tried. */
export const QUARANTINE_DEATHS = 2
/** How long an input is remembered, ms. */
const REMEMBER_MS = 10 * 60_000
const MOST = 1000

export class Suspects {
  readonly #known = new Map<string, Suspect>()

  /** Deaths with this input so far. */
  deathsOf(call: Input, now: number): number {
    return this.#known.size === 0 ? 0 : this.#deaths(digest(call), now)
  }

  /** A scorer died with this input. `alone` false: it may have been another one of its batch, and once is all that is counted. */
  blame(call: Input, alone: boolean, now: number): void {
    const key = digest(call)
    const before = this.#deaths(key, now)
    this.#known.delete(key)
    const [oldest] = this.#known.keys()
    if (this.#known.size >= MOST && oldest !== undefined) this.#known.delete(oldest)
    this.#known.set(key, { deaths: alone ? before + 1 : Math.max(before, 1), until: now + REMEMBER_MS })
  }

  /** The input was answered after all. */
  acquit(call: Input): void {
    if (this.#known.size > 0) this.#known.delete(digest(call))
  }

  #deaths(key: string, now: number): number {
    const known = this.#known.get(key)
    return known === undefined || known.until < now ? 0 : known.deaths
  }

  /** Inputs that are refused at once. */
  get quarantined(): number {
    return [...this.#known.values()].filter(({ deaths }) => deaths >= QUARANTINE_DEATHS).length
  }
}

function digest({ rows, whole = rows, paramsKey }: Input): string {
  return createHash('sha256')
    .update(JSON.stringify([...whole.map(rowKey), paramsKey]))
    .digest('base64')
}
