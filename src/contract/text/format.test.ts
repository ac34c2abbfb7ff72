/** How numbers, money and times are written. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ago,
  bytes,
  count,
  duration,
  eventTime,
  figure,
  interval,
  money,
  percent,
  plural,
  sentence,
  weight,
} from './format.ts'

test('figures keep what matters and say what is missing', () => {
  assert.deepEqual(
    [0.771234, 1234, 0, 12_345_678, 0.00001234, -0.5, null, undefined, 'NaN' as const].map((value) => figure(value)),
    ['0.7712', '1,234', '0', '1.23e+7', '1.23e-5', '-0.5', '–', '–', 'NaN'],
  )
  assert.deepEqual(
    [figure(1_234_567.8, 6), figure(Number.MAX_VALUE, 6), figure(-Infinity), figure(1.23456789e-12, 6)],
    ['1.23457e+6', '∞', '-∞', '1.23457e-12'],
  )
  assert.equal(interval([0.7049, 0.79111]), '[0.705, 0.791]')
  assert.equal(interval(null), '–')
  assert.deepEqual(
    [count(4182), count(null), plural(1, 'row'), plural(4182, 'row')],
    ['4,182', '–', '1 row', '4,182 rows'],
  )
})

test('shares and weights are per cent', () => {
  assert.deepEqual(
    [percent(0.0834), percent(1), percent(null), weight(500), weight(3333)],
    ['8.3 %', '100 %', '–', '5 %', '33.33 %'],
  )
})

test('durations use the two units that matter', () => {
  assert.deepEqual(
    [0.214, 61.4, 4200, 60_000, 185_000, 3_600_000, 7_500_000, 187_200_000, null].map((ms) => duration(ms)),
    ['0.21 ms', '61 ms', '4.2 s', '1 min', '3 min 5 s', '1 h', '2 h 5 min', '2 d 4 h', '–'],
  )
})

test('sizes and money', () => {
  assert.deepEqual([bytes(0), bytes(1240), bytes(734_003_200), bytes(null)], ['0 B', '1.21 KiB', '700 MiB', '–'])
  assert.deepEqual(
    [money(2_460_000), money(200_000), money(41), money(0), money(null)],
    ['$2.46', '$0.20', '$0.000041', '$0.00', '–'],
  )
})

test('times are relative, and event time is in UTC', () => {
  const now = Date.parse('2026-05-03T10:00:00Z')
  assert.deepEqual(
    [
      '2026-05-03T09:59:55Z',
      '2026-05-03T09:59:20Z',
      '2026-05-03T09:46:00Z',
      '2026-05-03T05:01:00Z',
      '2026-04-30T10:00:00Z',
      '2026-05-03T10:05:00Z',
      '2022-05-03T10:05:00Z',
    ].map((at) => ago(at, now)),
    ['just now', '40 s ago', '14 min ago', '4 h ago', '3 d ago', 'in 5 min', '4 y ago'],
  )
  assert.equal(eventTime('2013-09-04T06:00:00.000Z'), '2013-09-04 06:00 UTC')
  assert.equal(eventTime(null), '–')
})

test('a sentence begins with a capital letter', () => {
  assert.equal(sentence('the gate fails'), 'The gate fails')
})
