/** The limit of moved shares keeps its level on blocks where nothing changed, and changes pass it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { movedShares, rankGain, shareDistance, sharesOf } from './moved-shares.ts'
import type { Block } from './moved-shares.ts'
import { prng } from './prng.ts'
import type { Prng } from './prng.ts'

const USUAL = [0.4, 0.3, 0.2, 0.1]

/** An hour of rows: each part's amounts are exponential, and what the hour is like moves all of its rows together. */
function blockOf(random: Prng, shares: readonly number[], rows: number): Block {
  const like = shares.map(() => Math.exp(0.3 * random.normal()))
  return shares.map((share, i) =>
    Array.from({ length: rows }, () => -share * like[i]! * Math.log(1 - random.uniform())).reduce((a, b) => a + b, 0),
  )
}

const blocksOf = (random: Prng, count: number, of: { shares: readonly number[]; rows?: () => number }): Block[] =>
  Array.from({ length: count }, () => blockOf(random, of.shares, of.rows?.() ?? 10))

/** Share of trials above the limit of a level. */
function passed(trials: number, level: number, make: (random: Prng) => [before: Block[], now: Block[]]): number {
  const random = prng(11)
  let above = 0
  for (let i = 0; i < trials; i++) {
    const { distance, limit } = movedShares(...make(random), { level, random })
    if (distance > limit) above++
  }
  return above / trials
}

test('nothing changed: a distance passes its limit as often as its level says, of few and of uneven blocks too', () => {
  const uneven = (random: Prng) => (): number => 1 + random.below(60)
  const cases: Readonly<Record<string, (random: Prng) => [Block[], Block[]]>> = {
    'eight hours each': (r) => [blocksOf(r, 8, { shares: USUAL }), blocksOf(r, 8, { shares: USUAL })],
    'hours of 1 to 60 rows': (r) => [
      blocksOf(r, 48, { shares: USUAL, rows: uneven(r) }),
      blocksOf(r, 24, { shares: USUAL, rows: uneven(r) }),
    ],
  }
  for (const [what, make] of Object.entries(cases)) {
    // 200 trials: 0.1 ± 0.064 is three deviations
    const share = passed(200, 0.1, make)
    assert.ok(share > 0.03 && share < 0.17, `${what}: ${share}`)
  }
})

test('sides of unlike hours: where the new ones are smaller, or larger, the level still bounds the alarms', () => {
  const sides =
    (before: number, now: number) =>
    (r: Prng): [Block[], Block[]] => [
      blocksOf(r, 96, { shares: USUAL, rows: () => before }),
      blocksOf(r, 24, { shares: USUAL, rows: () => now }),
    ]
  for (const [before, now] of [
    [20, 2],
    [2, 20],
  ] as const) {
    const share = passed(150, 0.1, sides(before, now))
    assert.ok(share < 0.18, `${before} rows an hour, then ${now}: ${share}`)
  }
})

test('a small level holds: no alarm among a hundred looks at 1 in 2000', () => {
  const share = passed(120, 1 / 2000, (r) => [blocksOf(r, 40, { shares: USUAL }), blocksOf(r, 24, { shares: USUAL })])
  assert.ok(share <= 1 / 120, String(share))
})

test('a small level holds with the fewest hours of single rows, where signs at random alone would not hold it', () => {
  const few = (r: Prng): Block[] => blocksOf(r, 8, { shares: USUAL, rows: () => 1 })
  const share = passed(300, 0.005, (r) => [few(r), few(r)])
  assert.ok(share <= 0.02, String(share))
})

test('a change is found at 1 in 2000: 0.15 of the whole that went elsewhere nearly always, a tenth mostly', () => {
  const found = (moved: readonly number[]): number =>
    passed(50, 1 / 2000, (r) => [blocksOf(r, 96, { shares: USUAL }), blocksOf(r, 24, { shares: moved })])
  const [large, small] = [found([0.25, 0.3, 0.2, 0.25]), found([0.3, 0.3, 0.2, 0.2])]
  assert.ok(large >= 0.95 && small >= 0.5, `${large} and ${small}`)
})

test('more rows, a nearer limit; one seed gives one limit', () => {
  const of = (rows: number): number => {
    const random = prng(5)
    const make = (count: number): Block[] =>
      Array.from({ length: count }, () => blocksOf(random, 1, { shares: USUAL, rows: () => rows })[0]!)
    return movedShares(make(96), make(24), { level: 0.001, random }).limit
  }
  assert.equal(of(5), of(5))
  assert.ok(of(1) > of(40), `${of(1)} of single rows, ${of(40)} of forty`)
})

test('distance and rank gain by hand', () => {
  assert.deepEqual(sharesOf([3, 1, 0]), [0.75, 0.25, 0])
  assert.deepEqual(sharesOf([0, 0]), [0, 0])
  assert.equal(shareDistance([0.75, 0.25], [0.25, 0.75]), 0.5)
  assert.equal(rankGain([0.6, 0.4], [0.9, 0.1]), 1, 'the same order')
  const swapped = (0.1 + 0.9 / Math.log2(3)) / (0.9 + 0.1 / Math.log2(3))
  assert.ok(Math.abs(rankGain([0.4, 0.6], [0.9, 0.1]) - swapped) < 1e-12)
  const { now, before, distance } = movedShares(
    [
      [1, 3],
      [2, 0],
    ],
    [[0, 2]],
    { level: 0.05, random: prng(1) },
  )
  assert.deepEqual([now, before, distance], [[0, 1], [0.5, 0.5], 0.5])
})
