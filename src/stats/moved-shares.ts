/** Have the shares of a whole moved between two times? A distance, the limit that chance alone gives it, and what became of the ranking. */
import type { Prng } from './prng.ts'

/** What fell to each part in one block of rows: amounts of at least 0, as many in every block. */
export type Block = readonly number[]

/** Each part's share of all amounts, 0 … 1; all 0 where there are none. */
export function sharesOf(amounts: readonly number[]): number[] {
  const total = amounts.reduce((sum, value) => sum + value, 0)
  return amounts.map((value) => (total === 0 ? 0 : value / total))
}

/** Half of the sum of absolute differences: the part of the whole that went elsewhere, 0 … 1. */
export function shareDistance(now: readonly number[], before: readonly number[]): number {
  return now.reduce((sum, share, i) => sum + Math.abs(share - (before[i] ?? 0)) / 2, 0)
}

/**
 * Normalized discounted cumulative gain (Järvelin, Kekäläinen 2002) of the ranking by shares now, where a part is worth its share
 * before: 1 while the parts that mattered are still ranked first, less the higher up the ranking changed. NaN without parts.
 */
export function rankGain(now: readonly number[], before: readonly number[]): number {
  const gain = (by: readonly number[]): number =>
    by
      .map((_, i) => i)
      .sort((i, j) => by[j]! - by[i]! || i - j)
      .reduce((sum, part, place) => sum + (before[part] ?? 0) / Math.log2(place + 2), 0)
  return gain(now) / gain(before)
}

export interface MovedOptions {
  /** Chance that a distance above the limit comes about without a change, 0 … 1; not below 1 / (draws + 1). */
  readonly level: number
  readonly random: Prng
}

export interface MovedShares {
  readonly now: readonly number[]
  readonly before: readonly number[]
  readonly distance: number
  /** Distances above it have at most the chance `level` where nothing changed. */
  readonly limit: number
}

/** Draws of one call, and amounts added up for them: fewer draws are made of very many parts. */
const MOST_DRAWS = 1999
const LEAST_DRAWS = 499
const WORK = 20_000_000

/**
 * Tests whether the shares of two times differ by more than chance: the limit is the larger one of two that resample whole blocks, so
 * that rows of one block may depend on one another. A permutation (Fisher 1935; drawn as in Dwass 1957) deals the blocks anew: exact
 * where blocks may change places when nothing changed, however few they are. A wild bootstrap (Liu 1988) flips the sign of what each
 * block adds to the difference: it knows that a side of smaller blocks is less certain. Work grows with blocks × parts.
 */
export function movedShares(before: readonly Block[], now: readonly Block[], options: MovedOptions): MovedShares {
  const { level, random } = options
  const blocks = [...before, ...now]
  const parts = Math.max(0, ...blocks.map((block) => block.length))
  const shares = { now: sharesOf(sumOf(now, parts)), before: sharesOf(sumOf(before, parts)) }
  const few = Math.min(before.length, now.length)
  const pulled = [...pulls(before, shares.before), ...pulls(now, shares.now)]
  const work = Math.max(1, (few + pulled.length) * parts)
  const draws = Math.max(LEAST_DRAWS, Math.min(MOST_DRAWS, Math.floor(WORK / work)))
  const rank = Math.max(1, Math.floor(level * (draws + 1)))
  const dealt = deal(blocks, { few, parts, draws, random })
  const flipped = flip(pulled, { parts, draws, random })
  const limit = Math.max(largest(dealt, rank), largest(flipped, rank))
  return { ...shares, distance: shareDistance(shares.now, shares.before), limit }
}

/** The value of a rank, 1 for the largest. */
function largest(values: Float64Array, rank: number): number {
  return values.sort()[values.length - rank] ?? Number.NaN
}

/** Pulls of a side that signs are given to: neighbours beyond that share theirs. */
const MOST_PULLS = 48

/** How far each block pulls the shares of its side, to first order, made up for the sides' being measured by themselves. */
function pulls(blocks: readonly Block[], shares: readonly number[]): Float64Array[] {
  const total = sumOf(blocks, shares.length).reduce((sum, value) => sum + value, 0)
  const scale = Math.sqrt(blocks.length / Math.max(1, blocks.length - 1)) / (total === 0 ? 1 : total)
  const together = Math.ceil(blocks.length / MOST_PULLS)
  const pulled: Float64Array[] = []
  for (const [k, block] of blocks.entries()) {
    const mine = block.reduce((sum, value) => sum + value, 0)
    const pull = (pulled[Math.floor(k / together)] ??= new Float64Array(shares.length))
    for (const [i, share] of shares.entries()) pull[i]! += scale * ((block[i] ?? 0) - share * mine)
  }
  return pulled
}

/** Distances made of the blocks' pulls with signs at random. */
function flip(pulled: readonly Float64Array[], { parts, draws, random }: Omit<Deal, 'few'>): Float64Array {
  const moved = new Float64Array(parts)
  return Float64Array.from({ length: draws }, () => {
    moved.fill(0)
    for (const pull of pulled) {
      const sign = random.uint32() >>> 31 === 0 ? 0.5 : -0.5
      for (let i = 0; i < parts; i++) moved[i]! += sign * pull[i]!
    }
    let sum = 0
    for (let i = 0; i < parts; i++) sum += Math.abs(moved[i]!)
    return sum
  })
}

function sumOf(blocks: readonly Block[], parts: number): number[] {
  return Array.from({ length: parts }, (_, i) => blocks.reduce((sum, block) => sum + (block[i] ?? 0), 0))
}

interface Deal {
  readonly few: number
  readonly parts: number
  readonly draws: number
  readonly random: Prng
}

/** Distances of `few` blocks taken at random from the others. */
function deal(blocks: readonly Block[], { few, parts, draws, random }: Deal): Float64Array {
  const total = sumOf(blocks, parts)
  const order = blocks.map((_, i) => i)
  const taken = new Float64Array(parts)
  return Float64Array.from({ length: draws }, () => {
    taken.fill(0)
    for (let k = 0; k < few; k++) {
      const other = k + random.below(order.length - k)
      const index = order[other]!
      order[other] = order[k]!
      order[k] = index
      const block = blocks[index]!
      for (let i = 0; i < block.length; i++) taken[i]! += block[i]!
    }
    return distanceOfParts(taken, total)
  })
}

/** Distance of the shares of a part of the blocks from those of the rest. */
function distanceOfParts(taken: Float64Array, total: readonly number[]): number {
  let [mine, all] = [0, 0]
  for (const [i, value] of total.entries()) {
    mine += taken[i]!
    all += value
  }
  const [one, rest] = [mine === 0 ? 0 : 1 / mine, all === mine ? 0 : 1 / (all - mine)]
  let sum = 0
  for (const [i, value] of total.entries()) sum += Math.abs(taken[i]! * one - (value - taken[i]!) * rest)
  return sum / 2
}
