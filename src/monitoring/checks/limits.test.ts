/** Limits for a wanted rate of false alerts: how often is often, what counts, what never alerts, what is kept. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MonitorSettings } from '../../contract/monitoring.ts'
import { FLOORS, MEASURES } from '../../stats/calibrate.ts'
import { SCORE } from '../profiles/hours.ts'
import type { Learned } from '../profiles/learn.ts'
import { alertsPerMonth, calibrationOf, largestClean, learnedLengths } from './limits.ts'

const series = (top: number) => ({ peaks: [1, top, 2], held: [0, 1, 1] })

/** Three clean days: too few to fit a tail, so a limit is the largest peak and a quarter more. */
const learned = (muted: readonly string[] = []): Learned => ({
  spec: { features: [], conditionals: [] },
  pasts: {
    6: {
      days: [1, 2, 3],
      features: {
        a: { z: series(40), psi: { peaks: [0.1, 0.05, 0.1], held: [0, 0, 0] } },
        b: { z: series(8) },
        m: { z: series(16) },
        [SCORE]: { z: series(4), step: series(4) },
      },
    },
    24: { days: [1, 2, 3], features: { a: { z: series(80) } } },
    168: { days: [], features: {} },
  },
  muted,
  hours: [],
})
const settings = (more: object = {}) => MonitorSettings.parse(more)

test('a rate is counted in a month of 365.25 / 12 days; a unit that is not known is a month', () => {
  const month = 365.25 / 12
  assert.equal(alertsPerMonth('3 per month'), 3)
  assert.ok(Math.abs(alertsPerMonth('2 per day') - 2 * month) < 1e-9)
  assert.ok(Math.abs(alertsPerMonth('2 per week') - (2 * month) / 7) < 1e-9)
  assert.deepEqual([alertsPerMonth('5 per fortnight'), alertsPerMonth('4'), alertsPerMonth('0 per week')], [5, 4, 0])
})

test('what may not page takes nothing of the rate: the score, features made from labels, muted ones', () => {
  const month = 365.25 / 12
  const days = (muted: readonly string[], more: object = {}): number =>
    calibrationOf(learned(muted), settings(more)).returnDays
  // pairs of feature and measure that share one alert a month: a has two, b and m one
  assert.ok(Math.abs(days([]) - 4 * month) < 1e-9)
  assert.ok(Math.abs(days(['m']) - 3 * month) < 1e-9)
  assert.ok(Math.abs(days(['m'], { derived: ['a'] }) - month) < 1e-9)
  assert.ok(Math.abs(days(['m'], { false_alerts: '1 per day' }) - 3) < 1e-9)
})

test('limits are the largest clean value and a quarter more, never under the floor; a muted feature has none that can be passed', () => {
  const { limits } = calibrationOf(learned(['m']), settings())
  assert.deepEqual([limits['a']?.z, limits['a']?.psi, limits['b']?.z], [50, FLOORS.psi, 10])
  assert.equal(limits['b']?.nulls, FLOORS.nulls)
  assert.deepEqual(Object.keys(limits['m'] ?? {}), [...MEASURES])
  assert.ok(Object.values(limits['m'] ?? {}).every((limit) => limit === Number.MAX_VALUE))
})

test('a calibration is done once for a reference and settings, and the sixteen last ones are kept', () => {
  const of = learned()
  const rate = (n: number) => calibrationOf(of, settings({ false_alerts: `${n} per day` })).limits
  const first = rate(1)
  for (let n = 2; n <= 16; n++) rate(n)
  assert.equal(rate(1), first, 'sixteen are kept')
  assert.notEqual(rate(17), first)
  assert.notEqual(rate(1), first, 'the seventeenth took their place')
  assert.notEqual(calibrationOf(learned(), settings()).limits, calibrationOf(learned(), settings()).limits)
  const other = calibrationOf(of, settings({ derived: ['a'] })).limits
  assert.equal(calibrationOf(of, settings({ derived: ['a'], slices: ['carrier'] })).limits, other)
})

test('the largest clean value is told where the measure was ever taken', () => {
  const of = (feature: string, measure: 'z' | 'step', length: 6 | 24 | 168 = 6) =>
    largestClean(learned(), { feature, measure, length })
  assert.deepEqual([of('a', 'z'), of('a', 'step'), of('unknown', 'z')], [40, null, null])
  assert.deepEqual([of('a', 'z', 24), of('a', 'z', 168)], [80, null], 'of each length its own')
})

test('each length of windows has limits of its own, kept apart; from fewer than a week of clean days none are learned', () => {
  const of = learned()
  const z = (length: 6 | 24 | 168) => calibrationOf(of, settings(), length).limits['a']?.z
  assert.deepEqual([z(6), z(24), z(168), z(6)], [50, 100, undefined, 50])
  const days = (n: number) => ({ days: Array.from({ length: n }, (_, i) => i), features: {} })
  assert.deepEqual(learnedLengths(of), [])
  assert.deepEqual(learnedLengths({ ...of, pasts: { 6: days(6), 24: days(7), 168: days(90) } }), [24, 168])
})
