/** Money, tokens and ranges of language models as they are written. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dollarMoney, microDuration, nanoMoney, shareOf, shortCount } from './amounts.ts'
import { errorsOf } from './outcomes.ts'
import { rangeSince } from './ranges.ts'

test('nanodollars are dollars with cents, and below ten cents with two digits that matter', () => {
  const written: readonly (readonly [nano: number | null, text: string])[] = [
    [null, '–'],
    [0, '$0.00'],
    [1, '$0.000000001'],
    [588_800, '$0.00059'],
    [99_990_000, '$0.10'],
    [1_500_000_000, '$1.50'],
    [1_204_500_000_000, '$1,204.50'],
  ]
  for (const [nano, text] of written) assert.equal(nanoMoney(nano), text)
  assert.equal(dollarMoney('1068.4'), '$1,068.40')
  assert.equal(dollarMoney(null), '–')
})

test('large counts are cut to three digits, rounded into the unit that they then have', () => {
  const written: readonly (readonly [n: number | null, text: string])[] = [
    [null, '–'],
    [0, '0'],
    [99_999, '99,999'],
    [100_000, '100 k'],
    [999_900, '1 M'],
    [317_282_400, '317 M'],
    [12_345_000_000, '12.3 G'],
  ]
  for (const [n, text] of written) assert.equal(shortCount(n), text)
})

test('a share of nothing is none', () => {
  assert.equal(shareOf(0, 0), null)
  assert.equal(shareOf(1, 4), 0.25)
  assert.equal(microDuration(null), '–')
  assert.equal(microDuration(412_080), '412 ms')
})

test('what a limit refused and a client gave up are no errors', () => {
  assert.equal(errorsOf({ outcomes: { ok: 5, refused: 7, failed: 1, aborted: 9, cut: 2, lost: 3 } }), 6)
})

test('a range begins its length before now', () => {
  assert.equal(rangeSince('7d', Date.parse('2026-03-10T06:00:00Z')), '2026-03-03T06:00:00.000Z')
})
