/** What is learned from reference columns: edges, ranges, dictionaries, and which features belong together. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { near, nearAll } from './near.fixture.ts'
import { prng } from './prng.ts'
import { categoryText, makeSpec } from './profile-spec.ts'
import type { CategoricalSpec, Column, NumericSpec } from './profile-spec.ts'

function numericOf(values: readonly unknown[], options: Parameters<typeof makeSpec>[1] = {}): NumericSpec {
  const [feature] = makeSpec([{ name: 'x', kind: 'numeric', values }], options).features
  assert.ok(feature?.kind === 'numeric')
  return feature
}

function categoricalOf(values: readonly unknown[], options: Parameters<typeof makeSpec>[1] = {}): CategoricalSpec {
  const [feature] = makeSpec([{ name: 'x', kind: 'categorical', values }], options).features
  assert.ok(feature?.kind === 'categorical')
  return feature
}

const range = (n: number, of: (i: number) => number = (i) => i): number[] => Array.from({ length: n }, (_, i) => of(i))
const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.round(q * (sorted.length - 1))] ?? Number.NaN

describe('numeric features', () => {
  test('edges are the quantiles, from the least to the greatest value', () => {
    const values = range(1001, (i) => (i * 377) % 1001)
    const sorted = values.toSorted((a, b) => a - b)
    for (const bins of [2, 5, 20, 64]) {
      const { edges } = numericOf(values, { bins })
      assert.deepEqual(
        edges,
        range(bins + 1, (i) => quantile(sorted, i / bins)),
      )
    }
    assert.equal(numericOf(values).edges.length, 21)
  })

  test('a value that fills whole quantiles has a bin that ends at the next value', () => {
    const values = [...range(60, () => 0), ...range(40, (i) => 1 + i / 128)]
    const { edges } = numericOf(values, { bins: 10 })
    assert.deepEqual(edges.slice(0, 3), [0, 1, 1 + 9 / 128], 'rank 69 of 99')
    assert.equal(edges.at(-1), 1 + 39 / 128)
    assert.ok(edges.every((edge, i) => i === 0 || edge > (edges[i - 1] ?? 0)))
  })

  test('few distinct values have bins of their own, parted in the middle', () => {
    assert.deepEqual(numericOf([5, 1, 2, 2, 5, 1], { bins: 3 }).edges, [1, 1.5, 3.5, 5])
    assert.deepEqual(numericOf([5, 1, 2, 2, 5, 1], { bins: 2 }).edges, [1, 2, 5])
    assert.deepEqual(numericOf([3, 4], { bins: 2 }).edges, [3, 3.5, 4])
  })

  test('they begin at the least and end at the greatest value and rise, also where no number lies between two values', () => {
    const next = 1 + Number.EPSILON
    const columns = [
      [1, next],
      [next, 1, 1, next],
      [1, next, 2],
      [0, 1, next],
      [-next, -1],
      [0, Number.MIN_VALUE],
      [1e300, 2e300],
    ]
    for (const values of columns) {
      for (const bins of [2, 3, 64]) {
        const { edges } = numericOf(values, { bins, plausible: { x: [-Infinity, Infinity] } })
        assert.deepEqual([edges[0], edges.at(-1)], [Math.min(...values), Math.max(...values)], values.join())
        assert.ok(
          edges.every((edge, i) => i === 0 || edge > (edges[i - 1] ?? 0)),
          edges.join(),
        )
      }
    }
  })

  test('one value and none have two edges all the same', () => {
    assert.deepEqual(numericOf([7, 7, 7]).edges, [7, 7 + 7e-9])
    assert.deepEqual(numericOf([0]).edges, [0, 1e-9])
    assert.deepEqual(numericOf([-1e12]).edges, [-1e12, -1e12 + 1000])
    const none = numericOf([null, undefined, Number.NaN, Infinity])
    assert.deepEqual(none, {
      kind: 'numeric',
      name: 'x',
      edges: [0, 1],
      low: -Number.MAX_VALUE,
      high: Number.MAX_VALUE,
      centre: 0,
      scale: 0,
      familiar: [],
    })
  })

  test('plausible is what lies within three widths of the middle 99.8 %, or what is said', () => {
    const values = range(2001, (i) => 100 + i)
    const { low, high } = numericOf(values)
    // 0.1 % is rank 2, 99.9 % rank 1998; the middle, 1100, is less than the width
    near(low, 102 - 3 * 1996)
    near(high, 2098 + 3 * 1996)
    const far = numericOf(range(2001, (i) => 1e6 + i))
    near(far.low, 1e6 + 2 - 3 * (1e6 + 1000))
    near(far.high, 1e6 + 1998 + 3 * (1e6 + 1000))
    near(numericOf([0, 0, 0]).high, 3e-9)
    const said = numericOf([...values, -5, 90_000], { plausible: { x: [0, 3000] } })
    assert.deepEqual([said.low, said.high, said.edges[0], said.edges.at(-1)], [0, 3000, 100, 2100])
    const bounds = numericOf([1, 2, 3, 4], { plausible: { x: [2, 3] }, bins: 2 })
    assert.deepEqual(bounds.edges, [2, 2.5, 3])
    assert.deepEqual(numericOf([1, 2], { plausible: { y: [5, 6] }, bins: 2 }).edges, [1, 1.5, 2])
  })

  test('the centre is the median of plausible values, the scale their deviation', () => {
    const random = prng(1)
    const values = range(501, () => 50 + 10 * random.normal())
    const { centre, scale } = numericOf([...values, 1e9])
    const sorted = values.toSorted((a, b) => a - b)
    near(centre, quantile(sorted, 0.5))
    const mean = values.reduce((a, b) => a + b, 0) / 501
    near(scale, Math.sqrt(values.reduce((s, x) => s + (x - mean) ** 2, 0) / 501), 1e-9)
    assert.deepEqual([numericOf([4]).centre, numericOf([4]).scale, numericOf([4, 4, 4]).scale], [4, 0, 0])
    near(numericOf([1, 3]).scale, 1)
  })

  test('a few values that are repeated forty times on average are familiar, in single precision', () => {
    const few = range(3, (i) => 0.1 + i)
    const values = few.flatMap((x) => range(40, () => x))
    nearAll(numericOf(values).familiar ?? [], few.map(Math.fround), 0)
    assert.equal(numericOf(values.slice(1)).familiar, undefined, '119 rows of 3 values')
    assert.equal(numericOf(range(5000)).familiar, undefined)
    assert.equal(numericOf(range(1024 * 40, (i) => i % 1024)).familiar?.length, 1024)
    assert.equal(numericOf(range(1025 * 41, (i) => i % 1025)).familiar, undefined)
  })

  test('what is no number is left out, whole numbers of any size and truth values are in', () => {
    const { edges } = numericOf([1n, true, '5', 'no', null, Infinity, 3], { bins: 4 })
    assert.deepEqual(edges, [1, 2, 4, 5])
  })
})

describe('categorical features', () => {
  test('values are in order of their counts, equal ones by their text, at most as many as are asked for', () => {
    const values = ['b', 'c', 'c', 'a', 'd', 'd', 'd', null, undefined, Number.NaN]
    assert.deepEqual(categoricalOf(values).values, ['d', 'c', 'a', 'b'])
    assert.deepEqual(categoricalOf(values, { dictionary: 3 }).values, ['d', 'c', 'a'])
    const many = range(300).map((i) => `v${String(i).padStart(3, '0')}`)
    assert.equal(categoricalOf(many).values.length, 256)
  })

  test('3, 3n and the text 3 are one, and so are true and its text; what JSON cannot say is empty', () => {
    assert.deepEqual([3, 3n, '3', true, 'true', { a: 1 }, undefined].map(categoryText), [
      '3',
      '3',
      '3',
      'true',
      'true',
      '{"a":1}',
      '',
    ])
    assert.deepEqual(categoricalOf([3, 3n, '3', true]).values, ['3', 'true'])
  })

  test('a column is numeric when all that is there are numbers, unless its kind is said', () => {
    const kind = (column: Omit<Column, 'name'>): string | undefined =>
      makeSpec([{ name: 'x', ...column }]).features[0]?.kind
    assert.equal(kind({ values: [1, null, 2n, Number.NaN, undefined] }), 'numeric')
    assert.equal(kind({ values: [1, '2'] }), 'categorical')
    assert.equal(kind({ values: [true] }), 'categorical')
    assert.equal(kind({ values: [1, 2], kind: 'categorical' }), 'categorical')
    assert.equal(kind({ values: ['a'], kind: 'numeric' }), 'numeric')
    assert.equal(kind({ values: [] }), 'numeric')
  })
})

describe('features that belong together', () => {
  const random = prng(5)
  const n = 2000
  const groups = range(n, () => random.below(4))
  const shift = (by: number): Column => ({ name: `by ${by}`, values: groups.map((g) => by * g + random.normal()) })
  const group = { name: 'group', kind: 'categorical' as const, values: groups }

  /** η² without what chance gives to so many groups. */
  function explained(values: readonly number[]): number {
    const mean = values.reduce((a, b) => a + b, 0) / values.length
    const whole = values.reduce((s, x) => s + (x - mean) ** 2, 0)
    let between = 0
    for (const g of [0, 1, 2, 3]) {
      const mine = values.filter((_, i) => groups[i] === g)
      between += mine.length * (mine.reduce((a, b) => a + b, 0) / mine.length - mean) ** 2
    }
    return (between - (whole * 3) / values.length) / whole
  }

  test('a category has the two numbers whose variance it explains best, those of at least 5 %', () => {
    const columns = [shift(0.3), shift(2), shift(1), shift(0.1), shift(0), group]
    const shares = columns.slice(0, 5).map((column) => explained(column.values as number[]))
    assert.ok((shares[0] ?? 0) > 0.05 && (shares[3] ?? 1) < 0.05, shares.join())
    assert.deepEqual(makeSpec(columns).conditionals, [
      { value: 'by 2', by: 'group' },
      { value: 'by 1', by: 'group' },
    ])
    assert.deepEqual(makeSpec([shift(0.3), shift(0.1), group]).conditionals, [{ value: 'by 0.3', by: 'group' }])
    assert.deepEqual(makeSpec([shift(0), group]).conditionals, [])
  })

  test('the bound of 5 % is of the share that chance does not explain', () => {
    // the slope at which the share is at its bound is looked for with the definition alone
    const noise = range(n, () => random.normal())
    const at = (slope: number): number[] => groups.map((g, i) => slope * g + (noise[i] ?? 0))
    let [low, high] = [0, 1]
    for (let i = 0; i < 40; i++) {
      const middle = (low + high) / 2
      if (explained(at(middle)) < 0.05) low = middle
      else high = middle
    }
    const found = (slope: number): number => makeSpec([{ name: 'x', values: at(slope) }, group]).conditionals.length
    assert.deepEqual([found(low - 1e-6), found(high + 1e-6)], [0, 1])
  })

  test('a number that never varies and a category of one value have none', () => {
    assert.deepEqual(makeSpec([{ name: 'x', values: groups.map(() => 1) }, group]).conditionals, [])
    const single = { name: 'one', kind: 'categorical' as const, values: groups.map(() => 'a') }
    assert.deepEqual(makeSpec([shift(2), single]).conditionals, [])
    const two = { name: 'two', kind: 'categorical' as const, values: groups.map((g) => (g > 1 ? 'a' : 'b')) }
    assert.deepEqual(makeSpec([shift(2), two]).conditionals, [{ value: 'by 2', by: 'two' }])
  })

  test('missing values and those that are no numbers do not count', () => {
    const values = groups.flatMap((g, i): unknown[] => (i % 2 === 0 ? [5 * g] : [null]))
    assert.equal(makeSpec([{ name: 'x', values }, group]).conditionals.length, 1)
    const blind = { ...group, values: groups.map((g, i) => (i % 2 === 0 ? null : g)) }
    assert.deepEqual(makeSpec([{ name: 'x', values }, blind]).conditionals, [])
  })

  test('of long columns every so-manieth row is looked at', () => {
    const long = range(60_000, (i) => (i % 3 === 0 ? 1 : 0) * (i % 2))
    const by = range(60_000, (i) => (i % 3 === 0 ? i % 2 : 7))
    const spec = makeSpec([
      { name: 'x', values: long },
      { name: 'g', kind: 'categorical', values: by },
    ])
    assert.deepEqual(spec.conditionals, [{ value: 'x', by: 'g' }])
    const hidden = range(60_000, (i) => (i % 3 === 0 ? 0 : i % 2) + i * 1e-9)
    const none = makeSpec([
      { name: 'x', values: hidden },
      { name: 'g', kind: 'categorical', values: range(60_000, (i) => i % 2) },
    ])
    assert.deepEqual(none.conditionals, [])
  })

  /** Mutual information in nats, from counts of pairs. */
  function information(pairs: readonly (readonly [string, string])[]): number {
    const share = (test: (pair: readonly [string, string]) => boolean): number =>
      pairs.filter(test).length / pairs.length
    let sum = 0
    for (const a of new Set(pairs.map((p) => p[0])))
      for (const b of new Set(pairs.map((p) => p[1]))) {
        const both = share((p) => p[0] === a && p[1] === b)
        if (both > 0) sum += both * Math.log(both / share((p) => p[0] === a) / share((p) => p[1] === b))
      }
    return sum
  }

  test('two categories cross when they tell 0.05 nats of each other', () => {
    for (const agree of [0.5, 0.6, 0.64, 0.66, 0.7, 0.9]) {
      const pairs = range(1000).map((i): [string, string] => {
        const a = i % 2
        return [`a${a}`, `b${Math.floor(i / 2) < 500 * agree ? a : 1 - a}`]
      })
      const { crosses } = makeSpec([
        { name: 'a', values: pairs.map((p) => p[0]) },
        { name: 'n', values: pairs.map((_, i) => i) },
        { name: 'b', values: pairs.map((p) => p[1]) },
      ])
      const expected = information(pairs) >= 0.05 ? [{ a: 'a', b: 'b' }] : []
      assert.deepEqual(crosses, expected, `${agree}: ${information(pairs)}`)
    }
  })

  test('pairs of more than 128 cells are not kept, and rows that lack one of both tell nothing', () => {
    const cross = (a: number, b: number): number => {
      const values = range(5000)
      const { crosses } = makeSpec([
        { name: 'a', kind: 'categorical', values: values.map((i) => i % a) },
        { name: 'b', kind: 'categorical', values: values.map((i) => (i % a) % b) },
      ])
      return crosses?.length ?? 0
    }
    assert.deepEqual([cross(15, 7), cross(16, 7), cross(7, 15), cross(2, 1)], [1, 0, 1, 0])
    assert.equal(cross(31, 3), 1)
    assert.equal(cross(32, 3), 0)
    const alternate = makeSpec([
      { name: 'a', values: range(1000).map((i) => (i < 500 ? `v${i % 2}` : null)) },
      { name: 'b', values: range(1000).map((i) => (i < 500 ? `w${Math.floor(i / 2) % 2}` : `w${i % 2}`)) },
    ])
    assert.deepEqual(alternate.crosses, [])
  })
})

describe('specs that are refused', () => {
  test('bins out of range, names that occur twice, conditionals of the wrong kinds', () => {
    const columns: Column[] = [
      { name: 'n', values: [1, 2] },
      { name: 'c', values: ['a', 'b'] },
    ]
    for (const bins of [1, 1.9, 65, Number.NaN])
      assert.throws(() => makeSpec(columns, { bins }), /bins: got .*, expected 2 to 64/, String(bins))
    for (const bins of [2, 64]) assert.doesNotThrow(() => makeSpec(columns, { bins }))
    assert.throws(() => makeSpec([...columns, { name: 'c', values: [1] }]), /features: got c, expected each name once/)
    for (const [value, by, told] of [
      ['c', 'c', /value: got c, expected a numeric feature/],
      ['none', 'c', /value: got none/],
      ['n', 'n', /by: got n, expected a categorical feature/],
      ['n', 'none', /by: got none/],
    ] as const)
      assert.throws(() => makeSpec(columns, { conditionals: [{ value, by }] }), told)
    assert.deepEqual(makeSpec(columns, { conditionals: [{ value: 'n', by: 'c' }] }).conditionals.length, 1)
  })
})
