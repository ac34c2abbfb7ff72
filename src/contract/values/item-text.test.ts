/** Items as people read them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { itemText } from './item-text.ts'
import { Numeral } from './numerals.ts'

const FILE = { path: 'a b/März 2024.csv', size: 3, digest: `sha256:${'0'.repeat(64)}` }

for (const [what, item, expected] of [
  ['a text', 'a b', '"a b"'],
  ['a number', 3, '3'],
  ['a whole float', new Numeral('float', '1.0'), '1.0'],
  ['a whole number of many digits', new Numeral('int', '9007199254740993'), '9007199254740993'],
  ['nothing', null, 'null'],
  ['a list', [1, 'a'], '[1,"a"]'],
  [
    'a row',
    { day: '2024-01-01', n: 3, late: null, name: 'A "B"', ok: true },
    'day=2024-01-01 n=3 late=null name="A \\"B\\"" ok=true',
  ],
  [
    'a row with exact numbers',
    { id: new Numeral('int', '9007199254740993'), x: new Numeral('float', '1.0') },
    'id=9007199254740993 x=1.0',
  ],
  ['a row of texts that look like others', { a: 'b c=d', e: '' }, 'a="b c=d" e=""'],
  ['a map in a map', { a: { b: 1 } }, '{"a":{"b":1}}'],
  ['an empty map', {}, '{}'],
  ['a file', FILE, 'a b/März 2024.csv'],
  ['a file whose path has a line break', { ...FILE, path: 'a\nb' }, `path="a\\nb" size=3 digest=${FILE.digest}`],
  [
    'a row that has the columns of a file and more',
    { ...FILE, more: 1 },
    `path="a b/März 2024.csv" size=3 digest=${FILE.digest} more=1`,
  ],
] as const) {
  test(what, () => assert.equal(itemText(item), expected))
}
