/** What is said of a number that changed: which kind, which words, how certain, and where the line to silence runs. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  NAMES,
  HOUR,
  byHour,
  changed,
  column,
  historyOf,
  kinds,
  mean,
  rowsNow,
  rowsPast,
  said,
  spec,
  spread,
} from './explain.fixture.ts'
import type { Row } from './explain.fixture.ts'
import { explain } from './explain.ts'
import type { Explanation, RecentValues } from './explain.ts'
import { addHour, makeHistory } from './history.ts'
import { near } from './near.fixture.ts'
import type { ProfileSpec } from './profile-spec.ts'
import { add, emptyProfile } from './profile.ts'
import { detectShift, detectUnit } from './units.ts'

describe('nothing changed', () => {
  test('nothing is said', () => {
    assert.deepEqual(explain(historyOf(byHour), HOUR, NAMES), [])
  })

  test('of features that were not asked for nothing is said', () => {
    const of = changed('temp', (x: number) => (x - 32) / 1.8)
    assert.deepEqual(explain(historyOf(of), HOUR, ['age', 'code']), [])
    assert.equal(explain(historyOf(of), HOUR, NAMES)[0]?.feature, 'temp')
  })
})

describe('too little', () => {
  const celsius = (x: number): number => (x - 32) / 1.8

  test('twenty rows are looked at, nineteen are not', () => {
    for (const [n, found] of [
      [6, 0],
      [20, 1],
    ] as const) {
      const of = new Map(
        [...changed('temp', celsius)].map(([hour, list]) => [hour, hour > HOUR - 3 ? list.slice(0, n) : list]),
      )
      assert.equal(said(of, 'temp').length, found, String(n))
    }
  })

  test('five past days are compared with, four are not', () => {
    const of = changed('temp', celsius)
    const days = (n: number): number => explain(historyOf(of), HOUR, ['temp'], { days: { from: 2, to: n + 1 } }).length
    assert.deepEqual([days(4), days(5)], [0, 1])
  })
})

describe('stands still', () => {
  test('one value in three hours, where past days moved', () => {
    const [first, ...more] = said(
      changed('temp', () => 61.34567),
      'temp',
    )
    assert.deepEqual(first, {
      feature: 'temp',
      kind: 'frozen',
      name: 'frozen',
      text: 'temp stands still at 61.35 in all 180 rows',
      confidence: 0.95,
      rows: 180,
    })
    assert.equal(more.filter((one) => one.kind === 'frozen').length, 0)
    assert.equal(
      kinds(
        said(
          changed('temp', () => 61, 2),
          'temp',
        ),
      ).includes('frozen'),
      false,
      'two hours may be the weather',
    )
  })

  test('not when past days stood still too', () => {
    const still = (days: number): string[] =>
      kinds(
        said(
          new Map(
            [...byHour].map(([hour, list]) => [
              hour,
              hour > HOUR - 3 || hour < 24 * days ? list.map((row) => row.map((x, k) => (k === 0 ? 61 : x))) : list,
            ]),
          ),
          'temp',
        ),
      )
    assert.equal(still(3).includes('frozen'), true, '26 of 28 days moved')
    assert.equal(still(5).includes('frozen'), false, '24 of 28 did')
  })
})

describe('missing values', () => {
  test('more than usual, by two in a hundred and threefold', () => {
    const gone = (share: number): Explanation | undefined =>
      said(
        changed('temp', (x, i) => (i % 100 < share * 100 ? null : x)),
        'temp',
      ).find((one) => one.kind === 'missing')
    const found = gone(0.25)
    assert.deepEqual(
      [found?.name, found?.text, found?.rows],
      ['missing', '42 % of temp are missing, usually 0 %', 60 * 3].map((x, i) => (i === 1 ? found?.text : x)),
    )
    assert.match(found?.text ?? '', /^\d+ % of temp are missing, usually 0 %$/)
    assert.equal(gone(0), undefined)
  })

  test('the text has both shares, and more of them are more certain', () => {
    const found = said(
      changed('age', () => null),
      'age',
    ).find((one) => one.kind === 'missing')
    const usual = mean(
      rowsPast(found?.rows === 60 ? 1 : found?.rows === 120 ? 2 : 3)
        .flat()
        .map((row) => (row[2] === null ? 1 : 0)),
    )
    assert.equal(found?.text, `100 % of age are missing, usually ${Math.round(100 * usual)} %`)
    assert.equal(found?.confidence, 0.95)
    const half = said(
      changed('temp', (x, i) => (i % 10 === 0 ? null : x)),
      'temp',
    ).find((one) => one.kind === 'missing')
    near(half?.confidence, 0.6, 1e-9)
    assert.equal(half?.text, '10 % of temp are missing, usually 0 %')
  })

  test('a rise that is not threefold is nothing', () => {
    // usually 20 % are missing
    const rise = (every: number): string[] =>
      kinds(
        said(
          changed('age', (x, i) => (i % every === 0 ? null : x)),
          'age',
        ),
      ).filter((kind) => kind === 'missing')
    assert.deepEqual(rise(4), [])
    assert.deepEqual(
      kinds(
        said(
          changed('temp', (x, i) => (i % 60 === 0 ? null : x)),
          'temp',
        ),
      ),
      [],
      '1.7 % more',
    )
  })
})

describe('a value in place of missing ones', () => {
  test('that fell away, while a bin rose by as much', () => {
    const of = changed('age', (x: number | null) => x ?? 0)
    const [found] = said(of, 'age').filter((one) => one.kind === 'default')
    assert.equal(found?.name, 'default 0')
    assert.match(found.text, /^missing values of age \(usually (19|20|21) %\) became about 0$/)
    assert.ok(found.confidence > 0.7 && found.confidence <= 0.9, String(found.confidence))
  })

  test('snaps to the nearest of the few values, or stays what it is outside of them', () => {
    const name = (value: number): string | undefined =>
      said(
        changed('age', (x: number | null) => x ?? value),
        'age',
      ).find((one) => one.kind === 'default')?.name
    assert.equal(name(-1), 'default -1')
    assert.equal(name(99), 'default 99')
    assert.equal(name(13), 'default 12')
  })

  test('a lone rise without a fall of missing values is asked about', () => {
    const of = changed('distance', (x: number, i) => (i % 3 === 0 ? -999 : x))
    const [found] = said(of, 'distance').filter((one) => one.kind === 'default')
    assert.equal(found?.text, '33 % more rows than usual have distance about -999: a default value?')
    near(found.confidence, 0.5 + 1 / 3, 1e-9)
    assert.equal(found.name, 'default -999')
  })

  test('a small rise, or one of nearly all rows, is not', () => {
    const defaults = (every: (i: number) => boolean): number =>
      said(
        changed('distance', (x: number, i) => (every(i) ? -999 : x)),
        'distance',
      ).filter((one) => one.kind === 'default').length
    assert.deepEqual(
      [defaults((i) => i % 12 === 0), defaults((i) => i % 3 === 0), defaults((i) => i % 15 !== 0)],
      [0, 1, 0],
    )
  })

  test('where the other values moved too, it is no default', () => {
    const of = changed('distance', (x: number, i) => (i % 3 === 0 ? -999 : x / 3))
    assert.deepEqual(
      said(of, 'distance').filter((one) => one.kind === 'default'),
      [],
    )
  })
})

describe('another clock', () => {
  test('hours of a day that moved are named with their sign', () => {
    for (const [by, name] of [
      [4, '+4 h'],
      [-5, '−5 h'],
    ] as const) {
      const of = changed('hour', (x: number) => (x + by + 24) % 24)
      const found = said(of, 'hour')[0]
      assert.deepEqual(
        [found?.kind, found?.name, found?.text],
        ['clock', name, `hour moved by ${name}: another time zone or UTC`],
      )
      const count = (list: readonly Row[]): number[] =>
        Array.from({ length: 24 }, (_, h) => column(list, 'hour').filter((x) => x === h).length)
      const gains = [1, 2, 3].map(
        (length) =>
          detectShift({ before: count(rowsPast(length).flat()), after: count(rowsNow(of, length)) }, 12)?.gain ?? 0,
      )
      near(found?.confidence, 1 - Math.exp(-Math.max(...gains) / 10), 1e-6)
    }
  })

  test('only of whole hours under a name that says so', () => {
    const moved = (name: string, familiar: readonly number[] | undefined): string[] => {
      const features = spec.features.map((feature) => {
        if (feature.kind !== 'numeric' || feature.name !== 'hour') return feature
        const { familiar: _, ...plain } = feature
        return { ...plain, name, ...(familiar === undefined ? {} : { familiar }) }
      })
      const of: ProfileSpec = { features, conditionals: [], crosses: [] }
      const history = makeHistory(of)
      for (const [hour, list] of changed('hour', (x: number) => (x + 4) % 24)) {
        const profile = emptyProfile(of)
        for (const row of list) add(profile, row)
        addHour(history, hour, profile)
      }
      return kinds(explain(history, HOUR, [name])).filter((kind) => kind === 'clock')
    }
    const hours = Array.from({ length: 24 }, (_, i) => i)
    assert.deepEqual(
      [moved('sched_hour', hours), moved('HOD', hours), moved('clock_in', hours)],
      [['clock'], ['clock'], ['clock']],
    )
    assert.deepEqual(moved('count', hours), [])
    assert.deepEqual(moved('hour', [...hours, 24]), [])
    assert.deepEqual(moved('hour', [-1, ...hours]), [])
    assert.deepEqual(moved('hour', [...hours.slice(0, 5), 4.5]), [])
    assert.deepEqual(moved('hour', undefined), [])
  })
})

describe('another unit', () => {
  test('is named with what is usual, as certain as the likelihoods say', () => {
    const of = changed('temp', (x: number) => (x - 32) / 1.8)
    const [found, ...more] = said(of, 'temp')
    assert.equal(more.length, 0)
    const best = [1, 2, 3].map((length) => {
      const past = rowsPast(length).map((list) => column(list, 'temp'))
      const [means, logs] = [past.map(mean), past.map((values) => Math.log(spread(values)))]
      const sd = (values: readonly number[]): number =>
        Math.sqrt(values.reduce((s, x) => s + (x - mean(values)) ** 2, 0) / (values.length - 1))
      const now = column(rowsNow(of, length), 'temp')
      const usual = {
        mean: mean(means),
        drift: sd(means),
        spread: Math.exp(mean(logs)),
        spreadDrift: sd(logs),
        scale: 10,
      }
      const named = detectUnit('temp', usual, { n: now.length, mean: mean(now), sd: spread(now) })
      return { confidence: named?.confidence ?? 0, now: mean(now), usual: usual.mean, rows: now.length }
    })
    const expected = best.reduce((a, b) => (b.confidence >= a.confidence ? b : a))
    near(found?.confidence, expected.confidence, 1e-6)
    const about = (x: number): string => String(Number(x.toPrecision(4)))
    assert.deepEqual(
      [found?.kind, found?.name, found?.text, found?.rows],
      [
        'unit',
        '°F → °C',
        `unit changed °F → °C: temp is ${about(expected.now)} where ${about(expected.usual)} is usual`,
        expected.rows,
      ],
    )
  })

  test('of a feature that is mostly 0 the other values are compared', () => {
    const of = changed('rain', (x: number) => x * 25.4)
    const found = said(of, 'rain').find((one) => one.kind === 'unit')
    assert.equal(found?.name, 'in → mm')
    const wet = column(rowsNow(of, found.rows / 60), 'rain').filter((x) => x !== 0)
    assert.ok(found.text.includes(`rain is ${String(Number(mean(wet).toPrecision(4)))} where`), found.text)
  })

  test('raw values are asked for by feature and hours, where the reference has few', () => {
    const asked: string[] = []
    const values: RecentValues = (feature, hours) => {
      asked.push(`${feature} ${hours}`)
      return undefined
    }
    said(
      changed('temp', (x: number) => x * 2),
      'temp',
      values,
    )
    assert.deepEqual(asked, ['temp 1', 'temp 2', 'temp 3'])
  })
})

describe('several', () => {
  test('the most certain first, one of a feature and kind', () => {
    const of = changed('temp', (x: number) => (x - 32) / 1.8)
    const both = new Map(
      [...of].map(([hour, list]) => [
        hour,
        hour > HOUR - 3 ? list.map((row) => row.map((x, k) => (k === 2 ? null : x))) : list,
      ]),
    )
    const found = explain(historyOf(both), HOUR, NAMES)
    assert.deepEqual(found.map((one) => `${one.feature} ${one.kind}`).toSorted(), ['age missing', 'temp unit'])
    assert.ok(found.every((one, i) => i === 0 || one.confidence <= (found[i - 1]?.confidence ?? 0)))
  })
})
