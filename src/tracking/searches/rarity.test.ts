/** The shorter way to a page of runs, held against the rule as it reads: compare both ways for each number of runs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prng } from '../../stats/prng.ts'
import { mostCounted, worthOfRuns } from './rarity.ts'

/** Runs looked at by the index, each for two, are fewer than those that a walk passes until it has found so many. */
function indexIsShorter(sizes: readonly number[], limit: number, runs: number): boolean {
  const share = sizes.reduce((product, size) => product * Math.min(1, size / runs), 1)
  return 2 * Math.min(...sizes) < Math.min(runs, limit / share)
}

test('property: with fewer runs the walk is as short, with these and more the index is shorter', () => {
  const random = prng(3)
  const upTo = (most: number): number => 1 + Math.floor(random.uniform() ** 3 * most)
  let [worth, not] = [0, 0]
  for (let round = 0; round < 2000; round++) {
    const sizes = Array.from({ length: upTo(4) }, () => upTo(20_000)).sort((one, other) => one - other)
    const limit = upTo(1000)
    const enough = worthOfRuns(sizes, limit)
    if (enough === undefined) {
      not++
      assert.ok(!indexIsShorter(sizes, limit, 500_000), `${sizes.join(' ')} for ${limit}`)
      continue
    }
    worth++
    for (const runs of [enough, enough + 1, enough + upTo(500_000)])
      assert.ok(indexIsShorter(sizes, limit, runs), `${sizes.join(' ')} for ${limit} of ${runs}`)
    for (const runs of [enough - 1, Math.floor(enough / 2)].filter((runs) => runs > 0))
      assert.ok(!indexIsShorter(sizes, limit, runs), `${sizes.join(' ')} for ${limit} of ${runs}`)
  }
  assert.ok(worth > 200 && not > 50, `${worth} and ${not}`)
})

test('property: one comparison with as many rows as are counted is never worth its index', () => {
  for (const limit of [1, 7, 100, 1000, 50_000]) {
    const most = mostCounted(1, limit)
    assert.ok(most <= 20_000)
    if (most < 20_000) assert.equal(worthOfRuns([most], limit), undefined)
    assert.ok(worthOfRuns([Math.floor(most * 0.99) - 1], limit) !== undefined, `${limit}: ${most}`)
  }
})

test('what nothing has is found by its index as soon as there is a run', () => {
  assert.equal(worthOfRuns([0], 100), 1)
  assert.equal(worthOfRuns([1], 100), 3)
})
