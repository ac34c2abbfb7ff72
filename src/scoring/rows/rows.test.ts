/** Rows in all three forms that requests have, read by row and by column: the same values, the same refusals. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import type { InputField } from './fields.ts'
import { numberResults, predictionsOf, scoresOf } from './results.ts'
import type { Rows } from './rows.ts'
import { columnRows, columnsOf, listRows, loggedRow, namedRows, rowOf } from './rows.ts'
import { scoreOf } from './scores.ts'

const field = (name: string, kind: InputField['kind'], dtype: string = kind, required = true): InputField => ({
  name,
  kind,
  required,
  dtype,
})
const FIELDS = [field('a', 'number'), field('b', 'integer', 'long'), field('c', 'string', 'string', false)]

/** The same rows as objects, as lists and as columns. */
function forms(names: readonly string[], lists: readonly (readonly unknown[])[]): Rows[] {
  const objects = lists.map((list) => Object.fromEntries(names.map((name, j) => [name, list[j]])))
  const columns = new Map(names.map((name, j) => [name, { data: lists.map((list) => list[j]), start: 0, step: 1 }]))
  const flat = lists.flat()
  const strided = new Map(names.map((name, j) => [name, { data: flat, start: j, step: names.length }]))
  return [
    namedRows(objects),
    listRows(names, lists),
    columnRows(columns, lists.length),
    columnRows(strided, lists.length),
  ]
}

/** A column as its values, whatever it is held in; NaN stands for a missing number in an array of numbers. */
function plain(column: ArrayLike<unknown>): unknown[] {
  return Array.from(column, (value) => (value !== value && column instanceof Float64Array ? null : value))
}

const NONE = null
const NAN = Number.NaN
const BESIDE = undefined

test('missing texts of a call are told apart as a DataFrame of its rows has them', () => {
  // what MLflow 3.17 and 2.22 make of `dataframe_records` with pandas 2 and 3; undefined is an absent key
  const columns: [given: unknown[], taken: unknown[]][] = [
    [[null], [NONE]],
    [
      [null, null],
      [NONE, NONE],
    ],
    [
      ['a', null, null],
      ['a', BESIDE, BESIDE],
    ],
    [
      [null, ''],
      [BESIDE, ''],
    ],
    [[undefined], [NAN]],
    [
      [undefined, 'a'],
      [NAN, 'a'],
    ],
    [
      [null, undefined],
      [NAN, NAN],
    ],
    [
      [undefined, null, 'a'],
      [NAN, BESIDE, 'a'],
    ],
    [
      [NAN, null],
      [NAN, NAN],
    ],
  ]
  const text = field('c', 'string', 'string', false)
  for (const [given, taken] of columns) {
    for (const rows of forms(
      ['c'],
      given.map((value) => [value]),
    )) {
      // prettier-ignore
      assert.deepEqual(
        rows.values([text]),
        taken.map((value) => [value]),
        inspect(given),
      )
      assert.deepEqual(rows.columns([text]), [taken], inspect(given))
    }
  }
  const rows = listRows(['c', 't'], [[NAN, undefined], ['a', null]]) // prettier-ignore
  const time = field('t', 'string', 'datetime', false)
  assert.deepEqual(rows.values([time, text]), [[null, NAN], [null, 'a']], 'times are missing in one way') // prettier-ignore
  assert.deepEqual(rowOf({ rows: rows.values([text]) }, 0), [NAN], 'an explanation is of the row that was scored')
  assert.deepEqual(loggedRow({ rows: rows.values([text]) }, 0), [null], 'the log has one word for it')
  assert.deepEqual(loggedRow({ columns: [['a', BESIDE]] }, 1), [null])
})

test('three forms of rows give the same values, by row and by column', () => {
  const lists = [
    [1.5, 2, 'x'],
    ['NaN', 2n ** 60n, null],
    [null, -3, 'é'],
    ['-Infinity', null, undefined],
    [7n, 0, ''],
  ]
  const expected = [
    [1.5, 2, 'x'],
    [null, 2n ** 60n, undefined],
    [null, -3, 'é'],
    [-Infinity, null, Number.NaN],
    [7, 0, ''],
  ]
  for (const rows of forms(['a', 'b', 'c'], lists)) {
    assert.equal(rows.count, 5)
    assert.deepEqual(rows.values(FIELDS), expected)
    assert.deepEqual(
      rows.columns(FIELDS).map(plain),
      FIELDS.map((_, j) => expected.map((row) => row[j])),
    )
    assert.deepEqual(
      rows.values([FIELDS[2] as InputField]),
      expected.map((row) => [row[2]]),
    )
  }
})

test('a column of typed numbers is taken as it is, a part of it by its place', () => {
  const data = Float64Array.of(9, 1, 2, 3, 9)
  const rows = columnRows(new Map([['a', { data, start: 1, step: 1 }]]), 3)
  const [column] = rows.columns([field('a', 'number')])
  assert.deepEqual(column, Float64Array.of(1, 2, 3))
  const whole = columnRows(new Map([['a', { data: Int32Array.of(1, -2), start: 0, step: 1 }]]), 2)
  assert.deepEqual(whole.columns([field('a', 'number')])[0], Float64Array.of(1, -2))
  const big = columnRows(new Map([['a', { data: BigInt64Array.of(2n ** 60n), start: 0, step: 1 }]]), 1)
  assert.deepEqual(plain(big.columns([field('a', 'integer', 'long')])[0] ?? []), [2n ** 60n])
})

for (const [dtype, least, most] of [
  ['int8', -128, 127],
  ['uint8', 0, 255],
  ['int16', -32768, 32767],
  ['uint16', 0, 65535],
  ['integer', -2147483648, 2147483647],
  ['uint32', 0, 4294967295],
  ['long', -(2n ** 63n), 2n ** 63n - 1n],
] as const) {
  test(`whole numbers of ${dtype} end at ${least} and ${most}`, () => {
    const inputs = [field('b', 'integer', dtype)]
    const read = (value: unknown): unknown => namedRows([{ b: value }]).values(inputs)[0]?.[0]
    assert.equal(read(least), least)
    assert.equal(read(most), most)
    for (const beyond of typeof most === 'bigint' ? [most + 1n, least - 1n] : [most + 1, least - 1])
      assert.throws(() => read(beyond), { code: 'invalid_field' }, String(beyond))
    for (const odd of [0.5, '1', true, {}, [], Number.NaN, Infinity])
      assert.throws(() => read(odd), { code: 'invalid_field' })
  })
}

test('a refusal names the same faults whichever form the rows came in', () => {
  const lists = [
    [1, 1.5, 5],
    [{}, 2, 'x'],
    [undefined, 3, 'x'],
  ]
  for (const rows of forms(['a', 'b', 'c'], lists)) {
    for (const read of [() => rows.values(FIELDS), () => rows.columns(FIELDS)]) {
      assert.throws(read, (error: { data: { field: string; issues: { field: string; message: string }[] } }) => {
        assert.equal(error.data.field, 'inputs.0.b')
        assert.deepEqual(
          error.data.issues.map((issue) => issue.field),
          ['inputs.0.b', 'inputs.0.c', 'inputs.1.a', 'inputs.2.a'],
        )
        assert.equal(error.data.issues[3]?.message, 'got nothing, expected a number or null')
        return true
      })
    }
  }
  assert.throws(() => namedRows([{ a: 'x'.repeat(5000) }]).values(FIELDS.slice(0, 1)), (error: { data: { issues: { message: string }[] } }) => (error.data.issues[0]?.message.length ?? 999) < 150) // prettier-ignore
})

test('rows and columns are each other’s transpose', () => {
  const rows = [
    [1, 'a', null],
    [2, 'b', true],
  ]
  const columns = columnsOf(rows, 3)
  assert.deepEqual(columns, [
    [1, 2],
    ['a', 'b'],
    [null, true],
  ])
  assert.deepEqual(
    [0, 1].map((i) => loggedRow({ columns }, i)),
    rows,
  )
  assert.deepEqual(rowOf({ rows }, 1), rows[1])
})

for (const [prediction, score] of [
  [0.3, 0.3],
  [Number.NaN, null],
  [Infinity, null],
  [true, 1],
  [false, 0],
  [12n, 12],
  [[0.4], 0.4],
  [[0.4, 0.6], 0.6],
  [[0.2, 0.5, 0.3], 0.5],
  [[], null],
  [[0.4, Number.NaN], null],
  [[1, 'a'], null],
  ['text', null],
  [null, null],
  [{ a: 1 }, null],
] as const) {
  test(`the score of ${inspect(prediction)} is ${score}`, () => assert.equal(scoreOf(prediction), score))
}

test('numbers side by side have the predictions and scores that single rows would have', () => {
  for (const width of [undefined, 1, 2, 3]) {
    const each = width ?? 1
    const data = Float64Array.from({ length: 6 * each }, (_, i) => (i === 4 ? Number.NaN : i / 7))
    const results = numberResults(6, { data, width })
    const single = Array.from({ length: 6 }, (_, i) =>
      width === undefined ? data[i] : [...data.subarray(i * each, (i + 1) * each)],
    )
    assert.deepEqual(results.predictions(), single)
    assert.deepEqual(predictionsOf(6, { data, width }), single)
    assert.deepEqual(scoresOf(6, { data, width }), single.map(scoreOf))
  }
})
