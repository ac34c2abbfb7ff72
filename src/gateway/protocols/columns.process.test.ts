/** Rows that come as columns, as lists by place, as bare values and as CSV. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InputField } from '../../scoring/rows/fields.ts'
import { FIELDS } from './call.fixture.ts'
import { csvValue, rowsOfColumns, rowsOfCsv, rowsOfItems, rowsOfLists } from './columns.ts'

const field = (name: string, kind: InputField['kind'] = 'number'): InputField => ({
  name,
  kind,
  required: true,
  dtype: kind,
})

for (const [cell, kind, value] of [
  ['1', 'number', 1],
  [' 1.5e3 ', 'number', 1500],
  ['+.5', 'number', 0.5],
  ['5.', 'number', 5],
  ['-0', 'number', -0],
  ['inf', 'number', Infinity],
  ['-Infinity', 'number', -Infinity],
  ['nan', 'number', null],
  ['NULL', 'string', Number.NaN],
  ['', 'string', Number.NaN],
  ['', 'boolean', null],
  ['None ', 'string', 'None '],
  ['0x10', 'number', '0x10'],
  ['1e', 'number', '1e'],
  ['1 2', 'number', '1 2'],
  ['9007199254740993', 'integer', 9007199254740993n],
  ['-9223372036854775808', 'integer', -(2n ** 63n)],
  ['true', 'boolean', true],
  ['TRUE', 'boolean', true],
  ['False', 'boolean', false],
  ['yes', 'boolean', 'yes'],
  ['1', 'boolean', '1'],
  ['007', 'string', '007'],
] as const) {
  test(`the cell ${JSON.stringify(cell)} of a ${kind}`, () => assert.deepEqual(csvValue(cell, kind), value))
}

test('a cell of more digits than any double has is infinite, and nobody reads its digits', () => {
  const digits = '9'.repeat(4_000_000)
  const began = process.cpuUsage().user
  assert.deepEqual([csvValue(digits, 'integer'), csvValue(`-${digits}`, 'number')], [Infinity, -Infinity])
  // five seconds where each was read to its last digit
  assert.ok(process.cpuUsage().user - began < 1_500_000)
})

test('CSV by its header: columns in any order, others beside them, quotes, a byte order mark', () => {
  const text = '\ufeffc,more,x,n,on\r\n"a,""b""\n c",z,0.5,7,true\r\n,,-1,9007199254740993,false\n'
  assert.deepEqual(rowsOfCsv(text, FIELDS).values(FIELDS), [
    [0.5, 7, true, 'a,"b"\n c'],
    [-1, 9007199254740993n, false, Number.NaN],
  ])
})

test('CSV without a header, by place', () => {
  assert.deepEqual(rowsOfCsv('0.5,7,true,a\n', FIELDS, true).values(FIELDS), [[0.5, 7, true, 'a']])
})

test('CSV that is refused says which line', () => {
  const refused = (text: string, detail: RegExp, headless = false): void =>
    assert.throws(
      () => rowsOfCsv(text, FIELDS, headless),
      (error: { code: string; message: string }) => error.code === 'malformed_body' && detail.test(error.message),
    )
  refused('', /no header/)
  refused('x,n\n1,2\n1,2,3\n', /line 3 has 3 cells, the header 2/)
  refused('1,2,true,a\n1\n', /line 2 has 1 cells, the header 4/, true)
  refused('x\n"1\n', /quote/)
  refused('x\n"1"2\n', /quote/)
  assert.throws(() => rowsOfCsv(`x\n${'1\n'.repeat(10_001)}`, FIELDS), { code: 'invalid_field' })
})

test('columns of other lengths are refused by the name of the second', () => {
  const columns = new Map([
    ['a', [1, 2]],
    ['b', [1]],
  ])
  assert.throws(() => rowsOfColumns('inputs', columns), {
    data: { field: 'inputs.b', value: '1 values', expected: '2 values, as the columns before it have' },
  })
  assert.equal(rowsOfColumns('inputs', new Map()).count, 0)
})

test('lists by place: another length, or no list, is refused by its row', () => {
  assert.deepEqual(rowsOfLists('data', ['a', 'b'], [[1, 2]]).values([field('b'), field('a')]), [[2, 1]])
  for (const [lists, at] of [
    [[[1, 2], [1]], 'data.1'],
    [[[1, 2], 3], 'data.1'],
    [[null], 'data.0'],
  ] as const)
    assert.throws(
      () => rowsOfLists('data', ['a', 'b'], lists),
      (error: { data: { field: string } }) => error.data.field === at,
    )
})

test('items: objects by name, lists by place, bare values of a model of one input, rows nested as a tensor', () => {
  const [a, b] = [field('a'), field('b')]
  assert.deepEqual(rowsOfItems('i', [{ b: 2, a: 1, z: 9 }], [a, b]).values([a, b]), [[1, 2]])
  assert.deepEqual(rowsOfItems('i', [[1, 2]], [a, b]).values([a, b]), [[1, 2]])
  assert.deepEqual(rowsOfItems('i', [1, 2], [a]).values([a]), [[1], [2]])
  const four = ['a', 'b', 'c', 'd'].map((name) => field(name))
  const nested = [
    [
      [1, 2],
      [3, 4],
    ],
  ]
  assert.deepEqual(rowsOfItems('i', nested, four).values(four), [[1, 2, 3, 4]])
  for (const items of [[1, 2], [{ a: 1 }, [1, 2]], [[1, 2], 3], [[1]], [[[1], [2], [3]]]])
    assert.throws(
      () => rowsOfItems('i', items, [a, b]).values([a, b]),
      { code: 'invalid_field' },
      JSON.stringify(items),
    )
})
