import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BUCKETS, bucket, hash32, hash53 } from './hash.ts'

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

/** The first two words of MurmurHash3 x86 128-bit with the seed 0, as `mmh3` of Python gives them. */
const WIDE: readonly [string, number, number][] = [
  ['', 0, 0],
  ['a', 0xa794933c, 0x5556b01b],
  ['abc', 0x75cdc6d1, 0xa2b006a5],
  ['test', 0x6f02ef30, 0x550c7d68],
  ['123456\u001f', 0x2689a080, 0x680ff94e],
  ['Hello, world!', 0x26acdba7, 0xf0638dfc],
  ['0123456789abcdef', 0xfb7d4409, 0x36aed30a],
  ['0123456789abcdefg', 0x7f1f9836, 0x516b3876],
  ['The quick brown fox jumps over the lazy dog', 0x2f1583c3, 0xecee2c67],
  ['ππππππππ', 0x2049b39a, 0x3346a1af],
]

test('53 bits are those of the published hash of 128, whatever was hashed before', () => {
  for (let round = 0; round < 2; round++) {
    for (const [text, one, two] of WIDE)
      assert.equal(hash53(text), one * 2 ** 21 + (two & 0x1fffff), JSON.stringify(text))
    hash53('x'.repeat(5000))
  }
})

test('a million ids have a million hashes of 53 bits', () => {
  const seen = new Set<number>()
  for (let id = 0; id < 1_000_000; id++) seen.add(hash53(`${id}\u001f`))
  assert.equal(seen.size, 1_000_000)
})

const MASK = 0xffffffffn

/** MurmurHash3 x86 32 in whole numbers, from its description. */
function murmur(text: string, seed: bigint): number {
  const bytes = Buffer.from(text, 'utf8')
  const rotate = (x: bigint, k: bigint): bigint => ((x << k) | (x >> (32n - k))) & MASK
  const scramble = (k: bigint): bigint => (rotate((k * 0xcc9e2d51n) & MASK, 15n) * 0x1b873593n) & MASK
  let h = seed
  const blocks = Math.floor(bytes.length / 4)
  for (let i = 0; i < blocks; i++) {
    h ^= scramble(BigInt(bytes.readUInt32LE(4 * i)))
    h = (rotate(h, 13n) * 5n + 0xe6546b64n) & MASK
  }
  let tail = 0n
  for (let i = bytes.length - 1; i >= 4 * blocks; i--) tail = (tail << 8n) | BigInt(bytes[i] ?? 0)
  h ^= scramble(tail)
  h ^= BigInt(bytes.length)
  h = ((h ^ (h >> 16n)) * 0x85ebca6bn) & MASK
  h = ((h ^ (h >> 13n)) * 0xc2b2ae35n) & MASK
  return Number(h ^ (h >> 16n))
}

test('texts of every length are hashed whole, those longer than the scratch buffer too', () => {
  const alphabet = 'aé漢😀z'
  for (const length of [1, 2, 3, 4, 5, 341, 342, 343, 1023, 1024, 1025, 4000, 7000, 7001]) {
    const text = alphabet.repeat(Math.ceil(length / 6)).slice(0, length)
    const well = text.isWellFormed() ? text : `${text.slice(0, -1)}x`
    for (const seed of [0, 0x9747b28c]) assert.equal(hash32(well, seed), murmur(well, BigInt(seed)), String(length))
    assert.equal(hash32('漢'.repeat(length)), murmur('漢'.repeat(length), 0n))
  }
})

test('a bucket is the hash of the key, seeded by that of the salt, scaled to ten thousand', () => {
  for (const [salt, key] of [
    ['flights', 'user-1'],
    ['', ''],
    ['loans', 'ü'],
  ] as const)
    assert.equal(bucket(salt, key), Math.floor((murmur(key, BigInt(murmur(salt, 0n))) / 2 ** 32) * 10_000))
  assert.equal(BUCKETS, 10_000)
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
