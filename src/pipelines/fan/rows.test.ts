/** Rows of a query as items: types, absent values, columns, and what is no value of its type. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { csvValues } from '../../store/csv.ts'
import type { ColumnType } from '../spec/fan-out/schema.ts'
import { columnsOf, itemOfRow } from './rows.ts'

const refuse = (detail: string): Error => new Error(detail)

/** The items of a table as JSON, which keeps whether a number is whole. */
function items(csv: string, columns: Record<string, ColumnType>): string[] {
  const lines = csvValues(csv, refuse)
  const places = columnsOf(lines.next().value ?? [], columns, refuse)
  return [...lines].map((cells) => JSON.stringify(itemOfRow(cells, places, refuse)))
}

describe('values', () => {
  const cases: [what: string, csv: string, columns: Record<string, ColumnType>, expected: string[]][] = [
    [
      'of each type, and absent ones',
      's,i,f,b\na,1,0.5,t\n,,,\n',
      { s: 'string', i: 'int', f: 'float', b: 'bool' },
      ['{"s":"a","i":1,"f":0.5,"b":true}', '{"s":null,"i":null,"f":null,"b":null}'],
    ],
    [
      'an empty text is none that is absent',
      's,i\n"",1\n,2\n',
      { s: 'string', i: 'int' },
      ['{"s":"","i":1}', '{"s":null,"i":2}'],
    ],
    ['of one column both are an empty text', 's\n""\na\n', { s: 'string' }, ['{"s":""}', '{"s":"a"}']],
    ['of one column of numbers it is absent', 'i\n""\n4\n', { i: 'int' }, ['{"i":null}', '{"i":4}']],
    [
      'whole numbers keep their digits',
      'i\n9007199254740993\n-5\n',
      { i: 'int' },
      ['{"i":9007199254740993}', '{"i":-5}'],
    ],
    [
      'floats stay floats',
      'f\n1\n1e+300\n-0.5\n1.50\n',
      { f: 'float' },
      ['{"f":1.0}', '{"f":1e+300}', '{"f":-0.5}', '{"f":1.5}'],
    ],
    ['texts stay texts', 's,t\n007,1.10\n', { s: 'string', t: 'string' }, ['{"s":"007","t":"1.10"}']],
    [
      'quotes, commas and line breaks',
      's,i\n"a ""b"", c\nd",1\n',
      { s: 'string', i: 'int' },
      ['{"s":"a \\"b\\", c\\nd","i":1}'],
    ],
    ['only declared columns, in their order', 'a,b,c\n1,2,3\n', { c: 'int', a: 'int' }, ['{"c":3,"a":1}']],
    ['no rows', 'a\n', { a: 'int' }, []],
  ]
  for (const [what, csv, columns, expected] of cases) test(what, () => assert.deepEqual(items(csv, columns), expected))
})

describe('refused', () => {
  const cases: [what: string, csv: string, columns: Record<string, ColumnType>, expected: RegExp][] = [
    [
      'a column that the query does not give',
      'a,b\n1,2\n',
      { c: 'int' },
      /^the query gives no column "c"; it gives a, b$/,
    ],
    ['a column that it gives twice', 'a,a\n1,2\n', { a: 'int' }, /gives the column "a" twice/],
    ['a text as a whole number', 'i,j\nx,1\n', { i: 'int' }, /^has "x" as "i", expected a whole number$/],
    ['a float as a whole number', 'i\n1.5\n', { i: 'int' }, /expected a whole number/],
    ['digits behind a zero', 'i\n007\n', { i: 'int' }, /expected a whole number/],
    ['not a number', 'f\nNaN\n', { f: 'float' }, /^has "NaN" as "f", expected a finite number$/],
    ['beyond the largest float', 'f\n1e999\n', { f: 'float' }, /expected a finite number/],
    [
      'more digits than Python reads',
      `i\n${'9'.repeat(4301)}\n`,
      { i: 'int' },
      /^has "9{59}… as "i", expected a whole number/,
    ],
    ['a text as true or false', 'b\nyes\n', { b: 'bool' }, /expected true or false/],
    [
      'a row that is too large',
      `s\n${'x'.repeat(70_000)}\n`,
      { s: 'string' },
      /^has 70008 characters, expected at most 65536$/,
    ],
  ]
  for (const [what, csv, columns, expected] of cases)
    test(what, () =>
      assert.throws(
        () => items(csv, columns),
        ({ message }: Error) => expected.test(message),
      ),
    )
})
