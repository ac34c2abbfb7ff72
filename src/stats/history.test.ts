/** Hours of profiles: which ones a window has, what is kept of sums, and what makes them anew. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addHour, cleanWindow, makeHistory, matchedWindows, MATCHED_DAYS, windowOf } from './history.ts'
import type { History } from './history.ts'
import { makeSpec } from './profile-spec.ts'
import { add, emptyProfile, rows } from './profile.ts'
import type { Profile } from './profile.ts'

const spec = makeSpec([{ name: 'x', values: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] }])

function profileOf(count: number): Profile {
  const profile = emptyProfile(spec)
  for (let i = 0; i < count; i++) add(profile, [i % 10])
  return profile
}

/** A history whose hour h has as many rows as `rowsOf` says. */
function historyOf(hours: readonly number[], rowsOf: (hour: number) => number): History {
  const history = makeHistory(spec)
  for (const hour of hours) addHour(history, hour, profileOf(rowsOf(hour)))
  return history
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i)

test('a window is the hours that end with its own; hours without traffic add nothing', () => {
  const history = historyOf([1, 2, 3, 5], (hour) => 10 ** hour)
  assert.equal(rows(windowOf(history, 3, 2)), 1100)
  assert.equal(rows(windowOf(history, 3, 3)), 1110)
  assert.equal(rows(windowOf(history, 5, 2)), 100_000)
  assert.equal(rows(windowOf(history, 4, 1)), 0)
})

test('rows that come late are added to their hour, and the profile that brought them stays as it was', () => {
  const history = makeHistory(spec)
  const [first, late] = [profileOf(3), profileOf(2)]
  addHour(history, 7, first)
  addHour(history, 7, late)
  assert.deepEqual([rows(windowOf(history, 7, 1)), rows(first), rows(late)], [5, 3, 2])
})

test('hours marked bad are left out where clean ones are asked for, and only there', () => {
  const history = historyOf([1, 2, 3], (hour) => 10 ** hour)
  history.bad.add(2)
  assert.deepEqual([rows(windowOf(history, 3, 3)), rows(windowOf(history, 3, 3, true))], [1110, 1010])
  assert.equal(rows(cleanWindow(history, 3, 3)), 1010)
})

test('a clean window is kept until one of its hours changes, becomes bad or good again, or comes', () => {
  const history = historyOf([1, 2, 3], () => 10)
  const first = cleanWindow(history, 3, 3)
  assert.equal(cleanWindow(history, 3, 3), first, 'the same object')
  assert.notEqual(cleanWindow(history, 3, 2), first, 'another length is another window')
  assert.equal(rows(cleanWindow(history, 3, 2)), 20)
  addHour(history, 2, profileOf(5))
  assert.equal(rows(cleanWindow(history, 3, 3)), 35)
  history.bad.add(1)
  assert.equal(rows(cleanWindow(history, 3, 3)), 25)
  history.bad.delete(1)
  assert.equal(rows(cleanWindow(history, 3, 3)), 35)
  assert.equal(rows(cleanWindow(history, 4, 2)), 10)
  addHour(history, 4, profileOf(7))
  assert.equal(rows(cleanWindow(history, 4, 2)), 17)
  history.hours.set(4, profileOf(7))
  assert.notEqual(cleanWindow(history, 4, 2), first)
  assert.equal(rows(cleanWindow(history, 4, 2)), 17)
})

test('another history has windows of its own', () => {
  const [one, two] = [historyOf([1], () => 3), historyOf([1], () => 4)]
  assert.deepEqual([rows(cleanWindow(one, 1, 1)), rows(cleanWindow(two, 1, 1))], [3, 4])
})

test('windows of a month are kept; the one that was made longest ago goes first', () => {
  const history = historyOf(range(1, 31 * 24 + 1), () => 1)
  const kept = range(1, 31 * 24).map((hour) => cleanWindow(history, hour, 1))
  assert.equal(cleanWindow(history, 1, 1), kept[0])
  addHour(history, 1, profileOf(1))
  const anew = cleanWindow(history, 1, 1)
  assert.notEqual(anew, kept[0], 'made anew, it is the youngest')
  cleanWindow(history, 31 * 24 + 1, 1)
  assert.equal(cleanWindow(history, 1, 1), anew)
  assert.equal(cleanWindow(history, 3, 1), kept[2])
  assert.notEqual(cleanWindow(history, 2, 1), kept[1])
})

test('matched windows: the same clock hours of days 2 to 29 before, those with enough clean rows', () => {
  const history = historyOf(range(0, 24 * 40), (hour) => (hour % 24 === 12 ? 20 : 1))
  const hour = 24 * 35 + 12
  const match = (minRows: number, days = MATCHED_DAYS): number[] =>
    matchedWindows(history, hour, 2, { days, minRows }).map(rows)
  assert.deepEqual(MATCHED_DAYS, { from: 2, to: 29 })
  assert.deepEqual(
    match(1),
    Array.from({ length: 28 }, () => 21),
  )
  assert.equal(match(21).length, 28)
  assert.equal(match(22).length, 0)
  assert.equal(match(1, { from: 1, to: 3 }).length, 3)
  history.bad.add(hour - 24 * 2)
  history.bad.add(hour - 24 * 30)
  history.bad.add(hour - 24)
  assert.equal(match(21).length, 27)
  assert.deepEqual(match(1)[0], 1)
})
