/** Shares that moved, with dice that a test loads: each deal and each sign worked out by hand. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { movedShares, rankGain, shareDistance, sharesOf } from './moved-shares.ts'
import type { Block } from './moved-shares.ts'
import { near, nearAll } from './near.fixture.ts'
import { prng } from './prng.ts'
import type { Prng } from './prng.ts'

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)

/** Amounts by part of some blocks together. */
function together(blocks: readonly Block[], parts: number): number[] {
  return Array.from({ length: parts }, (_, i) => sum(blocks.map((block) => block[i] ?? 0)))
}

/** The distances of `draws` deals of `few` blocks, with the same dice as the code, shuffled the same way. */
function dealt(blocks: readonly Block[], of: { few: number; parts: number; draws: number; random: Prng }): number[] {
  const order = blocks.map((_, i) => i)
  return Array.from({ length: of.draws }, () => {
    for (let k = 0; k < of.few; k++) {
      const other = k + of.random.below(order.length - k)
      const [a, b] = [order[k] ?? 0, order[other] ?? 0]
      order[k] = b
      order[other] = a
    }
    const taken = order.slice(0, of.few).map((i) => blocks[i] ?? [])
    const rest = order.slice(of.few).map((i) => blocks[i] ?? [])
    return shareDistance(sharesOf(together(taken, of.parts)), sharesOf(together(rest, of.parts)))
  })
}

/** How far each block (or each group of neighbours where there are more than 48) pulls the shares of its side. */
function pulls(side: readonly Block[], parts: number): number[][] {
  const amounts = together(side, parts)
  const [total, shares] = [sum(amounts), sharesOf(amounts)]
  const group = Math.ceil(side.length / 48)
  const scale = Math.sqrt(side.length / Math.max(1, side.length - 1)) / (total === 0 ? 1 : total)
  const each = side.map((block) => shares.map((share, i) => scale * ((block[i] ?? 0) - share * sum(block))))
  return Array.from({ length: Math.ceil(side.length / group) }, (_, g) =>
    together(each.slice(g * group, (g + 1) * group), parts),
  )
}

/** The larger of both limits. */
function limit(before: readonly Block[], now: readonly Block[], options: { level: number; random: Prng }): number {
  const parts = Math.max(...[...before, ...now].map((block) => block.length))
  const few = Math.min(before.length, now.length)
  const pulled = [...pulls(before, parts), ...pulls(now, parts)]
  const draws = Math.max(499, Math.min(1999, Math.floor(20_000_000 / ((few + pulled.length) * parts))))
  const { random, level } = options
  const rank = Math.max(1, Math.floor(level * (draws + 1)))
  const deals = dealt([...before, ...now], { few, parts, draws, random })
  const flips = Array.from({ length: draws }, () => {
    const signs = pulled.map(() => (random.uint32() < 2 ** 31 ? 0.5 : -0.5))
    return sum(
      Array.from({ length: parts }, (_, i) => Math.abs(sum(pulled.map((p, k) => (signs[k] ?? 0) * (p[i] ?? 0))))),
    )
  })
  const largest = (values: number[]): number => values.toSorted((a, b) => b - a)[rank - 1] ?? Number.NaN
  return Math.max(largest(deals), largest(flips))
}

function sides(seed: number, size: { before: number; now: number; parts: number }): [Block[], Block[]] {
  const random = prng(seed)
  const block = (): Block => Array.from({ length: size.parts }, (_, i) => random.uniform() * (i + 1))
  return [Array.from({ length: size.before }, block), Array.from({ length: size.now }, block)]
}

test('the limit is the larger one of two that resample blocks', () => {
  for (const [seed, before, now, parts, level] of [
    [1, 6, 4, 3, 0.1],
    [2, 3, 9, 2, 0.05],
    [3, 1, 1, 4, 0.2],
    [4, 100, 30, 3, 0.01],
    [5, 5, 5, 2, 1e-9],
  ] as const) {
    const [old, recent] = sides(seed, { before, now, parts })
    const found = movedShares(old, recent, { level, random: prng(seed) })
    near(found.limit, limit(old, recent, { level, random: prng(seed) }), 1e-9, String(seed))
    nearAll(found.now, sharesOf(together(recent, parts)))
    nearAll(found.before, sharesOf(together(old, parts)))
    near(found.distance, shareDistance(found.now, found.before))
  }
})

test('very many parts are resampled less often, 499 times at least', () => {
  let drawn = 0
  const random = prng(1)
  const counting: Prng = { ...random, below: (n) => (drawn++, random.below(n)) }
  const [old, recent] = sides(7, { before: 1, now: 1, parts: 5000 })
  movedShares(old, recent, { level: 0.1, random: counting })
  assert.equal(drawn, Math.floor(20_000_000 / (3 * 5000)))
  drawn = 0
  const [more, most] = sides(7, { before: 1, now: 1, parts: 20_000 })
  movedShares(more, most, { level: 0.1, random: counting })
  assert.equal(drawn, 499)
})

test('parts that a block does not name are none of it', () => {
  const found = movedShares([[1, 1], [2]], [[0, 0, 4]], { level: 0.5, random: prng(3) })
  nearAll(found.before, [0.75, 0.25, 0])
  nearAll(found.now, [0, 0, 1])
  assert.equal(found.distance, 1)
})

test('nothing at all is no distance and has no limit to pass', () => {
  const none = movedShares([[0, 0]], [[0, 0]], { level: 0.1, random: prng(1) })
  assert.deepEqual([none.distance, none.limit, none.now], [0, 0, [0, 0]])
  assert.equal(movedShares([], [], { level: 0.1, random: prng(1) }).distance, 0)
})

test('a distance counts parts that only one side names', () => {
  assert.equal(shareDistance([0.5, 0.5], [0.5]), 0.25)
  assert.equal(shareDistance([1], [1]), 0)
})

test('a ranking is as good as the gain of its places, ties in their order', () => {
  const gain = (order: readonly number[], worth: readonly number[]): number =>
    sum(order.map((part, place) => (worth[part] ?? 0) / Math.log2(place + 2)))
  const before = [0.5, 0.3, 0.2]
  near(rankGain([0.1, 0.2, 0.7], before), gain([2, 1, 0], before) / gain([0, 1, 2], before))
  near(rankGain([0.3, 0.3, 0.4], before), gain([2, 0, 1], before) / gain([0, 1, 2], before))
  assert.ok(Number.isNaN(rankGain([], [])))
})
