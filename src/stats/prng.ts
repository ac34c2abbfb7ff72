/** Seeded random numbers for bootstraps, simulations and tests: the same seed gives the same sequence on every machine. */

/** A stream of random numbers. Not for secrets. */
export interface Prng {
  /** A whole number, uniform on 0 … 2³²−1. */
  uint32(): number
  /** A number with 53 random bits, uniform on [0, 1). */
  uniform(): number
  /** A whole number, uniform on 0 … n−1; n between 1 and 2³². */
  below(n: number): number
  /** A standard normal number (Marsaglia's polar method). */
  normal(): number
}

const MASK_64 = (1n << 64n) - 1n

/** The first `count` outputs of SplitMix64 (Steele, Lea, Flood 2014) from a seed, as unsigned 64-bit integers. */
export function splitmix64(seed: bigint, count: number): bigint[] {
  let state = seed & MASK_64
  return Array.from({ length: count }, () => {
    state = (state + 0x9e3779b97f4a7c15n) & MASK_64
    let z = state
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK_64
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK_64
    return z ^ (z >> 31n)
  })
}

const rotate = (x: number, k: number): number => (x << k) | (x >>> (32 - k))

/** xoshiro128** (Blackman, Vigna 2018) as a function of its four 32-bit words of state, which must not all be zero. */
export function xoshiro128(words: readonly [number, number, number, number]): () => number {
  let [a, b, c, d] = words
  return () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0
    const t = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= t
    d = rotate(d, 11)
    return result
  }
}

const word = (x: bigint): number => Number(x & 0xffffffffn) | 0

/** A generator seeded by a whole number: SplitMix64 fills the state of xoshiro128**. */
export function prng(seed: number): Prng {
  const [low = 0n, high = 0n] = splitmix64(BigInt(Math.trunc(seed)), 2)
  const uint32 = xoshiro128([word(low), word(low >> 32n), word(high), word(high >> 32n)])
  const uniform = (): number => ((uint32() >>> 5) * 0x4000000 + (uint32() >>> 6)) / 0x20000000000000
  return { uint32, uniform, below: (n) => Math.floor(uniform() * n), normal: polar(uniform) }
}

function polar(uniform: () => number): () => number {
  let spare: number | undefined
  return () => {
    if (spare !== undefined) {
      const value = spare
      spare = undefined
      return value
    }
    for (;;) {
      const u = 2 * uniform() - 1
      const v = 2 * uniform() - 1
      const s = u * u + v * v
      if (s >= 1 || s === 0) continue
      const factor = Math.sqrt((-2 * Math.log(s)) / s)
      spare = v * factor
      return u * factor
    }
  }
}
