import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prng, type Prng } from '../../stats/prng.ts'
import { AGGREGATES, type Aggregate } from '../../contract/features/section.ts'
import {
  EMPTY_TILE,
  defaultStep,
  finishWindow,
  mergeTiles,
  tileOf,
  tileOfValue,
  windowStart,
  type Value,
} from './windows.ts'

const HOUR = 3_600_000_000_000n

test('a window begins on a multiple of its step, at or before its length ago, before 1970 too', () => {
  assert.equal(windowStart(100n, { over: 25n, step: 10n }), 70n)
  assert.equal(windowStart(100n, { over: 30n, step: 10n }), 70n)
  assert.equal(windowStart(-1n, { over: 5n, step: 10n }), -10n)
  assert.equal(tileOf(-10n, 10n), -10n)
  assert.equal(tileOf(-11n, 10n), -20n)
})

test('a window that names no step gets one of a twelfth of its length or less, from an hour on', () => {
  assert.deepEqual(
    [HOUR / 2n, HOUR, 12n * HOUR, 288n * HOUR].map((over) => Number(defaultStep(over) / 60_000_000_000n)),
    [1, 5, 60, 1440],
  )
})

/** What NumPy 2.4 says of 3, 1, 4, 1, 5, 9, 2, 6: mean, std with ddof=1, and quantiles 0, 0.3, 0.5, 0.99. */
test('aggregates are those of NumPy', () => {
  const of = (take: Aggregate, q = 0.5): Value =>
    finishWindow({ take, q }, tileOfAll(take, [3, 1, 4, 1, null, 5, 9, 2, 6]))
  assert.deepEqual(
    [of('count'), of('sum'), of('mean'), of('min'), of('max'), of('last'), of('distinct')],
    [8, 31, 3.875, 1, 9, 6, 7],
  )
  near(of('std'), 2.748_376_143_938_713)
  near(of('quantile', 0), 1)
  near(of('quantile', 0.3), 2.1)
  near(of('quantile'), 3.5)
  near(of('quantile', 0.99), 8.79)
})

test('of nothing a count is 0 and all others null; of one value there is no spread', () => {
  const none = AGGREGATES.map((take) => finishWindow({ take, q: 0.5 }, EMPTY_TILE))
  assert.deepEqual(none, [0, null, null, null, null, null, 0, null, null])
  assert.equal(finishWindow({ take: 'std', q: 0 }, tileOfAll('std', [4])), null)
})

test('a spread survives values that are large beside it', () => {
  near(finishWindow({ take: 'std', q: 0 }, tileOfAll('std', [1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16])), Math.sqrt(30))
})

test('NaN is greater than every number, texts and times have their order, true reckons as 1', () => {
  const of = (take: Aggregate, values: Value[]): Value => finishWindow({ take, q: 0.5 }, tileOfAll(take, values))
  assert.deepEqual([of('min', [Number.NaN, 2]), of('max', [2, Number.NaN])], [2, Number.NaN])
  assert.deepEqual([of('min', ['b', 'a']), of('max', [5n, 9_007_199_254_740_993n])], ['a', 9_007_199_254_740_993n])
  assert.deepEqual([of('mean', [true, false]), of('distinct', [Number.NaN, Number.NaN, 0])], [0.5, 2])
})

test('however rows are divided into tiles, and in whatever order these come, a window gives the same', () => {
  const random = prng(31)
  for (let round = 0; round < 2000; round++) {
    const values = Array.from({ length: random.below(12) }, () => (random.below(6) === 0 ? null : random.below(9) - 4))
    const stamps = values.map((_, i) => ({ event: BigInt(random.below(4)), created: 0n, arrival: BigInt(i) }))
    for (const take of AGGREGATES) {
      const tiles = values.map((value, i) => tileOfValue(take, value, stamps[i] ?? assert.fail()))
      const inOrder = finishWindow({ take, q: 0.7 }, tiles.reduce(mergeTiles, EMPTY_TILE))
      const asTree = finishWindow({ take, q: 0.7 }, merged(tiles, random))
      if (typeof inOrder === 'number') near(asTree, inOrder)
      else assert.equal(asTree, inOrder)
    }
  }
})

function tileOfAll(take: Aggregate, values: readonly Value[]) {
  return values
    .map((value, i) => tileOfValue(take, value, { event: BigInt(i), created: BigInt(i), arrival: BigInt(i) }))
    .reduce(mergeTiles, EMPTY_TILE)
}

/** Merges two of them at a time, which ones chance decides. */
function merged(tiles: readonly ReturnType<typeof tileOfAll>[], random: Prng): ReturnType<typeof tileOfAll> {
  const left = [...tiles]
  while (left.length > 1) {
    const [a] = left.splice(random.below(left.length), 1)
    const [b] = left.splice(random.below(left.length), 1)
    left.push(mergeTiles(a ?? assert.fail(), b ?? assert.fail()))
  }
  return left[0] ?? EMPTY_TILE
}

function near(got: Value, expected: number): void {
  assert.ok(
    typeof got === 'number' && Math.abs(got - expected) <= 1e-12 * Math.max(1, Math.abs(expected)),
    `${got} ≠ ${expected}`,
  )
}
