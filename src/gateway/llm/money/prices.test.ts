/** What calls cost and may cost at most, against sums that are written out by hand or made of exact fractions. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { property } from '../../../../test/web/seeded.ts'
import type { Usage } from '../records/record.ts'
import type { PriceRoute } from '../../table/llm.ts'
import { boundOf, costOf } from './prices.ts'

const FREE: PriceRoute = { id: 'p', input: 0, output: 0, cache_read: null, cache_write: null, request: 0, tiers: [] }
const NOTHING: Usage = { input: 0, output: 0, cache_read: 0, cache_write: 0, reasoning: 0 }
/** 2.50, 10, 1.25 and 3.75 dollars a million tokens. */
const SET: PriceRoute = {
  ...FREE,
  input: 2_500_000,
  output: 10_000_000,
  cache_read: 1_250_000,
  cache_write: 3_750_000,
}

test('plain input, cached input, written input and output have their prices', () => {
  // 500 × 2.5 + 400 × 1.25 + 100 × 3.75 + 200 × 10 = 4125 millionths of a dollar
  const usage = { input: 1000, output: 200, cache_read: 400, cache_write: 100, reasoning: 150 }
  assert.equal(costOf(usage, SET), 4_125_000)
  // without prices of their own: 1000 × 2.5 + 200 × 10
  assert.equal(costOf(usage, { ...SET, cache_read: null, cache_write: null }), 4_500_000)
  // a price of 0 is a price
  assert.equal(costOf(usage, { ...SET, cache_read: 0, cache_write: 0 }), 500 * 2500 + 200 * 10_000)
})

test('a request has a price, also without tokens', () => {
  assert.equal(costOf(NOTHING, { ...SET, request: 5_000_000 }), 5_000_000)
  assert.equal(costOf({ ...NOTHING, output: 1 }, { ...SET, request: 7 }), 10_007)
  assert.equal(costOf(NOTHING, SET), 0)
})

test('the sum is rounded once, half of a nanodollar upwards', () => {
  const rounded = (input: number, output: number, tokens = { input: 1, output: 1 }): number =>
    costOf({ ...NOTHING, ...tokens }, { ...FREE, input, output })
  assert.equal(rounded(499, 0), 0)
  assert.equal(rounded(500, 0), 1)
  assert.equal(rounded(1499, 0), 1)
  assert.equal(rounded(1500, 0), 2)
  assert.equal(rounded(500, 500), 1, 'each alone would be 1')
  assert.equal(rounded(499, 1), 1, 'each alone would be 0')
})

test('sums beyond 53 bits are exact', () => {
  // 123456789 × 75000001 + 710 = 9259259298457499 picodollars, which as a number would be …500
  const usage = { ...NOTHING, input: 123_456_789, output: 710 }
  assert.equal(costOf(usage, { ...FREE, input: 75_000_001, output: 1 }), 9_259_259_298_457)
})

test('more input tokens than a tier begins above make its prices those of all tokens', () => {
  const price: PriceRoute = {
    ...SET,
    tiers: [
      { above: 200_000, input: 5_000_000, output: 20_000_000, cache_read: null, cache_write: 6_000_000 },
      { above: 500_000, input: 7_000_000, output: 30_000_000, cache_read: 2_000_000, cache_write: null },
    ],
  }
  const cost = (input: number): number =>
    costOf({ input, output: 10, cache_read: 1000, cache_write: 100, reasoning: 0 }, price)
  assert.equal(cost(200_000), 198_900 * 2500 + 1000 * 1250 + 100 * 3750 + 10 * 10_000)
  assert.equal(cost(200_001), 198_901 * 5000 + 1000 * 5000 + 100 * 6000 + 10 * 20_000, 'cached as its own input')
  assert.equal(cost(500_000), 498_900 * 5000 + 1000 * 5000 + 100 * 6000 + 10 * 20_000)
  assert.equal(cost(500_001), 498_901 * 7000 + 1000 * 2000 + 100 * 7000 + 10 * 30_000)
})

test('usage that cannot be is paid for as far as it says something', () => {
  const cost = (usage: Partial<Usage>): number => costOf({ ...NOTHING, ...usage }, SET)
  assert.equal(cost({ input: -5, output: Number.NaN }), 0)
  assert.equal(cost({ input: 0.2 }), 2500, 'a part is a whole token')
  assert.equal(cost({ input: 10, cache_read: 30 }), 30 * 1250, 'no less than what came from the cache')
  assert.equal(cost({ output: Infinity }), Number.MAX_SAFE_INTEGER)
  assert.equal(cost({ output: 1e300 }), Number.MAX_SAFE_INTEGER)
})

test('the bound takes a token a byte at the dearest price, and all choices at their longest', () => {
  const ask = { inputBytes: 1000, maxOutput: 200, choices: 3 }
  // written input is the dearest
  assert.equal(boundOf(ask, SET), 1000 * 3750 + 600 * 10_000)
  assert.equal(boundOf(ask, { ...SET, cache_write: null }), 1000 * 2500 + 600 * 10_000)
  assert.equal(boundOf({ ...ask, extraInput: 50 }, { ...SET, request: 9 }), 1050 * 3750 + 600 * 10_000 + 9)
  assert.equal(boundOf({ inputBytes: 1, maxOutput: 0, choices: 1 }, { ...FREE, input: 1 }), 1, 'rounded up')
  assert.equal(boundOf({ inputBytes: 1, maxOutput: 1e12, choices: 1e12 }, SET), Number.MAX_SAFE_INTEGER)
})

test('the bound takes the dearest of the tiers that so many bytes could reach', () => {
  const tier = { cache_read: null, cache_write: null }
  const tiers = [
    { above: 1000, input: 9_000_000, output: 1_000_000, ...tier },
    { above: 2000, input: 1_000_000, output: 50_000_000, ...tier },
  ]
  const bound = (inputBytes: number): number =>
    boundOf({ inputBytes, maxOutput: 10, choices: 1 }, { ...SET, cache_write: null, tiers })
  assert.equal(bound(1000), 1000 * 2500 + 10 * 10_000)
  assert.equal(bound(1001), 1001 * 9000 + 10 * 10_000)
  assert.equal(bound(2001), 2001 * 9000 + 10 * 50_000)
})

test('no call that keeps to its body and its limits costs more than its bound', () => {
  property(2000, (random) => {
    const upTo = (most: number): number => random.int(0, most)
    const maybe = (most: number): number | null => (random.chance(0.5) ? null : upTo(most))
    const rates = () => ({ input: upTo(9999), output: upTo(9999), cache_read: maybe(9999), cache_write: maybe(9999) })
    const tiers = [10, 40].filter(() => random.chance(0.7)).map((above) => ({ above, ...rates() }))
    const price: PriceRoute = { id: 'p', ...rates(), request: upTo(5), tiers }
    const ask = { inputBytes: upTo(60), maxOutput: upTo(20), choices: 1 + upTo(3), extraInput: upTo(5) }
    const input = upTo(ask.inputBytes + ask.extraInput)
    const cache_read = upTo(input)
    const usage: Usage = {
      input,
      output: upTo(ask.maxOutput * ask.choices),
      cache_read,
      cache_write: upTo(input - cache_read),
      reasoning: 0,
    }
    const told = JSON.stringify({ price, ask, usage })
    assert.ok(costOf(usage, price) <= boundOf(ask, price), told)
    // the oracle: sums of exact picodollars, divided at last
    const at = tiers.findLast(({ above }) => input > above) ?? price
    const pico =
      (input - cache_read - usage.cache_write) * at.input +
      cache_read * (at.cache_read ?? at.input) +
      usage.cache_write * (at.cache_write ?? at.input) +
      usage.output * at.output
    const rest = pico % 1000
    assert.equal(costOf(usage, price), price.request + (pico - rest) / 1000 + (rest >= 500 ? 1 : 0), told)
  })
})
