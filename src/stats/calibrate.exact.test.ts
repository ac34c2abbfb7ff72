/** Limits from clean days, worked out the long way: peaks, tails, and every block of days judged by the others. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  calibrateFor,
  cleanPast,
  cleanWindows,
  confirmed,
  DAYS_OF_MONTH,
  FLOORS,
  judge,
  MEASURES,
  returnLevel,
} from './calibrate.ts'
import type { CleanPast, Finding, Limits } from './calibrate.ts'
import { addHour, makeHistory } from './history.ts'
import { near } from './near.fixture.ts'
import { prng } from './prng.ts'
import { makeSpec } from './profile-spec.ts'
import { add, emptyProfile } from './profile.ts'
import type { Measure, WindowStatistics } from './window.ts'

type Values = Partial<Record<Measure, number>>

const window = (hour: number, measures: Values, more: Values = {}): WindowStatistics => ({
  hour,
  rows: 100,
  days: 28,
  features: [
    { feature: 'a', n: 100, measures },
    { feature: 'b', n: 100, measures: more },
  ],
})

describe('clean days', () => {
  test('a day has its largest value, and the largest that two windows in a row reached', () => {
    const { days, features } = cleanPast(
      ['a', 'b'],
      [
        window(47, { z: 9 }, { psi: 1 }),
        window(48, { z: 2 }),
        window(49, { z: 5 }, { psi: 3 }),
        window(50, { z: 3 }, { psi: 2 }),
        window(52, { z: 8 }),
        window(53, { z: 1 }),
        window(72, { z: 4 }),
      ],
    )
    assert.deepEqual(days, [1, 2, 3])
    // hour 48 follows 47, 52 does not follow 50, 72 does not follow 53
    assert.deepEqual(features, {
      a: { z: { peaks: [9, 8, 4], held: [0, 3, 0] } },
      b: { psi: { peaks: [1, 3], held: [0, 2] } },
    })
  })

  test('days before 1970, measures without a value and features that were not asked for', () => {
    const found = cleanPast(
      ['a'],
      [window(-1, { z: Infinity, step: 2, nulls: Number.NaN }), window(0, { step: 1, z: 0 })],
    )
    assert.deepEqual(found.days, [-1, 0])
    assert.deepEqual(found.features, {
      a: { step: { peaks: [2, 1], held: [0, 1] }, z: { peaks: [0, 0], held: [0, 0] } },
    })
  })

  test('peaks have four digits', () => {
    const found = cleanPast(['a'], [window(0, { z: 12.3456 }), window(1, { z: 0.00012345 })])
    assert.deepEqual(found.features['a']?.z, { peaks: [12.35], held: [0.0001234] })
  })
})

/** Peaks over the threshold that a tenth of them pass, five at least, with an exponential tail. */
function level(peaks: readonly number[], days: number, returnDays: number): number {
  const sorted = peaks.toSorted((a, b) => a - b)
  if (days < 30) return 1.25 * (sorted.at(-1) ?? 0)
  const size = Math.max(5, Math.ceil(sorted.length / 10))
  const threshold = sorted[Math.max(0, sorted.length - size - 1)] ?? 0
  const tail = sorted.slice(-size)
  const excess = tail.map((x) => x - threshold).reduce((a, b) => a + b, 0) / size
  return threshold + excess * Math.log(Math.max(1, (tail.length / days) * returnDays))
}

test('a return level: the threshold, and the mean excess as often as the return time asks', () => {
  const random = prng(3)
  for (const [n, days, returnDays] of [
    [29, 29, 100],
    [30, 30, 100],
    [30, 40, 3],
    [60, 60, 365],
    [61, 61, 365],
    [200, 200, 40_000],
    [4, 35, 100],
    [0, 40, 10],
    [0, 3, 10],
  ] as const) {
    const peaks = Array.from({ length: n }, () => -Math.log(1 - random.uniform()))
    near(returnLevel(peaks, days, returnDays), level(peaks, days, returnDays), 1e-12, `${n} ${days}`)
  }
  const peaks = Array.from({ length: 50 }, (_, i) => i)
  near(returnLevel(peaks, 50, 10), 44 + 3 * Math.log(1), 1e-12)
  near(returnLevel(peaks, 50, 1), 44, 1e-12)
})

/** Peaks of some days, held ones a little lower. */
function pastOf(
  days: number,
  of: Readonly<Record<string, Partial<Record<Measure, (i: number) => number>>>>,
): CleanPast {
  const each = Array.from({ length: days }, (_, i) => i)
  return {
    days: each,
    features: Object.fromEntries(
      Object.entries(of).map(([feature, measures]) => [
        feature,
        Object.fromEntries(
          Object.entries(measures).map(([name, value]) => [
            name,
            { peaks: each.map(value), held: each.map((i) => 0.8 * value(i)) },
          ]),
        ),
      ]),
    ),
  }
}

const everything = (): boolean => true

describe('few clean days', () => {
  const past = pastOf(20, { a: { z: (i) => i, step: () => 1 }, b: { psi: (i) => i / 100 } })

  test('the return time is shared by all pairs that count, and nothing is said of what to expect', () => {
    for (const [perMonth, counts, pairs] of [
      [1, everything, 3],
      [0.5, everything, 3],
      [1, (name: string) => name === 'a', 2],
      [1, () => false, 1],
    ] as const) {
      const { returnDays, expectedPerMonth } = calibrateFor(past, { perMonth, counts })
      near(returnDays, (pairs * 30.4375) / perMonth)
      assert.equal(expectedPerMonth, null)
    }
    assert.equal(DAYS_OF_MONTH, 30.4375)
    assert.equal(calibrateFor(past, { perMonth: 0, counts: everything }).returnDays, 65_536)
  })

  test('a population stability index of three itself can still tell something', () => {
    const at = (peak: number): number | undefined =>
      calibrateFor(pastOf(20, { a: { psi: () => peak } }), { perMonth: 1, counts: everything }).limits['a']?.psi
    assert.deepEqual([at(3), at(3.01)], [3.75, Number.MAX_VALUE])
  })

  test('limits are the largest peak and a quarter, never below the floor, of each measure', () => {
    const { limits } = calibrateFor(past, { perMonth: 1, counts: everything })
    assert.deepEqual(limits['a'], { ...FLOORS, z: 1.25 * 19 })
    assert.deepEqual(limits['b'], FLOORS)
    assert.deepEqual(Object.keys(limits['a'] ?? {}), MEASURES)
  })
})

describe('enough clean days', () => {
  const random = prng(8)
  const draws = Array.from({ length: 3 }, () => Array.from({ length: 90 }, () => -3 * Math.log(1 - random.uniform())))
  const past = pastOf(90, {
    a: {
      z: (i) => 3 + (draws[0]?.[i] ?? 0),
      unknown: () => 0.9,
      outside: () => 0.99,
      unfamiliar: () => 0.99,
      frozen: (i) => (i === 3 ? 0.5 : 0),
    },
    b: { step: (i) => 4 + (draws[1]?.[i] ?? 0), psi: () => 0.3 },
    c: { psi: (i) => (i === 40 ? 3.01 : 0.1), nulls: (i) => 4 + (draws[2]?.[i] ?? 0) },
  })
  const days = past.days.map((_, i) => i)

  /** Limits by a return time of the days that are kept. */
  function limitsOf(returnDays: number, kept: readonly number[]): Limits {
    return Object.fromEntries(
      Object.entries(past.features).map(([feature, of]) => [
        feature,
        Object.fromEntries(
          MEASURES.map((name) => {
            const peaks = kept.map((i) => of[name]?.peaks[i] ?? 0)
            const most = Math.max(0, ...peaks)
            if (of[name] === undefined || ['unknown', 'outside', 'unfamiliar'].includes(name))
              return [name, FLOORS[name]]
            if (name === 'psi' && most > 3) return [name, Number.MAX_VALUE]
            return [
              name,
              Math.max(FLOORS[name], name === 'frozen' ? 1.25 * most : level(peaks, kept.length, returnDays)),
            ]
          }),
        ) as Record<Measure, number>,
      ]),
    )
  }

  /** Beginnings of alerts a month on days that are judged by the limits of the other four blocks. */
  function rate(returnDays: number, counts: (feature: string) => boolean): number {
    const block = (i: number): number => Math.floor((i * 5) / 90)
    const alert = days.map((i) => {
      const limits = limitsOf(
        returnDays,
        days.filter((other) => block(other) !== block(i)),
      )
      return Object.entries(past.features).some(
        ([feature, of]) =>
          counts(feature) && MEASURES.some((name) => (of[name]?.held[i] ?? 0) > (limits[feature]?.[name] ?? 0)),
      )
    })
    return (alert.filter((is, i) => is && alert[i - 1] !== true).length * 30.4375) / 90
  }

  const quiet = (name: string): boolean => name !== 'a'

  test('the first return time whose cross-validated rate is within the wish, growing by 1.4', () => {
    for (const [perMonth, counts] of [
      [4, quiet],
      [1, quiet],
      [0.3, quiet],
      [0.4, (name: string) => name === 'b'],
    ] as const) {
      let returnDays = 30.4375 / perMonth
      while (rate(returnDays, counts) > perMonth && returnDays < 65_536) returnDays = Math.min(65_536, 1.4 * returnDays)
      const found = calibrateFor(past, { perMonth, counts })
      near(found.returnDays, returnDays, 1e-12, String(perMonth))
      near(found.expectedPerMonth ?? Number.NaN, rate(returnDays, counts), 1e-12)
      const expected = limitsOf(returnDays, days)
      for (const [feature, of] of Object.entries(expected))
        for (const name of MEASURES) near(found.limits[feature]?.[name], of[name], 1e-12, `${feature} ${name}`)
    }
  })

  test('what alerts every day at fixed limits ends at the longest time, with the rate said', () => {
    const found = calibrateFor(past, { perMonth: 0.1, counts: (name) => name === 'a' })
    assert.equal(found.returnDays, 65_536)
    near(found.expectedPerMonth ?? 0, 30.4375 / 90, 1e-12)
  })

  test('sixty days are enough, fifty-nine are not', () => {
    const of = (n: number): number | null =>
      calibrateFor(pastOf(n, { a: { z: () => 1 } }), { perMonth: 1, counts: everything }).expectedPerMonth
    assert.deepEqual([of(59), of(60)], [null, 0])
  })
})

describe('judging', () => {
  const limits: Limits = { a: { ...FLOORS, z: 6, psi: 2 } }

  test('what is above its limit, worst first; at the limit is quiet; without limits the floors hold', () => {
    const found = judge(window(0, { z: 9, psi: 4, step: 5, nulls: 5.01 }, { z: 6, psi: 0.25 }), limits)
    assert.deepEqual(
      found.map((one) => [one.feature, one.measure, one.value, one.limit, one.ratio]),
      [
        ['a', 'psi', 4, 2, 2],
        ['a', 'z', 9, 6, 1.5],
        ['b', 'z', 6, 4, 1.5],
        ['a', 'nulls', 5.01, 5, 5.01 / 5],
      ],
    )
    assert.deepEqual(judge(window(0, { z: 6 }), limits), [])
  })

  test('the floors', () => {
    assert.equal(
      Object.entries(FLOORS).flat().join(' '),
      'z 4 step 5 psi 0.25 nulls 5 null_fall 5 unknown 0.05 outside 0.5 frozen 0.4 unfamiliar 0.5 scale 3 conditional 5 joint 5',
    )
  })

  test('confirmed is what was found on the same feature before, whatever the measure', () => {
    const finding = (feature: string, measure: Measure): Finding => ({ feature, measure, value: 1, limit: 1, ratio: 1 })
    const now = [finding('a', 'z'), finding('b', 'psi'), finding('a', 'psi')]
    assert.deepEqual(confirmed([finding('a', 'nulls')], now), [now[0], now[2]])
    assert.deepEqual(confirmed([], now), [])
  })
})

describe('clean windows', () => {
  const spec = makeSpec([{ name: 'x', values: Array.from({ length: 50 }, (_, i) => i % 10) }])
  const history = makeHistory(spec)
  for (let hour = 0; hour < 24 * 12; hour++) {
    const profile = emptyProfile(spec)
    for (let i = 0; i < 30; i++) add(profile, [(i * 7 + hour) % 10])
    addHour(history, hour, profile)
  }

  test('are all hours of a span that have enough of a past, without those that touch a bad hour', () => {
    const hours = (plan = {}): number[] =>
      [...cleanWindows(history, { from: 24 * 8, to: 24 * 9 + 8 }, plan)].map((one) => one.hour)
    const all = Array.from({ length: 33 }, (_, i) => 24 * 8 + i)
    // the seventh day before must have half of a window's rows
    const first = hours()[0] ?? 0
    assert.ok(first >= 24 * 8 && hours().at(-1) === 24 * 9 + 8)
    assert.deepEqual(
      hours(),
      all.filter((hour) => hour >= first),
    )
    history.bad.add(24 * 9)
    assert.deepEqual(
      hours(),
      all.filter((hour) => hour >= first && (hour < 24 * 9 || hour >= 24 * 9 + 6)),
    )
    assert.deepEqual(
      hours({ length: 2, minRows: 10 }).filter((hour) => hour >= 24 * 9),
      [2, 3, 4, 5, 6, 7, 8].map((hour) => 24 * 9 + hour),
    )
    history.bad.clear()
  })
})
