/** Contributions of inputs to a prediction: who can give them, how many rows a request may ask for, and their forms in answers and in the log. */
import { problem } from '../../contract/errors.ts'
import { bucket } from '../../stats/hash.ts'
import type { Backend, Explained } from '../../scoring/rows/backend.ts'
import { whyNotExplained } from '../../scoring/rows/backend.ts'
import type { Ask } from './ask.ts'
import type { LiveVariant } from '../traffic/live.ts'
import { invalid, rowOf } from '../../scoring/rows/rows.ts'
import type { Batch, Value } from '../../scoring/rows/rows.ts'

/** Rows of one request that are explained when it asks for it. */
const MAX_ASKED = 100
/** Rows of one request that are explained for the log. */
const MAX_LOGGED = 10
const BUCKETS = 10_000

/** Checks that a variant can explain what is asked. Throws `unprocessable` with the reason, and `invalid_field` for too many rows. */
export function requireExplained(variant: LiveVariant, ask: Ask): void {
  const reason = whyNotExplained(variant.backend)
  if (reason !== undefined)
    throw problem('unprocessable', {
      detail: `explain: version ${variant.route.version} cannot be explained: ${reason}`,
    })
  if (ask.rows.count > MAX_ASKED)
    throw invalid(
      'explain',
      `${ask.rows.count} rows`,
      `at most ${MAX_ASKED} rows in a request that asks for contributions`,
    )
}

/** The explanations of the rows that were asked for; undefined where none were. */
export function explainAsked({ backend }: LiveVariant, ask: Ask, batch: Batch): Explained[] | undefined {
  return ask.explain ? backend.explain?.(ask.ids.map((_, i) => rowOf(batch, i))) : undefined
}

/** Explains the rows of a request that fall into the share, by the hash of their ids, so that a sample is the same on every gateway. */
export class LogSample {
  readonly #backend: Backend
  readonly #salt: string
  readonly #limit: number
  #left = MAX_LOGGED

  constructor(backend: Backend, salt: string, share: number | null | undefined) {
    this.#backend = backend
    this.#salt = `${salt}/explain`
    const explains = share !== null && share !== undefined && share > 0 && whyNotExplained(backend) === undefined
    this.#limit = explains ? share * BUCKETS : 0
  }

  /** Whether any row can be in it. */
  get open(): boolean {
    return this.#limit > 0
  }

  /** The explanation of a row that is in the sample; undefined otherwise. `asked` is what the caller was given. */
  of(id: string, row: () => Value[], asked: Explained | undefined): Explained | undefined {
    if (this.#limit === 0 || this.#left === 0 || bucket(this.#salt, id) >= this.#limit) return undefined
    this.#left--
    return asked ?? this.#backend.explain?.([row()])[0]
  }
}
