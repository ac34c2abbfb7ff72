import assert from 'node:assert/strict'
import { test } from 'node:test'
import { calibrateFor, cleanPast, cleanWindows, confirmed, FLOORS, judge, returnLevel } from './calibrate.ts'
import { explain } from './explain.ts'
import { addHour, makeHistory, matchedWindows, MATCHED_DAYS, windowOf } from './history.ts'
import type { History } from './history.ts'
import { makeSpec } from './profile-spec.ts'
import { add, emptyProfile, rows } from './profile.ts'
import type { Profile } from './profile.ts'
import { prng } from './prng.ts'
import type { Prng } from './prng.ts'
import { measure } from './window.ts'

const NAMES = ['temp', 'distance', 'sched_hour', 'age', 'rain', 'carrier']
const CARRIERS = ['AA', 'B6', 'DL', 'EV', 'UA', 'WN']
const REACH = [1300, 1100, 1200, 560, 1500, 900]
type Row = unknown[]

/** Weather of an hour: season, day and night, fronts that last days, and one value for all rows of the hour and airport. */
function weather(random: Prng): (hour: number) => number {
  const fronts = Array.from({ length: 200 }, () => 6 * random.normal())
  return (hour) => {
    const day = hour / 24
    const [a, b] = [fronts[Math.floor(day)]!, fronts[Math.floor(day) + 1]!]
    const degrees =
      60 + 12 * Math.sin(day / 58) + 8 * Math.sin(((hour - 9) / 24) * 2 * Math.PI) + a + (b - a) * (day % 1)
    return Math.round(degrees * 10) / 10
  }
}

/** All rows of 80 days, 40 an hour from 5 to 22 o'clock, by hour. */
function traffic(): Map<number, Row[]> {
  const random = prng(2013)
  const sky = weather(random)
  const byHour = new Map<number, Row[]>()
  for (let hour = 0; hour < 80 * 24; hour++) {
    if (hour % 24 < 5 || hour % 24 > 22) continue
    const local = [0, 1.8, -1.1].map((offset) => Math.round((sky(hour) + offset + random.normal()) * 10) / 10)
    const wet = random.uniform() < 0.3 ? Math.round(1 + 20 * random.uniform()) / 100 : 0
    byHour.set(
      hour,
      Array.from({ length: 40 }, () => flight(random, hour, { local, wet })),
    )
  }
  return byHour
}

function flight(random: Prng, hour: number, air: { local: number[]; wet: number }): Row {
  const carrier = random.below(6)
  const distance = Math.max(80, Math.round(REACH[carrier]! + 250 * random.normal()))
  const age = random.uniform() < 0.15 ? null : 1 + random.below(25)
  return [air.local[random.below(3)]!, distance, (hour % 24) + 1, age, air.wet, CARRIERS[carrier]!]
}

const flights = traffic()
const spec = makeSpec(
  NAMES.map((name, i) => ({
    name,
    values: [...flights].filter(([h]) => h < 900).flatMap(([, list]) => list.map((row) => row[i])),
  })),
)

function profileOf(list: Row[]): Profile {
  const profile = emptyProfile(spec)
  for (const row of list) add(profile, row)
  return profile
}

/** The history, with rows changed from an hour on. */
function historyWith(from: number, change: (row: Row) => Row): History {
  const history = makeHistory(spec)
  for (const [hour, list] of flights) addHour(history, hour, profileOf(hour >= from ? list.map(change) : list))
  return history
}

const clean = historyWith(Infinity, (row) => row)
const past = cleanPast(NAMES, cleanWindows(clean, { from: 31 * 24, to: 60 * 24 }))
const { limits } = calibrateFor(past, { perMonth: 1, counts: () => true })
const START = 66 * 24 + 9

const set =
  (name: string, to: (x: never, row: Row) => unknown) =>
  (row: Row): Row =>
    row.map((x, i) => (NAMES[i] === name && x !== null ? to(x as never, row) : x))

/** Hours until two evaluations in a row found something, and the features they name. */
function caught(history: History): { hours: number; features: string[] } {
  let before = judge(measure(history, START - 1)!, limits)
  for (let hours = 1; hours <= 8; hours++) {
    const now = judge(measure(history, START + hours - 1)!, limits)
    const found = confirmed(before, now)
    if (found.length > 0) return { hours, features: [...new Set(found.map((one) => one.feature))] }
    before = now
  }
  return { hours: Infinity, features: [] }
}

test('windows and matched windows add the right hours; bad hours are left out', () => {
  assert.equal(rows(windowOf(clean, START, 6)), 200)
  assert.equal(matchedWindows(clean, START, 6, { days: MATCHED_DAYS, minRows: 100 }).length, 28)
  const history = historyWith(Infinity, (row) => row)
  for (let h = START - 48 - 5; h <= START - 48; h++) history.bad.add(h)
  assert.equal(matchedWindows(history, START, 6, { days: MATCHED_DAYS, minRows: 100 }).length, 27)
  assert.equal(measure(clean, 24 + 12), undefined)
  assert.equal(measure(clean, 70 * 24 + 3), undefined)
})

test('limits are at least the floors and cover the clean weeks; the following weeks stay nearly silent', () => {
  assert.ok(limits['temp']!.z >= FLOORS.z)
  let [pages, before] = [0, judge(measure(clean, 61 * 24 + 11)!, limits)]
  for (let hour = 61 * 24 + 12; hour < 80 * 24; hour++) {
    const window = measure(clean, hour)
    const now = window ? judge(window, limits) : []
    if (confirmed(before, now).length > 0) pages += 1
    before = now
  }
  assert.ok(pages <= 9, `${pages} of 450 evaluations`)
})

/** Numeric values of a feature in some hours, as they were sent. */
function valuesOf(index: number, span: { from: number; to: number; change: (row: Row) => Row }): number[] {
  const hours = [...flights].filter(([h]) => h >= span.from && h <= span.to)
  return hours
    .flatMap(([h, list]) => list.map((row) => (h >= START ? span.change(row) : row)[index]))
    .filter((x) => typeof x === 'number')
}

const FAULTS: [name: string, change: (row: Row) => Row, feature: string, expected?: RegExp][] = [
  ['°F → °C', set('temp', (x: number) => (x - 32) / 1.8), 'temp', /unit changed °F → °C/],
  ['miles → km', set('distance', (x: number) => x * 1.609344), 'distance', /unit changed mi → km/],
  ['local → UTC', set('sched_hour', (x: number) => (x + 4) % 24), 'sched_hour', /moved by \+4 h/],
  ['carrier codes shifted', set('carrier', (x: string) => CARRIERS[(CARRIERS.indexOf(x) + 1) % 6]), 'carrier'],
  ['frozen', set('temp', () => 61.3), 'temp', /stands still at 61.3/],
  [
    'equal shares swapped',
    set('carrier', (x: string) => ({ EV: 'UA', UA: 'EV' })[x] ?? x),
    'carrier',
    /EV and UA changed places|UA and EV changed places/,
  ],
  [
    'null → default',
    (row) => row.map((x, i) => (i === 3 && x === null ? 0 : x)),
    'age',
    /missing values of age .* became about -?0/,
  ],
  ['all null', set('age', () => null), 'age', /100 % of age are missing/],
  ['in → mm', set('rain', (x: number) => x * 25.4), 'rain'],
]

for (const [name, change, feature, expected] of FAULTS) {
  test(`${name}: found within 6 hours, and said what it is`, () => {
    const history = historyWith(START, change)
    const { hours, features } = caught(history)
    assert.ok(hours <= 6 && features.includes(feature), `${hours} h: ${features.join()}`)
    if (!expected) return
    const last = START + Math.max(hours, 3) - 1
    const index = NAMES.indexOf(feature)
    const recent = (_: string, length: number): number[] =>
      valuesOf(index, { from: last - length + 1, to: last, change })
    const [first] = explain(history, last, [feature], { values: recent })
    assert.match(first?.text ?? 'nothing', expected)
  })
}

test('clean traffic has no explanation of a changed unit, clock or code', () => {
  for (let day = 62; day < 78; day += 3) {
    const kinds = explain(clean, day * 24 + 15, NAMES).map((one) => one.kind)
    assert.ok(
      !kinds.some((kind) => ['unit', 'clock', 'codes', 'default', 'swap'].includes(kind)),
      explain(clean, day * 24 + 15, NAMES)
        .map((one) => one.text)
        .join(),
    )
  }
})

test('windows in turn are measured, each in all of its features', () => {
  // how long that takes is measured in bench/monitoring
  for (let hour = START; hour < START + 10; hour++)
    assert.deepEqual(
      measure(clean, hour)?.features.map(({ feature }) => feature),
      NAMES,
      `hour ${hour}`,
    )
})

test('two in a row means the same feature; findings are ordered; unknown features are judged by the floors', () => {
  const window = { hour: 1, rows: 200, days: 28, features: [{ feature: 'a', n: 200, measures: { z: 5, psi: 1 } }] }
  const found = judge(window, {})
  assert.deepEqual(
    found.map((one) => [one.measure, one.ratio]),
    [
      ['psi', 4],
      ['z', 1.25],
    ],
  )
  assert.equal(confirmed([{ ...found[0]!, feature: 'b' }], found).length, 0)
  assert.equal(confirmed(found, found).length, 2)
})

test('a return level lies where an exponential tail passes it once in the time', () => {
  const random = prng(5)
  const peaks = Array.from({ length: 2000 }, () => -Math.log(1 - random.uniform()))
  const level = returnLevel(peaks, peaks.length, 200)
  const passed = peaks.filter((peak) => peak > level).length
  assert.ok(passed >= 3 && passed <= 20, `${passed} of 2000 days`)
  assert.ok(Math.abs(returnLevel(peaks, 2000, 100_000) - Math.log(100_000)) < 1.5, 'further than was ever seen')
  assert.equal(returnLevel([2, 4], 2, 1000), 5, 'few days: the largest with a margin')
})

test('fewer false alerts allowed make higher limits, and the cross-validated rate is within what is allowed', () => {
  const random = prng(11)
  const windows = Array.from({ length: 150 * 18 }, (_, i) => ({
    hour: 24 * Math.floor(i / 18) + (i % 18),
    rows: 200,
    days: 28,
    features: ['a', 'b', 'c'].map((feature) => ({ feature, n: 200, measures: { z: Math.abs(2.2 * random.normal()) } })),
  }))
  const calm = cleanPast(['a', 'b', 'c'], windows)
  const at = (perMonth: number) => calibrateFor(calm, { perMonth, counts: () => true })
  const [often, monthly, rarely] = [at(8), at(1), at(0.2)]
  assert.ok(often.limits['a']!.z < monthly.limits['a']!.z && monthly.limits['a']!.z < rarely.limits['a']!.z)
  for (const [one, allowed] of [
    [often, 8],
    [monthly, 1],
    [rarely, 0.2],
  ] as const)
    assert.ok((one.expectedPerMonth ?? Infinity) <= allowed, `${one.expectedPerMonth} of ${allowed}`)
  const onlyA = calibrateFor(calm, { perMonth: 1, counts: (feature) => feature === 'a' })
  assert.ok(onlyA.returnDays <= monthly.returnDays, 'fewer features share the allowance')
  assert.deepEqual([monthly.limits['a']!.outside, monthly.limits['a']!.unknown], [0.5, 0.05])
})

test('a window in which a measure has no value holds nothing, and spoils no other window of its day', () => {
  const windows = [2, Number.NaN, 3, 4].map((nulls, hour) => ({
    hour,
    rows: 100,
    days: 28,
    features: [{ feature: 'a', n: 100, measures: { nulls } }],
  }))
  assert.deepEqual(cleanPast(['a'], windows).features['a']?.nulls, { peaks: [4], held: [3] })
})

test('peaks are kept to four digits, the largest of a day', () => {
  const windows = [1.23456, 1.23412, 0.5, 1.23449].map((z, hour) => ({
    hour,
    rows: 100,
    days: 28,
    features: [{ feature: 'a', n: 100, measures: { z } }],
  }))
  assert.deepEqual(cleanPast(['a'], windows).features['a']?.z, { peaks: [1.235], held: [1.234] })
})
