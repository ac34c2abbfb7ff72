import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bucket } from '../../stats/hash.ts'
import { prng } from '../../stats/prng.ts'
import { BREAKER } from '../table/table.ts'
import { Breaker } from './breaker.ts'

function feed(outcomes: readonly boolean[]): { at: number | null; breaker: Breaker } {
  const breaker = new Breaker(BREAKER)
  for (const [i, ok] of outcomes.entries()) if (breaker.record(ok)) return { at: i + 1, breaker }
  return { at: null, breaker }
}

test('a canary that always fails trips within four requests, and one that begins to later within seven', () => {
  const { at, breaker } = feed([false, false, false, false])
  assert.ok(at !== null && at <= 4, String(at))
  assert.match(breaker.reason ?? '', /^\d requests in a row failed \(at most 2 % is allowed, e-value/)
  const late = feed(Array.from({ length: 3000 }, (_, i) => i < 2000))
  assert.ok(late.at !== null && late.at <= 2007, String(late.at))
})

test('one failure in five trips within 50 requests', () => {
  const { at, breaker } = feed(Array.from({ length: 200 }, (_, i) => i % 5 !== 4))
  assert.ok(at !== null && at <= 50, String(at))
  assert.match(breaker.reason ?? '', /\d+ of \d+ requests failed/)
})

test('a canary that was well for 5,000 requests and then fails every third trips within 60', () => {
  const { at } = feed(Array.from({ length: 5200 }, (_, i) => i < 5000 || i % 3 !== 0))
  assert.ok(at !== null && at > 5000 && at <= 5060, String(at))
})

test('a rare failure never trips, however long it goes on', () => {
  assert.equal(feed(Array.from({ length: 100_000 }, (_, i) => i % 60 !== 0)).at, null)
})

test('chance trips no more often than alpha: at most 3 of 600 canaries at the limit, over 3,000 requests', () => {
  const chance = prng(11)
  const canary = () => feed(Array.from({ length: 3000 }, () => chance.uniform() >= BREAKER.limit)).at
  assert.ok(Array.from({ length: 600 }, canary).filter((at) => at !== null).length <= 3)
})

test('a tripped breaker stays so and tells it once', () => {
  const { breaker } = feed([false, false, false])
  assert.notEqual(breaker.reason, null)
  assert.equal(breaker.record(false), false)
  for (let i = 0; i < 1000; i++) breaker.record(true)
  assert.notEqual(breaker.reason, null)
})

test('a canary of one request in five failing at random is caught in a median below 40 requests', () => {
  const chance = prng(7)
  const caught = Array.from(
    { length: 400 },
    () => feed(Array.from({ length: 400 }, () => chance.uniform() >= 0.2)).at ?? Infinity,
  )
  caught.sort((a, b) => a - b)
  assert.ok((caught[200] ?? Infinity) <= 40, `median ${caught[200]}`)
  assert.ok((caught[380] ?? Infinity) < 120, `95 in 100: ${caught[380]}`)
})

test('a process that outgrows its memory trips it once; those of before it was made do not', () => {
  const breaker = new Breaker(BREAKER, 2)
  assert.equal(breaker.outgrew({ times: 2, reason: 'before' }), false)
  assert.equal(breaker.reason, null)
  assert.equal(breaker.outgrew({ times: 3, reason: 'since' }), true)
  assert.equal(breaker.outgrew({ times: 4, reason: 'again' }), false)
  assert.equal(breaker.reason, 'since')
})

test('buckets split keys evenly and independently by salt', () => {
  const share = (salt: string): number =>
    Array.from({ length: 20_000 }, (_, i) => bucket(salt, `user-${i}`)).filter((b) => b < 1000).length / 20_000
  assert.ok(Math.abs(share('a') - 0.1) < 0.01)
  const both = Array.from({ length: 20_000 }, (_, i) => bucket('a', `u${i}`) < 1000 && bucket('b', `u${i}`) < 1000)
  assert.ok(Math.abs(both.filter(Boolean).length / 20_000 - 0.01) < 0.004)
})
