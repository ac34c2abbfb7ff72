/** Which models have lately read which beginnings of prompts, and so have them in their caches: a bounded tree of block hashes. */

/** Bytes of one block. */
export const BLOCK_BYTES = 256
/** Most blocks of one prompt that are looked at; what is behind them is taken as equal. */
const MOST_BLOCKS = 1024
/** Most blocks that are remembered, of all endpoints and models of a process; those not used for longest go first. */
const MOST_KNOWN = 50_000
/** How long a block is remembered, ms; caches of vendors forget after five minutes to an hour. */
const FORGET_MS = 600_000

/** Bytes from `from` to before `to`. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** Hashes of the blocks of a prompt, two words each; each covers all bytes up to its end. */
export type Blocks = Uint32Array

/**
 * The blocks of a prompt that lies in some spans of a body, in their order. All spans but the last are taken to their last byte; of the last, an incomplete
 * block is left out, for the next call goes on within it. Each hash is chained to the one before: MurmurHash3's step in one word, FNV-1a's over
 * words in the other. They are no secret and no proof: who makes two prompts collide has a call go to another model of the same endpoint.
 */
export function blocksOf(bytes: Buffer, spans: readonly Span[]): Blocks {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const out: number[] = []
  let low = 0x9747b28c
  let high = 0x811c9dc5
  for (const [i, { from, to }] of spans.entries()) {
    const isLast = i === spans.length - 1
    for (let at = from; at < to && out.length < 2 * MOST_BLOCKS; at += BLOCK_BYTES) {
      const end = Math.min(at + BLOCK_BYTES, to)
      if (isLast && end - at < BLOCK_BYTES) break
      let k = at
      for (; k + 4 <= end; k += 4) {
        const word = view.getUint32(k, true)
        const mixed = Math.imul(word, 0xcc9e2d51)
        low ^= Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593)
        low = (Math.imul((low << 13) | (low >>> 19), 5) + 0xe6546b64) | 0
        high = Math.imul(high ^ word, 0x01000193)
        high ^= high >>> 15
      }
      for (; k < end; k++) high = Math.imul(high ^ view.getUint8(k), 0x01000193)
      out.push(low, high)
    }
  }
  return Uint32Array.from(out)
}

/** How predictions turned out: the answer told of tokens from a cache, of none, or nothing that could be held against it. */
export type Prediction = 'hit' | 'miss' | 'untold'

export class Prefixes {
  /** When a block was last read by a model, ms, in the order of that. */
  readonly #known = new Map<number, number>()
  readonly #most: number
  readonly counts: Record<Prediction, number> = { hit: 0, miss: 0, untold: 0 }

  /** `most`: blocks that are remembered. */
  constructor(most = MOST_KNOWN) {
    this.#most = most
  }

  /** Blocks that are remembered now. */
  get size(): number {
    return this.#known.size
  }

  /** How many blocks from the beginning a model has read. A block is never forgotten before those behind it, so that halving finds the last. */
  depth(blocks: Blocks, salt: number, now: number): number {
    let known = 0
    let unknown = blocks.length / 2 + 1
    while (unknown - known > 1) {
      const middle = (known + unknown) >>> 1
      const at = this.#known.get(keyOf(blocks, middle - 1, salt))
      if (at !== undefined && now - at < FORGET_MS) known = middle
      else unknown = middle
    }
    return known
  }

  /** A model has read the prompt. */
  learn(blocks: Blocks, salt: number, now: number): void {
    for (let i = blocks.length / 2 - 1; i >= 0; i--) {
      const key = keyOf(blocks, i, salt)
      this.#known.delete(key)
      this.#known.set(key, now)
    }
    for (const key of this.#known.keys()) {
      if (this.#known.size <= this.#most) break
      this.#known.delete(key)
    }
  }
}

/** A number for what tells models of endpoints apart. */
export function saltOf(text: string): number {
  let salt = 0x811c9dc5
  for (let i = 0; i < text.length; i++) salt = Math.imul(salt ^ text.charCodeAt(i), 0x01000193)
  return salt
}

/** 53 bits of a block's hash, as a model sees it. */
function keyOf(blocks: Blocks, i: number, salt: number): number {
  const low = ((blocks[2 * i] ?? 0) ^ salt) >>> 0
  const high = ((blocks[2 * i + 1] ?? 0) ^ Math.imul(salt, 0x85ebca6b)) & 0x1fffff
  return high * 2 ** 32 + low
}
