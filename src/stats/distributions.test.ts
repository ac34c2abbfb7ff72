import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as d from './distributions.ts'

/** Asserts equality up to a relative error. */
function near(actual: number, expected: number, relative = 1e-10): void {
  assert.ok(Math.abs(actual - expected) <= relative * Math.abs(expected) + 1e-300, `${actual} is not ${expected}`)
}

test('log gamma at known points', () => {
  near(d.logGamma(5), Math.log(24))
  near(d.logGamma(0.5), Math.log(Math.sqrt(Math.PI)))
  near(d.logGamma(100.5), 361.43554046777757)
})

test('normal distribution', () => {
  near(d.normalCdf(1.959963984540054), 0.975)
  near(d.normalCdf(-8), 6.22096057427178e-16, 1e-6)
  near(d.normalQuantile(0.995), 2.5758293035489004)
  near(d.normalTwoSided(-2.238868), 0.0251645, 1e-5)
})

test('binomial tails', () => {
  near(d.binomialTail(8, 10, 0.5), 56 / 1024)
  near(d.binomialTail(1, 200, 0.01), 1 - 0.99 ** 200)
  assert.equal(d.binomialTail(11, 10, 0.5), 0)
})
