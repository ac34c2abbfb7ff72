import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BUCKETS, bucket, hash32 } from './hash.ts'

const VECTORS: readonly [string, number, number][] = [
  ['', 0, 0],
  ['', 1, 0x514e28b7],
  ['', 0xffffffff, 0x81f16f39],
  ['test', 0, 0xba6bd213],
  ['test', 0x9747b28c, 0x704b81dc],
  ['Hello, world!', 0, 0xc0363e43],
  ['Hello, world!', 0x9747b28c, 0x24884cba],
  ['The quick brown fox jumps over the lazy dog', 0, 0x2e4ff723],
  ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
  ['a', 0x9747b28c, 0x7fa09ea6],
  ['ab', 0x9747b28c, 0x74875592],
  ['abc', 0x9747b28c, 0xc84a62dd],
  ['abcd', 0x9747b28c, 0xf0478627],
  ['ππππππππ', 0x9747b28c, 0xd58063c1],
]

test('the hash gives the published MurmurHash3 values', () => {
  for (const [text, seed, expected] of VECTORS) assert.equal(hash32(text, seed), expected, JSON.stringify([text, seed]))
})

test('texts longer than the scratch buffer are hashed whole', () => {
  const long = 'é'.repeat(5000)
  assert.notEqual(hash32(`${long}a`), hash32(`${long}b`))
  assert.equal(hash32(`${long}a`), hash32(`${long}a`))
})

test('buckets are sticky, evenly filled, and independent between salts', () => {
  const weight = 1000
  const n = 40_000
  let first = 0
  let both = 0
  for (let i = 0; i < n; i++) {
    const key = `user-${i}`
    const b = bucket('flights', key)
    assert.ok(Number.isInteger(b) && b >= 0 && b < BUCKETS)
    if (b < weight) first += 1
    if (b < weight && bucket('loans', key) < weight) both += 1
  }
  assert.ok(Math.abs(first / n - 0.1) < 4 * Math.sqrt(0.09 / n), `${first}`)
  assert.ok(Math.abs(both / n - 0.01) < 4 * Math.sqrt(0.0099 / n), `${both}`)
  assert.equal(bucket('flights', 'user-1'), bucket('flights', 'user-1'))
})

test('salt and key are not simply joined', () => {
  assert.notEqual(bucket('a', 'bc'), bucket('ab', 'c'))
})
