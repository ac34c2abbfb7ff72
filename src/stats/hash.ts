/** A fast string hash and the sticky buckets by which traffic is split. */

const encoder = new TextEncoder()
let scratch = new Uint8Array(1024)

const rotate = (x: number, k: number): number => (x << k) | (x >>> (32 - k))

/**
 * MurmurHash3 x86 32-bit (Austin Appleby, public domain) of the UTF-8 bytes of a text.
 * @param seed any 32-bit number
 * @returns a whole number 0 … 2³²−1. Not for secrets or signatures.
 */
export function hash32(text: string, seed = 0): number {
  if (text.length * 3 > scratch.length) scratch = new Uint8Array(text.length * 6)
  const length = encoder.encodeInto(text, scratch).written
  return hashBytes(scratch, length, seed)
}

/** The multipliers of MurmurHash3 x86 128-bit; each word of 16 bytes has two of them, a turn, and a turn and a sum of its lane. */
const [C1, C2, C3, C4] = [0x239b961b, 0xab0e9789, 0x38b34ae5, 0xa1e38b93]
/** Bytes of one block. */
const BLOCK = 16

/**
 * 53 bits of the MurmurHash3 x86 128-bit (Austin Appleby, public domain) of the UTF-8 bytes of a text, as a whole number. Of 5 million texts
 * two have one value in about one case of a thousand. Two hashes of 32 bits with two seeds would not do: short texts that share one of them
 * often share both.
 */
export function hash53(text: string): number {
  const room = text.length * 3 + BLOCK
  if (room > scratch.length) scratch = new Uint8Array(2 * room)
  const length = encoder.encodeInto(text, scratch).written
  // what is behind the end counts as zeros, and zeros of the last block change nothing
  scratch.fill(0, length, length + BLOCK)
  let [h1, h2, h3, h4] = [0, 0, 0, 0]
  for (let at = 0; at < length; at += BLOCK) {
    const isWhole = at + BLOCK <= length
    h1 ^= mixed(wordAt(at), C1, 15, C2)
    if (isWhole) h1 = (Math.imul((rotate(h1, 19) + h2) | 0, 5) + 0x561ccd1b) | 0
    h2 ^= mixed(wordAt(at + 4), C2, 16, C3)
    if (isWhole) h2 = (Math.imul((rotate(h2, 17) + h3) | 0, 5) + 0x0bcaa747) | 0
    h3 ^= mixed(wordAt(at + 8), C3, 17, C4)
    if (isWhole) h3 = (Math.imul((rotate(h3, 15) + h4) | 0, 5) + 0x96cd1c35) | 0
    h4 ^= mixed(wordAt(at + 12), C4, 18, C1)
    if (isWhole) h4 = (Math.imul((rotate(h4, 13) + h1) | 0, 5) + 0x32ac3b17) | 0
  }
  const sum = ((h1 ^ length) + (h2 ^ length) + (h3 ^ length) + (h4 ^ length)) | 0
  const second = finish(((h2 ^ length) + sum) | 0)
  const last = finish(sum) + second + finish(((h3 ^ length) + sum) | 0) + finish(((h4 ^ length) + sum) | 0)
  return (last >>> 0) * 2 ** 21 + ((second + last) & 0x1fffff)
}

function wordAt(at: number): number {
  return scratch[at]! | (scratch[at + 1]! << 8) | (scratch[at + 2]! << 16) | (scratch[at + 3]! << 24)
}

function mixed(word: number, first: number, turn: number, second: number): number {
  return Math.imul(rotate(Math.imul(word, first), turn), second)
}

function hashBytes(bytes: Uint8Array, length: number, seed: number): number {
  let h = seed | 0
  const blocks = length - (length % 4)
  for (let i = 0; i < blocks; i += 4) {
    h ^= scramble(bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24))
    h = (Math.imul(rotate(h, 13), 5) + 0xe6546b64) | 0
  }
  let tail = 0
  for (let i = length - 1; i >= blocks; i--) tail = (tail << 8) | bytes[i]!
  if (length > blocks) h ^= scramble(tail)
  return finish(h ^ length)
}

function finish(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

function scramble(k: number): number {
  return Math.imul(rotate(Math.imul(k, 0xcc9e2d51), 15), 0x1b873593)
}

/** Number of buckets: a share of traffic is a whole number of hundredths of a percent. */
export const BUCKETS = 10_000

/**
 * The bucket of a routing key, 0 … 9,999. The same salt and key always give the same bucket, so with the rule
 * "canary if bucket < weight" a growing weight only adds keys to the canary and never sends one back.
 * The salt seeds the hash, so ("a", "bc") and ("ab", "c") differ, and two endpoints split their users independently.
 */
export function bucket(salt: string, key: string): number {
  return Math.floor((hash32(key, hash32(salt)) / 0x100000000) * BUCKETS)
}
