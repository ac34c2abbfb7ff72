/** Holds on to an answer while it passes to the client, so that it can be kept when it has ended well. */

/** Largest answer that is kept, bytes. */
const LARGEST = 1024 * 1024

/** Headers that tell of an answer; all others tell of the call that it came by. */
const OF_ANSWER = [
  'content-type',
  'cache-control',
  'x-slipway-model',
  'x-slipway-translated',
  'x-slipway-lost',
] as const

/** What passed. */
export interface Taped {
  readonly body: Buffer
  readonly headers: Readonly<Record<string, string>>
}

/** One answer. */
export class Tape {
  /** Key that it is kept under; null = it is not kept. */
  readonly key: string | null
  readonly #told: 'miss' | 'bypass'
  readonly #headers: Record<string, string> = {}
  #parts: Buffer[] = []
  #size = 0

  /** `told`: whether the answer was looked for. */
  constructor(told: 'miss' | 'bypass', key: string | null) {
    this.#told = told
    this.key = key
  }

  /** Its headers before they go out, to which it adds what it was told. */
  head(headers: Record<string, string | string[]>): void {
    headers['x-slipway-cache'] = this.#told
    for (const name of OF_ANSWER) if (headers[name] !== undefined) this.#headers[name] = String(headers[name])
  }

  /** Bytes of the body as they pass. */
  saw(bytes: Buffer): void {
    if (this.key === null || this.#size > LARGEST) return
    this.#size += bytes.length
    if (this.#size > LARGEST) this.#parts = []
    else this.#parts.push(bytes)
  }

  /** All that passed, in memory of its own; undefined where it was too large. */
  taken(): Taped | undefined {
    if (this.key === null || this.#size > LARGEST) return undefined
    // a slice would hold the whole piece of memory that it is cut from
    const body = Buffer.allocUnsafeSlow(this.#size)
    let at = 0
    for (const part of this.#parts) at += part.copy(body, at)
    return { body, headers: this.#headers }
  }
}
