/** MurmurHash3 (x86, 32 bits, seed 0) of a text in UTF-8, as feature hashing uses it. Source: A. Appleby, MurmurHash3.cpp. */

const encoder = new TextEncoder()

/** The hash as a signed number of 32 bits. */
export function murmur3(text: string): number {
  const bytes = encoder.encode(text)
  const { length } = bytes
  const whole = length & ~3
  let hash = 0
  for (let i = 0; i < whole; i += 4) {
    const word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
    hash = turn(hash ^ mix(word), 13)
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0
  }
  let rest = 0
  for (let i = length - 1; i >= whole; i--) rest = (rest << 8) | bytes[i]!
  hash ^= mix(rest) ^ length
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

function mix(word: number): number {
  return Math.imul(turn(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593)
}

function turn(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}
