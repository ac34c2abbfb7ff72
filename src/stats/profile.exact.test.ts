/** Each number of a profile against counts and sums over the rows. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { near } from './near.fixture.ts'
import { prng } from './prng.ts'
import { planOf } from './profile-layout.ts'
import type { NumericSpec, ProfileSpec } from './profile-spec.ts'
import { categorical, conditional, crossed, numeric } from './profile-view.ts'
import { add, emptyProfile, merge, mergeAll, profileColumns, profileFromJson, profileToJson, rows } from './profile.ts'
import type { Profile } from './profile.ts'

const temperature: NumericSpec = {
  kind: 'numeric',
  name: 'temp',
  edges: [10, 20, 30],
  low: 0,
  high: 50,
  centre: 25,
  scale: 8,
}
const steps: NumericSpec = {
  kind: 'numeric',
  name: 'step',
  edges: [0, 1, 2],
  low: -10,
  high: 10,
  centre: 1,
  scale: 1,
  familiar: [0, 1, 1.5, 5, 5.5, 6],
}

const spec: ProfileSpec = {
  features: [
    temperature,
    { kind: 'categorical', name: 'carrier', values: ['AA', '7'] },
    steps,
    { kind: 'categorical', name: 'airport', values: ['JFK', 'LGA', 'EWR'] },
  ],
  conditionals: [
    { value: 'temp', by: 'carrier' },
    { value: 'step', by: 'airport' },
  ],
  crosses: [
    { a: 'carrier', b: 'airport' },
    { a: 'airport', b: 'carrier' },
  ],
}

function profileOf(list: readonly (readonly unknown[])[]): Profile {
  const profile = emptyProfile(spec)
  for (const row of list) add(profile, row)
  return profile
}

/** Rows with everything that may come. */
function randomRows(seed: number, n: number): unknown[][] {
  const random = prng(seed)
  const pick = (of: readonly unknown[]): unknown => of[random.below(of.length)]
  return Array.from({ length: n }, () => [
    pick([null, undefined, Number.NaN, Infinity, -Infinity, 'x', 0, 5, 10, 15, 20, 25.5, 30, 31, 50, 51, -1, 3n, true]),
    pick([null, 'AA', 7, '7', 7n, 'ZZ', Number.NaN, undefined, 'AA']),
    pick([0, 0.5, 1, 1.2, 1.5, 2, 3, 4.9, 5, 5.2, 6, 7, -3, 40]),
    pick(['JFK', 'LGA', 'EWR', 'BOS', null]),
  ])
}

const list = randomRows(4, 600)
const profile = profileOf(list)

/** Values of a feature that count as finite numbers. */
function finite(feature: number): number[] {
  return list
    .map((row) => row[feature])
    .map((x) => (typeof x === 'bigint' || typeof x === 'boolean' ? Number(x) : x))
    .filter((x): x is number => typeof x === 'number' && Number.isFinite(x))
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length
const spread = (values: readonly number[]): number => Math.sqrt(mean(values.map((x) => x * x)) - mean(values) ** 2)

describe('a numeric feature', () => {
  const view = numeric(profile, 0)
  const values = finite(0)

  test('what is missing, not finite or no number is counted as such', () => {
    const of = (test: (x: unknown) => boolean): number => list.filter((row) => test(row[0])).length
    assert.equal(view.n, values.length)
    assert.equal(
      view.nulls,
      of((x) => x === null || x === undefined || Number.isNaN(x)),
    )
    assert.equal(
      view.nonfinite,
      of((x) => x === Infinity || x === -Infinity),
    )
    assert.equal(
      view.invalid,
      of((x) => x === 'x'),
    )
    assert.equal(view.zeros, values.filter((x) => x === 0).length)
    assert.equal(view.implausible, values.filter((x) => x < 0 || x > 50).length)
    assert.equal(rows(profile), 600)
  })

  test('means and deviations are of the plausible values, of all, and of those that are not 0', () => {
    const plausible = values.filter((x) => x >= 0 && x <= 50)
    near(view.mean, mean(plausible), 1e-9)
    near(view.sd, spread(plausible), 1e-9)
    near(view.meanOfAll, mean(values), 1e-9)
    near(view.sdOfAll, spread(values), 1e-9)
    const wet = plausible.filter((x) => x !== 0)
    near(view.nonZeroMean, mean(wet), 1e-9)
    near(view.nonZeroSd, spread(wet), 1e-9)
    assert.deepEqual([view.min, view.max], [Math.min(...values), Math.max(...values)])
  })

  test('where 0 is not plausible, zeros do not count among the plausible values', () => {
    for (const [low, high] of [
      [0.5, 50],
      [-50, -0.5],
      [-50, 0],
      [0, 50],
    ] as const) {
      const of: ProfileSpec = { features: [{ ...temperature, low, high }], conditionals: [] }
      const some = emptyProfile(of)
      const all = [-9, -3, 0, 0, 4, 12]
      for (const x of all) add(some, [x])
      const counted = all.filter((x) => x !== 0 && x >= low && x <= high)
      near(numeric(some, 0).nonZeroMean, mean(counted), 1e-9)
      near(numeric(some, 0).nonZeroSd, spread(counted), 1e-7)
    }
  })

  test('a bin has what lies from its edge up to the next; the last edge belongs to the bin before it', () => {
    const bin = (x: number): number => (x < 10 ? 0 : x < 20 ? 1 : x <= 30 ? 2 : 3)
    const binned = [0, 1, 2, 3].map((i) => values.filter((x) => bin(x) === i))
    assert.deepEqual(
      [...view.counts],
      binned.map((of) => of.length),
    )
    for (const [i, of] of binned.entries()) near(view.binMean(i), mean(of), 1e-9)
    const none = numeric(emptyProfile(spec), 0)
    assert.ok(Number.isNaN(none.binMean(1)) && Number.isNaN(none.mean) && Number.isNaN(none.sdOfAll))
    assert.deepEqual([none.min, none.max], [Infinity, -Infinity])
  })

  test('a value between familiar ones is unfamiliar, or vague where they lie far apart', () => {
    const found = numeric(profile, 2)
    const familiar = steps.familiar ?? []
    // gaps are 1, 0.5, 3.5, 0.5, 0.5: the median is 0.5, and from 0.95 on the reference is too sparse to tell
    const between = finite(2).filter(
      (x) => x > 0 && x < 6 && !familiar.includes(Math.fround(x)) && !familiar.includes(x),
    )
    const dense = (x: number): boolean => (x > 1 && x < 1.5) || (x > 5 && x < 5.5) || (x > 5.5 && x < 6)
    assert.equal(found.unfamiliar, between.filter(dense).length)
    assert.equal(found.vague, between.filter((x) => !dense(x)).length)
    assert.ok(found.unfamiliar > 0 && found.vague > 0)
    assert.deepEqual([view.unfamiliar, view.vague], [0, 0], 'a continuous feature has none')
  })

  test('a feature of another kind, or one that is not there, is refused', () => {
    for (const feature of [1, 4, -1])
      assert.throws(() => numeric(profile, feature), /feature: got .*, expected a numeric feature/)
    for (const feature of [0, 4]) assert.throws(() => categorical(profile, feature), /expected a categorical feature/)
    assert.throws(() => conditional(profile, 2), /index: got 2, expected a conditional of the spec/)
    assert.throws(() => crossed(profile, 2), /index: got 2, expected a cross of the spec/)
  })
})

const CARRIERS = ['AA', '7']
const AIRPORTS = ['JFK', 'LGA', 'EWR']
const missing = (x: unknown): boolean => x === null || x === undefined || Number.isNaN(x)
/** Place in a dictionary, its length for other values, −1 for none. */
function place(values: readonly string[], x: unknown): number {
  if (missing(x)) return -1
  const at = values.indexOf(String(x))
  return at < 0 ? values.length : at
}

describe('categories', () => {
  test('are counted by the dictionary; 7 and the text 7 are one', () => {
    for (const [feature, values] of [
      [1, CARRIERS],
      [3, AIRPORTS],
    ] as const) {
      const places = list.map((row) => place(values, row[feature]))
      const view = categorical(profile, feature)
      assert.equal(view.nulls, places.filter((at) => at < 0).length)
      assert.equal(view.n, places.filter((at) => at >= 0).length)
      assert.deepEqual(
        [...view.counts],
        [...values, 'other'].map((_, i) => places.filter((at) => at === i).length),
      )
    }
    assert.deepEqual(categorical(profile, 1).unseen, [['ZZ', list.filter((row) => row[1] === 'ZZ').length]])
  })

  test('means by category are of the finite numbers of rows that have both', () => {
    for (const [index, value, by, values] of [
      [0, 0, 1, CARRIERS],
      [1, 2, 3, AIRPORTS],
    ] as const) {
      const view = conditional(profile, index)
      for (let i = 0; i <= values.length; i++) {
        const mine = list
          .filter((row) => place(values, row[by]) === i)
          .map((row) => row[value])
          .filter((x): x is number => typeof x === 'number' && Number.isFinite(x))
        assert.equal(view.count(i), mine.length)
        near(view.mean(i), mean(mine), 1e-9)
      }
    }
    assert.ok(Number.isNaN(conditional(emptyProfile(spec), 0).mean(0)))
  })

  test('pairs are counted row by row of the first, others last', () => {
    for (const [index, a, b] of [
      [0, 1, 3],
      [1, 3, 1],
    ] as const) {
      const [first, second] = a === 1 ? [CARRIERS, AIRPORTS] : [AIRPORTS, CARRIERS]
      const { counts, width } = crossed(profile, index)
      assert.deepEqual([width, counts.length], [second.length + 1, 12])
      for (let i = 0; i <= first.length; i++)
        for (let j = 0; j <= second.length; j++) {
          const both = list.filter((row) => place(first, row[a]) === i && place(second, row[b]) === j).length
          assert.equal(counts[i * width + j], both)
        }
    }
  })

  test('names of values outside the dictionary are kept with their counts, the 20 most frequent, 128 characters of each', () => {
    const some = emptyProfile(spec)
    const row = (carrier: unknown): unknown[] => [1, carrier, 1, 'JFK']
    for (let i = 0; i < 20; i++) for (let k = 0; k <= i; k++) add(some, row(`v${i}`))
    add(some, row('x'.repeat(200)))
    const { unseen } = categorical(some, 1)
    assert.equal(unseen.length, 20)
    assert.deepEqual(unseen[0], ['v19', 20])
    assert.deepEqual(
      unseen.find(([name]) => name.startsWith('x')),
      ['x'.repeat(128), 2],
      'it takes the place and count of the rarest',
    )
    assert.equal(
      unseen.some(([name]) => name === 'v0'),
      false,
    )
    assert.deepEqual(
      unseen.map(([, count]) => count),
      unseen.map(([, count]) => count).toSorted((a, b) => b - a),
    )
  })
})

describe('sums', () => {
  const cells = (of: Profile): number[] => [...of.cells].map((x) => Number(x.toPrecision(10)))

  test('the profile of two parts is that of all rows', () => {
    const [a, b] = [profileOf(list.slice(0, 200)), profileOf(list.slice(200))]
    const sum = mergeAll(spec, [a, b])
    assert.deepEqual(cells(sum), cells(profile))
    assert.deepEqual([sum.mins, sum.maxs], [profile.mins, profile.maxs])
    assert.deepEqual(categorical(sum, 1).unseen, categorical(profile, 1).unseen)
    merge(a, b)
    assert.deepEqual(cells(a), cells(profile))
    assert.equal(rows(b), 400, 'what was added stays as it was')
  })

  test('of unseen values the most frequent of both are kept', () => {
    const part = (names: readonly (readonly [string, number])[]): Profile => {
      const some = emptyProfile(spec)
      for (const [name, count] of names) for (let i = 0; i < count; i++) add(some, [1, name, 1, 'JFK'])
      return some
    }
    const many = Array.from({ length: 15 }, (_, i) => [`a${i}`, 3] as const)
    const others = Array.from({ length: 15 }, (_, i) => [`c${i}`, 2] as const)
    const sum = part([...many, ['both', 1]])
    merge(sum, part([...others, ['both', 4]]))
    const { unseen } = categorical(sum, 1)
    assert.equal(unseen.length, 20)
    assert.deepEqual(unseen[0], ['both', 5])
    assert.equal(unseen.filter(([name]) => name.startsWith('a')).length, 15)
    assert.equal(unseen.filter(([name]) => name.startsWith('c')).length, 4)
  })

  test('profiles of other shapes are not added', () => {
    const other: ProfileSpec = { features: [temperature], conditionals: [] }
    assert.throws(() => merge(emptyProfile(spec), emptyProfile(other)), { code: 'unprocessable' })
    // as many cells in all, of another number of features
    const two: ProfileSpec = {
      features: [temperature, { kind: 'categorical', name: 'c', values: ['a'] }],
      conditionals: [],
    }
    const one: ProfileSpec = { features: [{ ...temperature, edges: [1, 2, 3, 4, 5] }], conditionals: [] }
    assert.deepEqual([planOf(two).size, planOf(one).size], [24, 24])
    assert.throws(() => merge(emptyProfile(two), emptyProfile(one)), { code: 'unprocessable' })
  })

  test('columns are found by name; one that is not there is missing in every row; the longest counts', () => {
    const found = profileColumns(spec, [
      { name: 'carrier', values: ['AA', 'AA', '7'] },
      { name: 'temp', values: [12, 14] },
      { name: 'other', values: [1, 2, 3] },
    ])
    assert.equal(rows(found), 3)
    assert.deepEqual([numeric(found, 0).n, numeric(found, 0).nulls, numeric(found, 2).nulls], [2, 1, 3])
    assert.deepEqual([...categorical(found, 1).counts], [2, 1, 0])
    assert.equal(rows(profileColumns(spec, [])), 0)
  })
})

describe('as JSON', () => {
  test('filled cells are written by their distance, extremes of features with values, unseen values by feature', () => {
    const some = profileOf([[12, 'ZZ', null, null]])
    const json = profileToJson(some)
    const filled = [...some.cells].flatMap((value, i) => (value === 0 ? [] : [[i, value]]))
    let at = -1
    const read: number[][] = []
    for (let i = 0; i < json.cells.length; i += 2) read.push([(at += json.cells[i] ?? 0), json.cells[i + 1] ?? 0])
    assert.deepEqual(read, filled)
    assert.deepEqual(json.extremes, [12, 12, null, null, null, null, null, null])
    assert.deepEqual(json.unseen, [[1, 'ZZ', 1]])
    assert.equal(json.size, some.cells.length)
  })

  test('what was written is read again, all of it', () => {
    const back = profileFromJson(
      spec,
      JSON.parse(JSON.stringify(profileToJson(profile))) as ReturnType<typeof profileToJson>,
    )
    assert.deepEqual(back, profile)
  })

  test('a distance without its value at the end is left out', () => {
    const json = profileToJson(profile)
    assert.deepEqual(profileFromJson(spec, { ...json, cells: [...json.cells, 1] }), profile)
  })

  test('a profile of another spec is refused with both sizes', () => {
    const json = profileToJson(profile)
    const size = profile.cells.length
    assert.throws(
      () => profileFromJson(spec, { ...json, size: size - 1 }),
      new RegExp(`a profile of ${size - 1} cells does not fit a spec of ${size}`),
    )
  })
})
