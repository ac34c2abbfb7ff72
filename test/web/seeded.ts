/** Random values from a seed, for property tests: a failure names its seed, and the same seed gives the same values. */

export interface Seeded {
  /** 0 ≤ value < 1. */
  next(): number
  /** A whole number, both ends included. */
  int(least: number, most: number): number
  /** A finite number of any size and sign, zero and very small ones among them. */
  number(): number
  chance(share: number): boolean
  pick<T>(items: readonly T[]): T
  /** So many values, from 0 to `most`. */
  list<T>(most: number, make: (place: number) => T): T[]
  /** Text of characters that programs stumble over: quotes, separators, line ends, marks of Markdown, letters beyond ASCII. */
  text(most: number): string
  /** Any value of JSON, nested at most so deep. */
  json(depth?: number): unknown
}

const CHARACTERS = [
  ...'abcXYZ019 _-.,;:\'"`*#|<>()[]{}\\/=%&?+~\t\n\r'.split(''),
  'é',
  'ß',
  '–',
  '漢',
  '🚀',
  '\u0000',
  '\u001B[31m',
]

/** Mulberry32. */
export function seeded(seed: number): Seeded {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d_2b_79_f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const int = (least: number, most: number): number => least + Math.floor(next() * (most - least + 1))
  const pick = <T>(items: readonly T[]): T => items[int(0, items.length - 1)] as T
  const list = <T>(most: number, make: (place: number) => T): T[] =>
    Array.from({ length: int(0, most) }, (_, i) => make(i))
  const number = (): number => (next() < 0.1 ? 0 : (next() - 0.5) * 10 ** int(-12, 12))
  const text = (most: number): string => list(most, () => pick(CHARACTERS)).join('')
  const json = (depth = 3): unknown => {
    const kind = int(0, depth > 0 ? 7 : 4)
    if (kind === 0) return null
    if (kind === 1) return next() < 0.5
    if (kind === 2) return number()
    if (kind <= 4) return text(8)
    if (kind === 5) return list(4, () => json(depth - 1))
    return Object.fromEntries(list(4, () => [text(6), json(depth - 1)] as const))
  }
  return { next, int, number, chance: (share) => next() < share, pick, list, text, json }
}

/** Calls a check with so many seeds; a failure says which one. */
export function property(times: number, check: (random: Seeded, seed: number) => void): void {
  for (let seed = 1; seed <= times; seed += 1) {
    try {
      check(seeded(seed), seed)
    } catch (error) {
      if (error instanceof Error) error.message = `with seed ${seed}: ${error.message}`
      throw error
    }
  }
}
