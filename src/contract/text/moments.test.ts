/** Texts of moments to the nanosecond, both ways. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { momentOf, momentText } from './moments.ts'

test('a text is read to the nanosecond, in its zone or in UTC', () => {
  for (const [text, moment] of [
    ['1970-01-01T00:00:00Z', 0n],
    ['1970-01-01', 0n],
    ['1970-01-01 00:00', 0n],
    ['1970-01-01T01:00:00+01:00', 0n],
    ['1970-01-01t00:00:00.5z', 500_000_000n],
    ['1969-12-31T23:59:59.999999999Z', -1n],
    ['2024-02-29T12:00:00.000000001+0530', 1_709_188_200_000_000_001n],
  ] as const)
    assert.equal(momentOf(text), moment, text)
})

test('what is no moment, or lies beyond 64 bits, is undefined', () => {
  for (const text of [
    '',
    'now',
    '2023-02-29',
    '2023-02-30T00:00:00Z',
    '2024-13-01',
    '1970-01-01T25:00:00Z',
    '1600-01-01',
    '2300-01-01',
    '1970-01-01T00:00:00.1234567890Z',
    '0',
  ])
    assert.equal(momentOf(text), undefined, text)
})

test('a moment is said with as many digits as it needs', () => {
  assert.equal(momentText(0n), '1970-01-01T00:00:00Z')
  assert.equal(momentText(-1n), '1969-12-31T23:59:59.999999999Z')
  assert.equal(momentText(1_500_000_000n), '1970-01-01T00:00:01.500Z')
  assert.equal(momentText(1_000_001_000n), '1970-01-01T00:00:01.000001Z')
  for (const moment of [-(2n ** 63n), 2n ** 63n - 1n, 1_709_188_200_000_000_001n])
    assert.equal(momentOf(momentText(moment)), moment)
})
