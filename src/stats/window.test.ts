/** The measures of a window against the rows themselves. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { hellinger, psi } from './drift.ts'
import { historyOfRows } from './history.fixture.ts'
import type { History } from './history.ts'
import { deviation, surprise } from './moments.ts'
import { near } from './near.fixture.ts'
import { prng } from './prng.ts'
import type { Prng } from './prng.ts'
import type { NumericSpec, ProfileSpec } from './profile-spec.ts'
import { measure } from './window.ts'
import type { FeatureStatistics, WindowPlan } from './window.ts'

const x: NumericSpec = {
  kind: 'numeric',
  name: 'x',
  edges: [0, 2, 4, 6, 8, 10],
  low: -50,
  high: 60,
  centre: 5,
  scale: 2,
}
const rain: NumericSpec = {
  kind: 'numeric',
  name: 'rain',
  edges: [0, 1, 2, 8],
  low: -1,
  high: 100,
  centre: 0,
  scale: 1,
  familiar: [0, 1, 1.5, 2, 2.5, 8],
}
const spec: ProfileSpec = {
  features: [
    x,
    rain,
    { kind: 'categorical', name: 'c', values: ['a', 'b', 'd'] },
    { kind: 'categorical', name: 'e', values: ['p', 'q'] },
  ],
  conditionals: [{ value: 'x', by: 'c' }],
  crosses: [{ a: 'c', b: 'e' }],
}

type Row = readonly unknown[]
type Maker = (random: Prng, hour: number) => Row

const usual: Maker = (random) => {
  const c = ['a', 'b', 'd'][random.below(3)]
  const value = random.uniform() < 0.1 ? null : 5 + 2 * random.normal() + (c === 'a' ? 1 : 0)
  const wet = random.uniform() < 0.7 ? 0 : [1, 1.5, 2, 2.5][random.below(4)]
  return [value, wet, random.uniform() < 0.05 ? 'z' : c, c === 'a' ? 'p' : 'q']
}

/** Rows by hour over so many days, each hour's as many as `count` says. */
function traffic(make: Maker, days: number, count = (hour: number): number => 30 + (hour % 7)): Map<number, Row[]> {
  const random = prng(77)
  const hours = Array.from({ length: 24 * days }, (_, hour) => hour)
  return new Map(hours.map((hour) => [hour, Array.from({ length: count(hour) }, () => make(random, hour))]))
}

const historyOf = (byHour: ReadonlyMap<number, readonly Row[]>): History => historyOfRows(spec, byHour)

const DAYS = 32
const HOUR = 24 * (DAYS - 1) + 15

/** Rows of the six hours that end with an hour, or of a half of them. */
const rowsOf = (byHour: ReadonlyMap<number, readonly Row[]>, end: number, length = 6): Row[] =>
  Array.from({ length }, (_, i) => byHour.get(end - i) ?? []).flat()

function of(history: History, feature: string, plan: WindowPlan = {}): FeatureStatistics {
  const found = measure(history, HOUR, plan)?.features.find((one) => one.feature === feature)
  assert.ok(found)
  return found
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length
const numbers = (list: readonly Row[], at: number): number[] =>
  list.map((row) => row[at]).filter((v): v is number => typeof v === 'number')

/** Counts by the bins of a numeric feature. */
function binned(values: readonly number[], { edges }: NumericSpec): number[] {
  const counts = Array.from({ length: edges.length + 1 }, () => 0)
  for (const value of values) {
    const last = edges.at(-1) ?? 0
    const bin = value === last ? edges.length - 1 : edges.filter((edge) => edge <= value).length
    counts[bin] = (counts[bin] ?? 0) + 1
  }
  return counts
}

const byHour = traffic(usual, DAYS)
const history = historyOf(byHour)
const pastEnds = Array.from({ length: 28 }, (_, i) => HOUR - 24 * (i + 2))
const now = rowsOf(byHour, HOUR)
const past = pastEnds.map((end) => rowsOf(byHour, end))

describe('a usual window', () => {
  test('says its hour, its rows and the past days', () => {
    const found = measure(history, HOUR)
    assert.deepEqual([found?.hour, found?.rows, found?.days], [HOUR, now.length, 28])
    assert.deepEqual(
      found?.features.map((one) => [one.feature, one.n]),
      [
        ['x', numbers(now, 0).length],
        ['rain', now.length],
        ['c', now.length],
        ['e', now.length],
      ],
    )
  })

  test('z and step: distances of the mean, and of the newer half from the older, in past days’ deviations', () => {
    const { measures, mean: at, usual: days } = of(history, 'x')
    const means = past.map((list) => mean(numbers(list, 0)))
    near(at, mean(numbers(now, 0)), 1e-9)
    near(days?.mean, mean(means), 1e-9)
    near(measures.z, surprise(mean(numbers(now, 0)), deviation(means), 0.04), 1e-7)
    const step = (end: number): number =>
      mean(numbers(rowsOf(byHour, end, 3), 0)) - mean(numbers(rowsOf(byHour, end - 3, 3), 0))
    near(measures.step, surprise(step(HOUR), deviation(pastEnds.map(step)), 0.04), 1e-6)
  })

  test('psi is of the bins of the window against those of all past days', () => {
    near(of(history, 'x').measures.psi, psi(binned(numbers(past.flat(), 0), x), binned(numbers(now, 0), x)), 1e-9)
    const counts = (list: readonly Row[]): number[] =>
      ['a', 'b', 'd']
        .map((v) => list.filter((row) => row[2] === v).length)
        .concat(list.filter((row) => row[2] === 'z').length)
    near(of(history, 'c').measures.psi, psi(counts(past.flat()), counts(now)), 1e-9)
  })

  test('nulls: the share of missing values in deviations, at least those of a binomial share and half a percent', () => {
    const { measures } = of(history, 'x')
    const share = (list: readonly Row[]): number => list.filter((row) => row[0] === null).length / list.length
    const days = deviation(past.map(share))
    const floor = Math.max(days.sd, Math.sqrt((days.mean * (1 - days.mean)) / now.length), 0.005)
    const offset = (share(now) - days.mean) / floor
    near(measures.nulls, Math.max(0, offset), 1e-9)
    near(measures.null_fall, Math.max(0, -offset), 1e-9)
    const none = of(history, 'rain').measures
    assert.ok(none.nulls === 0 && Math.abs(none.null_fall ?? 1) === 0)
  })

  test('nulls of days that are all alike: in deviations of a binomial share, or half a percent where that is less', () => {
    const alike = (past: number, present: number): FeatureStatistics['measures'] => {
      const missing = (hour: number): number => (hour > HOUR - 6 ? present : past)
      const rows = [...traffic(usual, DAYS, () => 40)].map(
        ([hour, list]) => [hour, list.map(put(0, (_, i) => (i < missing(hour) ? null : i % 10)))] as const,
      )
      return of(historyOf(new Map(rows)), 'x').measures
    }
    near(alike(4, 8).nulls, 0.1 / Math.sqrt((0.1 * 0.9) / 240), 1e-9)
    near(alike(4, 0).null_fall, 0.1 / Math.sqrt((0.1 * 0.9) / 240), 1e-9)
    near(alike(0, 4).nulls, 0.1 / 0.005, 1e-9)
  })

  test('outside and unknown are shares; nothing stands still', () => {
    const { measures } = of(history, 'x')
    const values = numbers(now, 0)
    near(measures.outside, values.filter((v) => v < 0 || v > 10).length / values.length)
    assert.deepEqual([measures.unknown, measures.frozen, measures.unfamiliar], [0, 0, 0])
    const other = (list: readonly Row[]): number => list.filter((row) => row[2] === 'z').length / list.length
    near(of(history, 'c').measures.unknown, other(now) - other(past.flat()), 1e-9)
  })

  test('a feature that is mostly 0 is judged by its other values', () => {
    const { measures } = of(history, 'rain')
    assert.equal(measures.z, undefined)
    const wet = (list: readonly Row[]): number => Math.log(mean(numbers(list, 1).filter((v) => v !== 0)))
    near(measures.scale, surprise(wet(now), deviation(past.map(wet)), 0.5), 1e-7)
  })

  test('conditional: the category whose mean is furthest off', () => {
    const { measures, category } = of(history, 'c')
    const distances = ['a', 'b', 'd'].map((value) => {
      const at = (list: readonly Row[]): number =>
        mean(
          numbers(
            list.filter((row) => row[2] === value),
            0,
          ),
        )
      return surprise(at(now), deviation(past.map(at)), 0.1)
    })
    near(measures.conditional, Math.max(...distances), 1e-6)
    assert.equal(category, ['a', 'b', 'd'][distances.indexOf(Math.max(...distances))])
  })

  test('joint: how far the pairs lie from those of all days, 0 unless further than usual', () => {
    const pairs = (list: readonly Row[]): number[] =>
      ['a', 'b', 'd', 'z'].flatMap((c) =>
        ['p', 'q', 'other'].map((e) => list.filter((row) => row[2] === c && row[3] === e).length),
      )
    const all = pairs(past.flat())
    const days = deviation(past.map((list) => hellinger(all, pairs(list))))
    const distance = hellinger(all, pairs(now))
    const expected = distance > days.mean ? surprise(distance, days, 0.02) : 0
    for (const feature of ['c', 'e']) near(of(history, feature).measures.joint, expected, 1e-7)
  })
})

/** The history with the rows of the window changed, from hour `from` on. */
function changed(change: (row: Row, i: number) => Row, from = HOUR - 5): History {
  return historyOf(new Map([...byHour].map(([hour, list]) => [hour, hour >= from ? list.map(change) : list])))
}

const put =
  (at: number, value: (old: unknown, i: number) => unknown) =>
  (row: Row, i: number): Row =>
    row.map((old, k) => (k === at ? value(old, i) : old))

describe('a window that changed', () => {
  test('one value in all of it is frozen, in its newer half half frozen', () => {
    const frozen = (from?: number) =>
      of(
        changed(
          put(0, () => 5),
          from,
        ),
        'x',
      ).measures.frozen
    assert.deepEqual([frozen(), frozen(HOUR - 2), frozen(HOUR - 1)], [1, 0.5, 0])
  })

  test('a spread below a hundredth of the usual is frozen too, one above is not', () => {
    const spreads = past.map((list) => {
      const values = numbers(list, 0)
      return Math.sqrt(mean(values.map((v) => (v - mean(values)) ** 2)))
    })
    const tenth = spreads.toSorted((a, b) => a - b)[Math.floor(28 / 10)] ?? 0
    const wobble = (by: number): History => changed(put(0, (_, i) => (i % 2 === 0 ? 5 - by : 5 + by)))
    assert.equal(of(wobble(0.0095 * tenth), 'x').measures.frozen, 1)
    assert.equal(of(wobble(0.0125 * tenth), 'x').measures.frozen, 0)
  })

  test('one that was still on many past days is not frozen', () => {
    const still = (days: number): History =>
      historyOf(
        new Map(
          [...byHour].map(([hour, list]) => {
            const day = Math.floor(hour / 24)
            return [hour, day >= DAYS - 1 || day < days + 2 ? list.map(put(0, () => 5)) : list]
          }),
        ),
      )
    assert.equal(of(still(2), 'x').measures.frozen, 1)
    assert.equal(of(still(4), 'x').measures.frozen, 0)
  })

  test('values that are no numbers where numbers are expected are unknown', () => {
    const { measures } = of(changed(put(0, (old, i) => (i % 4 === 0 ? 'text' : i % 4 === 1 ? Infinity : old))), 'x')
    const odd = [HOUR, HOUR - 1, HOUR - 2, HOUR - 3, HOUR - 4, HOUR - 5].map(
      (hour) => (byHour.get(hour) ?? []).filter((_, i) => i % 4 < 2).length,
    )
    near(measures.unknown, odd.reduce((a, b) => a + b, 0) / now.length, 1e-9)
  })

  test('nulls rise and fall', () => {
    const all = of(changed(put(0, () => null)), 'x')
    assert.ok((all.measures.nulls ?? 0) > 20 && all.measures.null_fall === 0)
    assert.equal(all.measures.psi, undefined, 'too few values are left to judge')
    const none = of(changed(put(0, (old) => old ?? 5)), 'x')
    assert.ok((none.measures.null_fall ?? 0) > 3 && none.measures.nulls === 0)
  })

  test('values that are none of the familiar ones: their share among those that tell, in a feature that is mostly 0', () => {
    const { measures } = of(changed(put(1, (old) => (old === 0 ? 0 : (old as number) * 0.9))), 'rain')
    // 0.9 lies in a gap too wide to tell, 1.35, 1.8 and 2.25 do not
    const wet = now.filter((row) => row[1] !== 0)
    const strange = wet.filter((row) => row[1] !== 1).length
    near(measures.unfamiliar, strange / (wet.length - wet.filter((row) => row[1] === 1).length), 1e-9)
    const above = of(changed(put(1, (old) => (old === 0 ? 0 : (old as number) * 10))), 'rain')
    assert.equal(above.measures.unfamiliar, 1, 'beyond the range is strange too')
    assert.ok((above.measures.scale ?? 0) > 3)
  })

  test('too few values other than 0 tell nothing', () => {
    let left = 9
    const dry = changed(put(1, (old) => (old !== 0 && left-- > 0 ? 1.2 : 0)))
    assert.deepEqual([of(dry, 'rain').measures.unfamiliar, of(dry, 'rain').measures.scale], [0, undefined])
    let ten = 10
    const wet = changed(put(1, (old) => (old !== 0 && ten-- > 0 ? 1.2 : 0)))
    assert.equal(of(wet, 'rain').measures.unfamiliar, 1)
    assert.ok(of(wet, 'rain').measures.scale !== undefined)
  })

  test('categories that changed places keep their shares and are seen by their means and partners', () => {
    const swapped = changed(put(2, (old) => ({ a: 'b', b: 'a' })[old as string] ?? old))
    const { measures, category } = of(swapped, 'c')
    assert.ok((measures.conditional ?? 0) > 3 && (measures.joint ?? 0) > 5, JSON.stringify(measures))
    assert.equal(of(swapped, 'e').measures.joint, measures.joint, 'and so are their partners')
    assert.ok(category === 'a' || category === 'b')
    assert.ok((measures.psi ?? 1) < 0.05)
  })
})

describe('what is too little to judge', () => {
  test('too few rows, too few days', () => {
    assert.ok(measure(history, HOUR, { minRows: now.length }))
    assert.equal(measure(history, HOUR, { minRows: now.length + 1 }), undefined)
    assert.ok(measure(history, 24 * 8 + 15))
    assert.equal(measure(history, 24 * 7 + 15), undefined, 'six days')
    assert.equal(measure(history, 24 * 8 + 15)?.days, 7)
    assert.ok(measure(history, 24 * 7 + 15, { minDays: 6 }))
  })

  test('a past day counts with half of the rows', () => {
    const thin = historyOf(
      new Map([...byHour].map(([hour, list]) => [hour, hour < HOUR - 5 ? list.slice(0, 9) : list])),
    )
    assert.equal(measure(thin, HOUR, { minRows: 108 })?.days, 28)
    assert.equal(measure(thin, HOUR, { minRows: 109 }), undefined)
  })

  test('a window of another length, other days', () => {
    const found = measure(history, HOUR, { length: 4, days: { from: 1, to: 10 } })
    assert.deepEqual([found?.rows, found?.days], [rowsOf(byHour, HOUR, 4).length, 10])
  })

  test('a feature with few values has only what its missing ones tell', () => {
    const few = (values: number): FeatureStatistics => {
      let left = values
      return of(changed(put(0, () => (left-- > 0 ? 5 : null))), 'x')
    }
    assert.equal(few(50).measures.psi !== undefined, true)
    assert.equal(few(49).measures.psi, undefined)
    assert.ok(few(49).measures.nulls !== undefined && few(49).n === 49)
    assert.ok(of(history, 'x', { minValues: numbers(now, 0).length }).measures.z !== undefined)
    assert.equal(of(history, 'x', { minValues: numbers(now, 0).length + 1 }).measures.z, undefined)
  })

  test('a feature that one past day has alone, or none, has nothing that its missing values tell', () => {
    const known = (days: number): string[] => {
      const first = HOUR - 24 * (days + 1) - 6
      const rows = [...byHour].map(
        ([hour, list]) => [hour, list.map(put(0, (old) => (hour > first ? old : null)))] as const,
      )
      return Object.keys(of(historyOf(new Map(rows)), 'x').measures).filter((measure) => measure.startsWith('null'))
    }
    assert.deepEqual([known(0), known(1), known(2)], [[], [], ['nulls', 'null_fall']])
  })

  test('bad hours of the past are not compared with', () => {
    const marked = historyOf(byHour)
    for (const end of pastEnds.slice(0, 3)) for (let h = end - 5; h <= end; h++) marked.bad.add(h)
    const { usual: days } = of(marked, 'x')
    assert.equal(days?.n, 25)
    near(days?.mean, mean(past.slice(3).map((list) => mean(numbers(list, 0)))), 1e-9)
  })

  test('a feature of which one bin holds most values has no z', () => {
    const flat = historyOf(
      new Map([...byHour].map(([hour, list]) => [hour, list.map(put(0, (old, i) => (i % 5 < 3 ? 5 : old)))])),
    )
    const { measures } = of(flat, 'x')
    assert.equal(measures.z, undefined)
    assert.ok(measures.psi !== undefined)
  })

  test('one that is mostly missing has no psi', () => {
    const sparse = historyOf(
      new Map([...byHour].map(([hour, list]) => [hour, list.map(put(0, (old, i) => (i % 3 === 0 ? old : null)))])),
    )
    const { measures } = of(sparse, 'x')
    assert.equal(measures.psi, undefined)
    assert.ok(measures.outside !== undefined)
  })

  test('just half is not mostly: half missing, half 0 and half in one bin are judged like any other', () => {
    const others = [3, 7, 9, 7]
    for (const [what, half] of [
      ['missing', null],
      ['0', 0],
      ['in one bin', 5],
    ] as const) {
      const even = [...traffic(usual, DAYS, () => 32)].map(
        ([hour, list]) => [hour, list.map(put(0, (_, i) => (i % 2 === 0 ? half : others[(i >> 1) % 4])))] as const,
      )
      const { measures } = of(historyOf(new Map(even)), 'x')
      assert.deepEqual([measures.psi !== undefined, measures.z !== undefined], [true, true], what)
    }
  })
})
