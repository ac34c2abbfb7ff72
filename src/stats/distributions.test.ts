/** Tails and quantiles against sums, integrals and tables. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as d from './distributions.ts'
import { near } from './near.fixture.ts'

/** ln n! as a sum. */
function logFactorial(n: number): number {
  let sum = 0
  for (let k = 2; k <= n; k++) sum += Math.log(k)
  return sum
}

test('log gamma of whole numbers and halves, of small and large arguments', () => {
  for (const n of [3, 4, 5, 6, 8, 10, 17, 30, 100, 171]) near(d.logGamma(n), logFactorial(n - 1), 1e-13, String(n))
  assert.ok(Math.abs(d.logGamma(1)) < 1e-14 && Math.abs(d.logGamma(2)) < 1e-14)
  near(d.logGamma(0.5), Math.log(Math.sqrt(Math.PI)), 1e-13)
  near(d.logGamma(1.5), Math.log(Math.sqrt(Math.PI) / 2), 1e-13)
  near(d.logGamma(100.5), 361.43554046777757, 1e-13)
  near(d.logGamma(0.1), 2.252712651734206, 1e-13)
  near(d.logGamma(0.49), 0.592249629335267, 1e-12)
})

test('log gamma keeps Γ(x + 1) = x Γ(x) and Γ(x) Γ(1 − x) = π / sin πx', () => {
  for (const x of [0.01, 0.2, 0.499, 0.5, 0.7, 2.3, 12.8])
    near(d.logGamma(x + 1), d.logGamma(x) + Math.log(x), 1e-11, String(x))
  for (const x of [0.01, 0.3, 0.45])
    near(d.logGamma(x) + d.logGamma(1 - x), Math.log(Math.PI / Math.sin(Math.PI * x)), 1e-12)
})

/** Φ(z) by Simpson's rule from 0. */
function normal(z: number): number {
  const steps = 4000
  const h = z / steps
  let sum = 0
  for (let i = 0; i <= steps; i++) {
    const weight = i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2
    sum += weight * Math.exp(-0.5 * (i * h) ** 2)
  }
  return 0.5 + (sum * h) / 3 / Math.sqrt(2 * Math.PI)
}

test('the normal distribution is the integral of its density, on both sides', () => {
  for (const z of [-5, -3, -1.7, -0.9, -0.1, 0, 0.05, 0.5, 1, 1.2, 1.8, 2.5, 4, 6]) {
    near(d.normalCdf(z), normal(z), z < -4 ? 1e-5 : 1e-9, String(z))
    near(d.normalTwoSided(z), 2 * normal(-Math.abs(z)), Math.abs(z) > 4 ? 1e-5 : 1e-10, String(z))
  }
  near(d.normalCdf(1.959963984540054), 0.975, 1e-13)
  near(d.normalCdf(-8), 6.22096057427178e-16, 1e-9)
  near(d.normalTwoSided(10), 1.523970604832105e-23, 1e-9)
  assert.equal(d.normalTwoSided(0), 1)
  assert.deepEqual([d.normalCdf(Infinity), d.normalCdf(-Infinity)], [1, 0])
})

test('a quantile is where the distribution reaches its probability', () => {
  near(d.normalQuantile(0.975), 1.959963984540054, 1e-12)
  near(d.normalQuantile(0.995), 2.5758293035489004, 1e-12)
  near(d.normalQuantile(0.05), -1.6448536269514722, 1e-12)
  near(d.normalQuantile(1e-10), -6.361340902404056, 1e-9)
  assert.ok(Math.abs(d.normalQuantile(0.5)) < 1e-12)
})

/** P(X ≥ k) as a sum of the probabilities above. */
function tail(k: number, n: number, p: number): number {
  let sum = 0
  for (let i = n; i >= k; i--)
    sum += Math.exp(
      logFactorial(n) - logFactorial(i) - logFactorial(n - i) + i * Math.log(p) + (n - i) * Math.log(1 - p),
    )
  return sum
}

test('binomial tails are sums of binomial probabilities', () => {
  for (const n of [1, 2, 10, 57, 299, 300])
    for (const p of [0.02, 0.25, 0.3, 0.5, 0.9, 0.99])
      for (const k of [1, 2, 3, Math.floor(n / 4), Math.floor(n / 2), n - 1, n])
        if (k >= 1 && k <= n) near(d.binomialTail(k, n, p), tail(k, n, p), 1e-9, `${k} of ${n} at ${p}`)
  near(d.binomialTail(8, 10, 0.5), 56 / 1024, 1e-13)
  near(d.binomialTail(1, 200, 0.01), 1 - 0.99 ** 200, 1e-12)
})

test('no less than none is certain, more than all is impossible, and so are the ends of a rate', () => {
  assert.deepEqual([d.binomialTail(0, 10, 0.5), d.binomialTail(-1, 10, 0.5), d.binomialTail(11, 10, 0.5)], [1, 1, 0])
  assert.deepEqual([d.binomialTail(3, 10, 0), d.binomialTail(3, 10, 1)], [0, 1])
  near(d.binomialTail(10, 10, 0.5), 1 / 1024, 1e-13)
})
