/** Measures where values, days or categories are few: from how many on each is told. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { addHour, makeHistory } from './history.ts'
import { near } from './near.fixture.ts'
import type { ProfileSpec } from './profile-spec.ts'
import { add, emptyProfile } from './profile.ts'
import { measure } from './window.ts'
import type { FeatureStatistics } from './window.ts'

const spec: ProfileSpec = {
  features: [
    {
      kind: 'numeric',
      name: 'step',
      edges: [1, 2, 3, 4],
      low: 0,
      high: 10,
      centre: 2,
      scale: 1,
      familiar: [1, 2, 3, 4],
    },
    { kind: 'categorical', name: 'c', values: ['a', 'b'] },
    { kind: 'categorical', name: 'alone', values: ['p', 'q'] },
  ],
  conditionals: [{ value: 'step', by: 'c' }],
  crosses: [],
}

type Row = readonly [step: number | null, c: string | null, alone: string | null]
/** Row i of the window that ends on a day; day 0 is the one that is judged, the others lie so many days before. */
type Maker = (i: number, day: number) => Row

const HOUR = 24 * 40 + 12
const usual: Maker = (i, day) => [1 + ((i + day * (i % 3)) % 4), i % 2 === 0 ? 'a' : 'b', i % 3 === 0 ? 'p' : 'q']

/** One hour of rows a day, at noon; halves are hours −1 and 0 of a window of two. */
function measured(make: Maker, days = 10, rows: (day: number) => number = () => 120): FeatureStatistics[] {
  const history = makeHistory(spec)
  for (let day = 0; day <= days + 1; day++) {
    if (day === 1) continue
    for (const half of [0, 1]) {
      const profile = emptyProfile(spec)
      for (let i = 0; i < rows(day) / 2; i++) add(profile, make(2 * i + half, day))
      addHour(history, HOUR - 24 * day - 1 + half, profile)
    }
  }
  const plan = { length: 2, minRows: 20, minDays: 3, minValues: 50, days: { from: 2, to: days + 1 } }
  const found = measure(history, HOUR, plan)
  assert.ok(found)
  return [...found.features]
}

const step = (make: Maker, days?: number): FeatureStatistics['measures'] => measured(make, days)[0]?.measures ?? {}
const category = (make: Maker, days?: number, rows?: (day: number) => number): FeatureStatistics => {
  const found = measured(make, days, rows)[1]
  assert.ok(found)
  return found
}

describe('values that are none of the reference’s, in a feature that is not mostly 0', () => {
  /** Of every `n` rows one lies between two values. */
  const odd =
    (now: number, before: number): Maker =>
    (i, day) => {
      const [value, c, alone] = usual(i, day)
      return [i % (day === 0 ? now : before) === 0 ? 1.5 : value, c, alone]
    }

  test('their share rises above that of past days', () => {
    near(step(odd(4, 1000)).unfamiliar, 1 / 4 - 1 / 120, 1e-9)
    near(step(odd(4, 10)).unfamiliar, 1 / 4 - 1 / 10, 1e-9)
    assert.equal(step(odd(20, 4)).unfamiliar, 0, 'a fall is none')
  })

  test('needs 25 values', () => {
    const few =
      (n: number): Maker =>
      (i, day) => [day === 0 ? (i < n ? 1.5 : null) : (usual(i, day)[0] ?? null), 'a', 'p']
    // judged with at least 50 values; those of the gap count, so that all of them tell
    assert.equal(step(few(50)).unfamiliar, 1)
    assert.equal(step(few(49)).unfamiliar, undefined)
  })
})

describe('halves of a window', () => {
  const missing =
    (n: number, day: number): Maker =>
    (i, at) => {
      const [value, c, alone] = usual(i, at)
      // the newer half has odd numbers
      return [at === day && i % 2 === 1 && i >= n ? null : value, c, alone]
    }

  test('each needs half of the values that a feature needs', () => {
    assert.ok(step(missing(50, 0)).step !== undefined, '25 in the newer half')
    assert.equal(step(missing(48, 0)).step, undefined, '24 in the newer half')
    assert.ok(step(missing(48, 0)).z !== undefined)
  })

  test('one with fewer values does not stand still, whatever they are', () => {
    const still =
      (values: number): Maker =>
      (i, at) => {
        const [value, c, alone] = usual(i, at)
        if (at !== 0 || i % 2 === 0) return [value, c, alone]
        return [i < 2 * values ? 2 : null, c, alone]
      }
    assert.deepEqual([step(still(25)).frozen, step(still(24)).frozen], [0.5, 0])
  })

  test('five past days are compared with', () => {
    const thin =
      (full: number): Maker =>
      (i, at) =>
        at > 1 + full ? missing(48, at)(i, at) : usual(i, at)
    assert.ok(step(thin(5)).step !== undefined)
    assert.equal(step(thin(4)).step, undefined)
    assert.ok(step(thin(4)).z !== undefined)
  })

  test('a feature needs five past days with half of its values', () => {
    const empty =
      (full: number): Maker =>
      (i, at) => {
        const [value, c, alone] = usual(i, at)
        return [at > 1 + full && i >= 24 ? null : value, c, alone]
      }
    assert.ok(step(empty(5)).psi !== undefined)
    assert.equal(step(empty(4)).psi, undefined)
  })
})

describe('categories', () => {
  test('one with too few values has only what its missing ones tell', () => {
    const few =
      (n: number): Maker =>
      (i, day) => [usual(i, day)[0], day === 0 && i >= n ? null : usual(i, day)[1], 'p']
    assert.ok(category(few(50)).measures.psi !== undefined)
    const found = category(few(49))
    assert.deepEqual([found.measures.psi, found.measures.unknown, found.n], [undefined, undefined, 49])
    assert.ok((found.measures.nulls ?? 0) > 5)
  })

  test('one that past days never had is not compared', () => {
    const found = category((i, day) => [1, day === 0 ? 'a' : null, 'p'])
    assert.deepEqual([found.measures.psi, found.n], [undefined, 120])
  })

  test('one that crosses with none has no joint distance', () => {
    const found = measured(usual)
    assert.deepEqual([found[1]?.measures.joint, found[2]?.measures.joint], [0, 0])
    assert.equal(found[2]?.category, undefined, 'no mean is asked for by it')
  })

  /** Category b has so many rows of today's, and of past days'; its mean moves today. */
  const rare =
    (now: number, before: number): Maker =>
    (i, day) => {
      const isB = i < (day === 0 ? now : before)
      return [isB ? (day === 0 ? 9 : 1 + ((i + day) % 2)) : 1 + ((i + day) % 4), isB ? 'b' : 'a', 'p']
    }

  test('a mean by category needs eight rows now, four on a past day, and seven such days', () => {
    assert.equal(category(rare(8, 8)).category, 'b')
    assert.equal(category(rare(7, 8)).category, 'a')
    assert.equal(category(rare(8, 4)).category, 'b')
    assert.equal(category(rare(8, 3)).category, 'a')
    assert.equal(category(rare(8, 8), 7).category, 'b')
    assert.equal(category(rare(8, 8), 6).category, undefined)
  })

  test('a spread of the means counts as at least a twentieth of the number’s deviation', () => {
    const flat: Maker = (i, day) => [i % 2 === 0 ? 2 : day === 0 ? 2.5 : 2, i % 2 === 0 ? 'a' : 'b', 'p']
    const found = category(flat)
    near(found.measures.conditional, 0.5 / 0.05, 1e-9)
    assert.equal(found.category, 'b')
  })
})
