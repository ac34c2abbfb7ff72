/** Which window an hour is judged by: chosen by counts of rows alone, longer where they are few, and none while a shorter one rests. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { makeHistory } from './history.ts'
import type { History } from './history.ts'
import { filledBy, lookAt, planOf, reachOf } from './lengths.ts'
import type { LastJudged, Length } from './lengths.ts'
import type { ProfileSpec } from './profile-spec.ts'
import { add, emptyProfile } from './profile.ts'

const spec: ProfileSpec = { features: [{ kind: 'categorical', name: 'c', values: ['a'] }], conditionals: [] }
const DAYS = 60

/** Hours 0 … 60 days, each with as many rows as said. */
function historyOf(rows: (hour: number) => number): History {
  const history = makeHistory(spec)
  for (let hour = 0; hour < DAYS * 24; hour++) {
    const profile = emptyProfile(spec)
    const n = rows(hour)
    for (let i = 0; i < n; i++) add(profile, ['a'])
    if (n > 0) history.hours.set(hour, profile)
  }
  return history
}

/** The length that each hour of the last ten days is judged by, replayed as the monitor does; 0 where it is not judged. */
function lengths(history: History): (Length | 0)[] {
  let last: LastJudged = {}
  // three days before, so that what rests at the beginning does not count
  return Array.from({ length: 13 * 24 }, (_, i) => {
    const hour = (DAYS - 13) * 24 + i
    const { window } = lookAt(history, hour, last)
    if (window === undefined) return 0
    last = { ...last, [window.length]: hour }
    return window.length
  }).slice(3 * 24)
}
const among = (found: readonly number[]): number[] => [...new Set(found)].sort((a, b) => a - b)

describe('an hour is judged by', () => {
  it('six hours that have a hundred rows, a day that has, a week that has, and else by nothing', () => {
    for (const [rows, expected] of [
      [() => 17, [6]],
      [() => 5, [24]],
      [() => 1, [168]],
      [(hour: number) => (hour % 2 === 0 ? 1 : 0), [0]],
    ] as const)
      assert.deepEqual(among(lengths(historyOf(rows))), expected)
  })

  it('its six hours alone where traffic only rests at night', () => {
    const found = lengths(historyOf((hour) => (hour % 24 >= 6 && hour % 24 < 20 ? 30 : 0)))
    assert.deepEqual(among(found), [0, 6])
    // four rows short of a hundred at the edges of the night
    assert.equal(found.filter((length) => length === 6).length, 10 * 13)
  })

  it('a day only once six hours were too few for a day, and a week only two days after anything shorter', () => {
    const end = (DAYS - 8) * 24
    const found = lengths(historyOf((hour) => (hour < end ? 20 : 5)))
    const first = found.indexOf(24)
    const last = found.lastIndexOf(6)
    assert.equal(first - last, 24)
    assert.deepEqual(among(found.slice(first)), [24])
    const slow = lengths(historyOf((hour) => (hour < end ? 5 : 1)))
    assert.equal(slow.indexOf(168) - slow.lastIndexOf(24), 48)
  })

  it('the same window whatever the values in it say', () => {
    const rows = (hour: number): number => (hour % 24 < 12 ? 6 : 4)
    const strange = historyOf(rows)
    for (let hour = (DAYS - 3) * 24; hour < DAYS * 24; hour++) {
      const profile = emptyProfile(spec)
      for (let i = 0; i < rows(hour); i++) add(profile, [null])
      strange.hours.set(hour, profile)
    }
    assert.deepEqual(lengths(strange), lengths(historyOf(rows)))
  })
})

describe('a look says what an hour lacks', () => {
  it('rows, or earlier days', () => {
    const few = historyOf((hour) => (hour % 4 === 0 ? 1 : 0))
    assert.deepEqual(lookAt(few, 50 * 24), { lacks: 'rows' })
    const fresh = historyOf((hour) => (hour >= 50 * 24 ? 40 : 0))
    assert.deepEqual(lookAt(fresh, 51 * 24), { lacks: 'days' })
    assert.deepEqual(lookAt(few, 50 * 24, { 24: 50 * 24 - 1 }), {}, 'nothing while a longer window rests')
  })

  it('and uses no length that it may not', () => {
    const busy = historyOf(() => 40)
    assert.equal(lookAt(busy, 50 * 24, {}, [24, 168]).window?.length, 24)
  })
})

it('a week is compared with weeks that share no row with it or with the two days before it', () => {
  const { days, length = 0 } = planOf(168)
  assert.ok(days !== undefined && days.from * 24 >= length + 48)
  assert.equal(reachOf(168), 30 * 24 + 168)
  assert.equal(reachOf(6), 29 * 24 + 6)
})

it('a day and a week are judged once an endpoint has had one; six hours at once', () => {
  const all = [6, 24, 168] as const
  assert.deepEqual(
    [1, 23, 24, 167, 168].map((hours) => filledBy(hours, all).length),
    [1, 1, 2, 2, 3],
  )
})
