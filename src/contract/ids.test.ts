/** Ids: their form, that they sort by time, and that no two are the same. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { makeIds } from './ids.ts'

/** Crockford's base 32, as its author writes it: no i, l, o, u. */
const CROCKFORD = '0123456789abcdefghjkmnpqrstvwxyz'

const NONE = (bytes: number): Uint8Array => new Uint8Array(bytes)

/** Reads the time of an id by the definition of a number in base 32. */
function timeOf(id: string): number {
  const digits = Array.from((id.split('_')[1] ?? '').slice(0, 10), (digit) => CROCKFORD.indexOf(digit))
  return digits.reduce((sum, digit) => sum * 32 + digit, 0)
}

test('an id is its prefix and 20 characters of the alphabet', () => {
  const ids = makeIds(Date.now, randomBytes)
  for (const prefix of ['run', 'p', 'attempt']) {
    const [before, after = '', ...more] = ids(prefix).split('_')
    assert.equal(before, prefix)
    assert.equal(after.length, 20)
    assert.match(after, new RegExp(`^[${CROCKFORD}]+$`))
    assert.deepEqual(more, [])
  }
})

test('its first ten characters are its time, up to the year 37648', () => {
  for (const ms of [0, 1, 31, 32, 1023, 1024, 1_777_766_400_000, 2 ** 40, 2 ** 50 - 1]) {
    assert.equal(timeOf(makeIds(() => ms, NONE)('x')), ms)
  }
})

test('ids of different times sort by time, as texts', () => {
  let now = 0
  const ids = makeIds(() => now, randomBytes)
  const times = [0, 1, 9, 10, 31, 32, 33, 1e3, 1e6, 1_699_999_999_999, 1_700_000_000_000, 1_700_000_000_001, 4e12]
  const made = times.map((at) => {
    now = at
    return ids('run')
  })
  assert.deepEqual(made.toSorted(), made)
})

test('100,000 ids of one moment differ', () => {
  const ids = makeIds(() => 1_777_766_400_000, randomBytes)
  const made = new Set(Array.from({ length: 100_000 }, () => ids('run')))
  assert.equal(made.size, 100_000)
})

test('the random part is asked for once an id, and every byte of it matters', () => {
  const asked: number[] = []
  const bytes = Uint8Array.from({ length: 10 }, () => 0)
  const ids = makeIds(
    () => 0,
    (size) => {
      asked.push(size)
      return bytes
    },
  )
  const zero = ids('x')
  for (let at = 0; at < bytes.length; at++) {
    bytes.fill(0)
    bytes[at] = 1
    assert.notEqual(ids('x'), zero, `byte ${at}`)
  }
  assert.ok(asked.every((size) => size === asked[0]))
  assert.ok((asked[0] ?? 0) * 5 >= 50, 'at least 50 random bits')
})

test('every letter comes up in the random part, each as often as the others', () => {
  let next = 0
  const all = makeIds(
    () => 0,
    (size) => Uint8Array.from({ length: size }, () => next++ % 256),
  )
  const counts = new Map<string, number>()
  // 128 ids of ten bytes are 5 rounds of all 256 values
  for (let at = 0; at < 128; at++) {
    for (const letter of all('x').slice(-10)) counts.set(letter, (counts.get(letter) ?? 0) + 1)
  }
  assert.equal(counts.size, 32)
  assert.deepEqual(new Set(counts.values()), new Set([40]))
})

test('a clock that goes back gives smaller ids, never the same', () => {
  let now = 1000
  const ids = makeIds(() => now, randomBytes)
  const before = ids('x')
  now = 999
  const after = ids('x')
  assert.ok(after < before)
})
