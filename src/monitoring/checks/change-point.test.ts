/** Since when the hours of an incident differ: single hours against the same hours of four weeks. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Finding } from '../../stats/calibrate.ts'
import { addHour, makeHistory } from '../../stats/history.ts'
import type { History } from '../../stats/history.ts'
import type { ProfileSpec } from '../../stats/profile-spec.ts'
import { add, emptyProfile } from '../../stats/profile.ts'
import type { Measure } from '../../stats/window.ts'
import { changeBegan, hourDiffers } from './change-point.ts'

const spec: ProfileSpec = {
  features: [
    {
      kind: 'numeric',
      name: 'x',
      edges: [0, 40, 50, 60, 100],
      low: -1e6,
      high: 1e6,
      centre: 0,
      scale: 10,
      familiar: [48, 49, 50, 51, 52],
    },
    { kind: 'categorical', name: 'c', values: ['a', 'b'] },
  ],
  conditionals: [],
}
const NOW = 24 * 31 + 12
type Row = readonly [x: number | null, c: string | null]

/** A usual hour: means between 49 and 51 from day to day, c equal halves. */
const usual = (hour: number): Row[] => {
  const day = Math.floor(hour / 24)
  return Array.from({ length: 10 }, (_, i): Row => [49 + (day % 3), i % 2 === 0 ? 'a' : 'b'])
}

/** Thirty-one days of every hour, of which some are replaced; an empty hour has no rows. */
function history(replaced: Readonly<Record<number, readonly Row[]>> = {}, from = 24 * 2): History {
  const made = makeHistory(spec)
  for (let hour = from; hour <= NOW; hour++) {
    const profile = emptyProfile(spec)
    for (const row of replaced[hour] ?? usual(hour)) add(profile, [...row])
    if ((replaced[hour]?.length ?? 1) > 0) addHour(made, hour, profile)
  }
  return made
}
const about = (feature: string, measure: Measure = 'z'): Finding[] => [
  { feature, measure, value: 9, limit: 4, ratio: 2 },
]
const ten = (row: (i: number) => Row): Row[] => Array.from({ length: 10 }, (_, i) => row(i))
const differs = (rows: readonly Row[], findings: readonly Finding[]): boolean | undefined =>
  hourDiffers(history({ [NOW]: rows }), NOW, findings)

describe('an hour differs', () => {
  test('by a mean that is more than three deviations of the past days away', () => {
    // days of 49, 50 and 51 in turn: a deviation of 0.83 around 50
    const at = (mean: number) => ten(() => [mean, 'a'])
    const found = [50, 52, 53, 47].map((mean) => differs(at(mean), about('x')))
    assert.deepEqual(found, [false, false, true, true])
  })

  test('by more than three times the least deviation, where the past days have none', () => {
    const still = Object.fromEntries(Array.from({ length: 31 }, (_, day) => [NOW - 24 * day, ten(() => [50, 'a'])]))
    const mixed = (n: number, a: number, b: number) =>
      hourDiffers(history({ ...still, [NOW]: ten((i) => [i < n ? b : a, 'a']) }), NOW, about('x'))
    // means of 51.5, 51.6, 48.5 and 48.4 where half a unit is the least deviation
    const found = [mixed(5, 51, 52), mixed(6, 51, 52), mixed(5, 49, 48), mixed(6, 49, 48)]
    assert.deepEqual(found, [false, true, false, true])
  })

  test('by values that the reference does not know in more than half of its rows, whatever their mean', () => {
    const strange = (n: number) => ten((i) => [i < n ? (i % 2 === 0 ? 48.4 : 51.6) : 50, 'a'])
    assert.equal(differs(strange(4), about('x')), false)
    assert.equal(differs(strange(5), about('x')), false, 'half of them is not more')
    assert.equal(differs(strange(6), about('x')), true)
    const beyond = (n: number) => ten((i) => [i < n ? (i % 2 === 0 ? -1 : 101) : 50, 'a'])
    assert.equal(differs(beyond(6), about('x')), true)
  })

  test('by missing values beyond three deviations, of which none is below a twentieth', () => {
    const missing = (n: number, place: 0 | 1) =>
      ten((i) => (place === 0 ? [i < n ? null : 50, 'a'] : [50, i < n ? null : 'a']))
    for (const measure of ['nulls', 'null_fall'] as const) {
      assert.equal(differs(missing(1, 0), about('x', measure)), false)
      assert.equal(differs(missing(2, 0), about('x', measure)), true)
      assert.equal(differs(missing(1, 1), about('c', measure)), false)
      assert.equal(differs(missing(2, 1), about('c', measure)), true)
    }
  })

  test('by categories that the reference does not know in more than a twentieth of the rows', () => {
    const twenty = (n: number): Row[] =>
      Array.from({ length: 40 }, (_, i): Row => [50, i < n ? 'new' : i % 2 === 0 ? 'a' : 'b'])
    assert.equal(differs(twenty(2), about('c')), false)
    assert.equal(differs(twenty(3), about('c')), true)
  })

  test('by shares of categories of which more than four in ten moved', () => {
    const shares = (n: number): Row[] => ten((i) => [50, i < n ? 'a' : 'b'])
    assert.equal(differs(shares(9), about('c')), false)
    assert.equal(differs(shares(10), about('c')), true)
    assert.equal(differs(shares(0), about('c')), true)
  })

  test('by unknown values and categories only as far as past days do not have them too', () => {
    const days = (row: (i: number) => Row) =>
      Object.fromEntries(Array.from({ length: 28 }, (_, i) => [NOW - 24 * (i + 2), ten(row)]))
    const strange = (n: number) => (i: number) => [i < n ? (i % 2 === 0 ? 48.4 : 51.6) : 50, 'a'] as const
    const number = (n: number) => hourDiffers(history({ ...days(strange(2)), [NOW]: ten(strange(n)) }), NOW, about('x'))
    // two in ten are usual, so seven in ten are half more
    assert.deepEqual([number(6), number(8)], [false, true])
    const fresh = (n: number) => (i: number) => [50, i < n ? 'new' : 'a'] as const
    const category = (n: number) => hourDiffers(history({ ...days(fresh(1)), [NOW]: ten(fresh(n)) }), NOW, about('c'))
    assert.deepEqual([category(1), category(2)], [false, true])
  })

  test('by shares against those of the past together, however few rows it has', () => {
    const uneven = Object.fromEntries(
      Array.from({ length: 5 }, (_, i) => [NOW - 24 * (i + 2), ten((k): Row => [50, k < 6 ? 'a' : 'b'])]),
    )
    const only = (value: string) =>
      hourDiffers(history({ ...uneven, [NOW]: ten(() => [50, value]) }, NOW - 24 * 6), NOW, about('c'))
    // of 30 a and 20 b: all a are 0.4 away, all b 0.6
    assert.deepEqual([only('a'), only('b')], [false, true])
  })

  test('by unknown categories where past days had none at all, and not where all are missing', () => {
    const missing = Object.fromEntries(
      Array.from({ length: 28 }, (_, i) => [NOW - 24 * (i + 2), ten(() => [50, null])]),
    )
    const now = (value: string | null) =>
      hourDiffers(history({ ...missing, [NOW]: ten(() => [50, value]) }), NOW, about('c'))
    assert.deepEqual([now('new'), now(null)], [true, false])
    assert.equal(
      differs(
        ten(() => [50, null]),
        about('c'),
      ),
      false,
    )
  })

  test('in any feature of the findings, and in none that is not there', () => {
    const both = [...about('c'), ...about('x')]
    const higher = ten((i) => [90, i % 2 === 0 ? 'a' : 'b'])
    const moved = ten(() => [90, 'a'])
    assert.equal(differs(higher, both), true)
    assert.equal(differs(higher, about('c')), false)
    assert.equal(differs(moved, about('gone')), false)
    assert.equal(differs(moved, []), false)
  })
})

describe('an hour says nothing', () => {
  const far = (n: number): Row[] => Array.from({ length: n }, (): Row => [90, 'a'])

  test('with fewer than five rows', () => {
    assert.deepEqual(
      [differs(far(4), about('x')), differs(far(5), about('x')), differs([], about('x'))],
      [undefined, true, undefined],
    )
  })

  test('with fewer than five past days, of which the two newest do not count', () => {
    const days = (n: number) => hourDiffers(history({ [NOW]: far(10) }, NOW - 24 * (n + 1)), NOW, about('x'))
    assert.deepEqual([days(4), days(5)], [undefined, true])
  })

  test('of a number with fewer than five values, or five past days with so many', () => {
    const few = (n: number): Row[] => ten((i) => [i < n ? 90 : null, 'a'])
    assert.deepEqual([differs(few(4), about('x')), differs(few(5), about('x'))], [false, true])
    const empty = (n: number): History =>
      history({
        [NOW]: far(10),
        ...Object.fromEntries(
          Array.from({ length: 28 }, (_, i) => NOW - 24 * (i + 2))
            .slice(n)
            .map((hour) => [hour, ten(() => [null, 'a'])]),
        ),
      })
    assert.deepEqual([hourDiffers(empty(4), NOW, about('x')), hourDiffers(empty(5), NOW, about('x'))], [false, true])
  })
})

describe('a change began', () => {
  const far = ten(() => [90, 'a'])
  const began = (hours: readonly number[], empty: readonly number[] = []): number => {
    const replaced = Object.fromEntries([
      ...hours.map((h) => [NOW - h, far]),
      ...empty.map((h) => [NOW - h, []]),
    ]) as Record<number, readonly Row[]>
    return NOW - changeBegan(history(replaced), NOW, about('x'))
  }

  test('with the first hour of those that differ up to now', () => {
    assert.deepEqual([began([0]), began([0, 1, 2]), began([])], [0, 2, 0])
    assert.deepEqual([began([1]), began([1, 2]), began([2])], [1, 2, 0], 'the newest one may be quiet')
  })

  test('before one quiet hour, and not before two in a row', () => {
    assert.equal(began([0, 1, 3]), 3)
    assert.equal(began([0, 1, 3, 5]), 5)
    assert.equal(began([0, 1, 4]), 1)
  })

  test('hours without rows are neither quiet nor different', () => {
    assert.equal(began([0, 4], [1, 2, 3]), 4)
    assert.equal(began([0, 4], [2, 3]), 4)
  })

  test('within a day: older hours are not looked at', () => {
    assert.equal(began(Array.from({ length: 30 }, (_, h) => h)), 23)
  })
})

describe('in longer windows six parts stand for the hours', () => {
  const far = (n: number): Row[] => Array.from({ length: n }, (): Row => [101, 'a'])
  const at = (hours: readonly number[], rows: readonly Row[] = far(10)): History =>
    history(Object.fromEntries(hours.map((h) => [NOW - h, rows])))
  const upTo = (n: number): number[] => Array.from({ length: n }, (_, h) => h)
  const began = (hours: readonly number[], length: number): number =>
    NOW - changeBegan(at(hours), NOW, about('x'), length)

  test('a part of four hours of a day, of 28 of a week, has as few rows as an hour alone', () => {
    const few = (n: number, length: number, hours: number) =>
      hourDiffers(at(upTo(hours), far(n)), NOW, about('x'), length)
    assert.deepEqual([few(1, 6, 4), few(4, 6, 4), few(5, 6, 4)], [undefined, undefined, true])
    assert.deepEqual([few(1, 24, 4), few(2, 24, 4)], [undefined, true])
    assert.equal(few(1, 168, 28), true)
  })

  test('a part has no more hours than that: those before it do not make it differ', () => {
    const before = (from: number) => upTo(60).filter((h) => h >= from && h < from + 20)
    assert.deepEqual(
      [24, 168].map((length) => hourDiffers(at(before(length / 6)), NOW, about('x'), length)),
      [false, false],
    )
    assert.equal(hourDiffers(at([3]), NOW, about('x'), 24), true, 'a quarter of its values moved the mean by 13')
  })

  test('a change began with the first hour of the first part that differs', () => {
    assert.deepEqual([began([0], 24), began(upTo(4), 24), began(upTo(6), 24), began([], 24)], [3, 3, 7, 0])
    assert.deepEqual([began(upTo(28), 168), began(upTo(56), 168), began([], 168)], [27, 55, 0])
  })

  test('before one quiet part, and not before two in a row', () => {
    const parts = (...of: number[]) => of.flatMap((part) => upTo(4).map((h) => 4 * part + h))
    assert.equal(began(parts(0, 2), 24), 11)
    assert.equal(began(parts(0, 3), 24), 3)
  })

  test('within one and a half windows: older hours are not looked at', () => {
    assert.equal(began(upTo(44), 24), 35)
    assert.equal(began(upTo(260), 168), 251)
  })
})
