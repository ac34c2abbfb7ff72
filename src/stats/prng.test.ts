import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prng, splitmix64, xoshiro128 } from './prng.ts'

test('SplitMix64 gives the published sequence of seed 1234567', () => {
  assert.deepEqual(splitmix64(1234567n, 5), [
    6457827717110365317n,
    3203168211198807973n,
    9817491932198370423n,
    4593380528125082431n,
    16408922859458223821n,
  ])
})

test('xoshiro128** gives the published sequence of state 1, 2, 3, 4', () => {
  const next = xoshiro128([1, 2, 3, 4])
  const expected = [11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804]
  assert.deepEqual(Array.from({ length: 10 }, next), expected)
})

const draw = (seed: number): number[] => {
  const random = prng(seed)
  return [random.uniform(), random.normal(), random.normal(), random.below(1000)]
}

test('a seed fixes the sequence, another seed gives another', () => {
  assert.deepEqual(draw(7), draw(7))
  assert.notDeepEqual(draw(7), draw(8))
})

test('uniform and normal numbers have the right moments', () => {
  const random = prng(1)
  const n = 100_000
  let u = 0
  let x = 0
  let xx = 0
  for (let i = 0; i < n; i++) {
    u += random.uniform()
    const z = random.normal()
    x += z
    xx += z * z
  }
  assert.ok(Math.abs(u / n - 0.5) < 4 * Math.sqrt(1 / 12 / n))
  assert.ok(Math.abs(x / n) < 4 / Math.sqrt(n))
  assert.ok(Math.abs(xx / n - 1) < 4 * Math.sqrt(2 / n))
})

test('below fills its range evenly', () => {
  const random = prng(3)
  const counts = Array.from({ length: 10 }, () => 0)
  for (let i = 0; i < 50_000; i++) counts[random.below(10)]! += 1
  const chi2 = counts.reduce((sum, count) => sum + (count - 5000) ** 2 / 5000, 0)
  assert.ok(chi2 < 27.9, `chi2 ${chi2}`)
})

test('a generator is seeded by two words of SplitMix64, low halves first', () => {
  for (const seed of [0, 1, 7, 2 ** 31, 2 ** 40 + 3, -1]) {
    const [a = 0n, b = 0n] = splitmix64(BigInt(seed), 2)
    const halves = [a & 0xffffffffn, a >> 32n, b & 0xffffffffn, b >> 32n].map(Number) as [
      number,
      number,
      number,
      number,
    ]
    const [plain, random] = [xoshiro128(halves), prng(seed)]
    for (let i = 0; i < 20; i++) assert.equal(random.uint32(), plain() >>> 0)
  }
  assert.equal(prng(7.9).uint32(), prng(7).uint32())
})

test('a uniform number has 53 bits of two draws, the first above', () => {
  const [bits, random] = [prng(12), prng(12)]
  for (let i = 0; i < 50; i++) {
    const [high, low] = [BigInt(bits.uint32()), BigInt(bits.uint32())]
    const whole = ((high >> 5n) << 26n) | (low >> 6n)
    assert.equal(random.uniform(), Number(whole) / 2 ** 53)
  }
})

test('below scales a uniform number', () => {
  const [uniform, random] = [prng(5), prng(5)]
  for (const n of [1, 2, 10, 1000, 2 ** 32]) assert.equal(random.below(n), Math.floor(uniform.uniform() * n))
})

test('normal numbers come in pairs from a point in the unit circle (Marsaglia)', () => {
  const [uniform, random] = [prng(9), prng(9)]
  let refused = 0
  for (let i = 0; i < 200; i++) {
    let [u, v, s] = [0, 0, 0]
    do {
      u = 2 * uniform.uniform() - 1
      v = 2 * uniform.uniform() - 1
      s = u * u + v * v
      if (s >= 1) refused++
    } while (s >= 1 || s === 0)
    const factor = Math.sqrt((-2 * Math.log(s)) / s)
    assert.deepEqual([random.normal(), random.normal()], [u * factor, v * factor])
  }
  assert.ok(refused > 20, String(refused))
})
