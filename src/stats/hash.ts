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
  h ^= length
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
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
