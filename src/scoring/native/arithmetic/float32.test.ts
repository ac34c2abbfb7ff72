import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exp32, sigmoid32 } from './float32.ts'

/** expf of glibc 2.36 on x86-64, where it differs from the exponential rounded to the nearest float32. */
const EXPF: [number, number][] = [
  [2.4844696521759033, 11.994757652282715],
  [2.5617685317993164, 12.958715438842773],
  [0.6631942987442017, 1.9409825801849365],
  [3.200392961502075, 24.542173385620117],
  [4.132403373718262, 62.32754135131836],
  [-1.198650598526001, 0.30160093307495117],
  [-2.2369253635406494, 0.1067863330245018],
  [-7.264807224273682, 0.0006997361779212952],
]

test('the exponential gives the bits of the C library', () => {
  for (const [x, want] of EXPF) {
    assert.equal(exp32(x), want)
    assert.notEqual(Math.fround(Math.exp(x)), want)
  }
  assert.ok(EXPF.length > 4)
})

test('the ends of the range', () => {
  assert.equal(exp32(0), 1)
  assert.equal(exp32(-0), 1)
  assert.equal(exp32(89), Infinity)
  assert.equal(exp32(-104), 0)
  assert.equal(exp32(-Infinity), 0)
  assert.equal(exp32(Infinity), Infinity)
  assert.ok(Number.isNaN(exp32(NaN)))
  assert.equal(sigmoid32(0), 0.5)
  assert.equal(sigmoid32(1000), 1)
  assert.ok(sigmoid32(-1000) > 0 && sigmoid32(-1000) < 1e-38)
})
