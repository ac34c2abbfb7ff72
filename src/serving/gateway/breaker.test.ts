import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bucket } from '../../stats/hash.ts'
import { prng } from '../../stats/prng.ts'
import { BREAKER } from '../table.ts'
import { Breaker } from './breaker.ts'

function feed(outcomes: readonly boolean[]): { at: number | null; breaker: Breaker } {
  const breaker = new Breaker(BREAKER)
  for (const [i, ok] of outcomes.entries()) if (breaker.record(ok)) return { at: i + 1, breaker }
  return { at: null, breaker }
}

test('three failures in a row trip at once', () => {
  const { at, breaker } = feed([true, true, false, false, false, true])
  assert.equal(at, 5)
  assert.match(breaker.reason ?? '', /3 requests in a row failed/)
})

test('one failure in five trips by rate, within 25 requests', () => {
  const { at, breaker } = feed(Array.from({ length: 200 }, (_, i) => i % 5 !== 4))
  assert.equal(at, 25)
  assert.match(breaker.reason ?? '', /5 of the last 25 requests failed/)
})

test('a rare failure never trips, however long it goes on', () => {
  assert.equal(feed(Array.from({ length: 100_000 }, (_, i) => i % 40 !== 0)).at, null)
})

test('old failures leave the window', () => {
  const outcomes = [
    ...Array.from({ length: 4 }, (_, i) => i % 2 === 0),
    ...Array.from({ length: 60 }, () => true),
    ...Array.from({ length: 8 }, (_, i) => i % 2 === 0),
  ]
  assert.equal(feed(outcomes).at, null)
})

test('a tripped breaker stays so and tells it once', () => {
  const { breaker } = feed([false, false, false])
  assert.notEqual(breaker.reason, null)
  assert.equal(breaker.record(false), false)
  for (let i = 0; i < 1000; i++) breaker.record(true)
  assert.notEqual(breaker.reason, null)
})

test('a canary of one request in five failing at random is caught in a median below 25 requests', () => {
  const chance = prng(7)
  const caught = Array.from(
    { length: 400 },
    () => feed(Array.from({ length: 300 }, () => chance.uniform() >= 0.2)).at ?? Infinity,
  )
  caught.sort((a, b) => a - b)
  assert.ok((caught[200] ?? Infinity) <= 25, `median ${caught[200]}`)
  assert.ok((caught[399] ?? Infinity) < 150, `worst ${caught[399]}`)
})

test('buckets split keys evenly and independently by salt', () => {
  const share = (salt: string): number =>
    Array.from({ length: 20_000 }, (_, i) => bucket(salt, `user-${i}`)).filter((b) => b < 1000).length / 20_000
  assert.ok(Math.abs(share('a') - 0.1) < 0.01)
  const both = Array.from({ length: 20_000 }, (_, i) => bucket('a', `u${i}`) < 1000 && bucket('b', `u${i}`) < 1000)
  assert.ok(Math.abs(both.filter(Boolean).length / 20_000 - 0.01) < 0.004)
})
