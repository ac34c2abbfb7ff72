/** Marks for PostgreSQL: numbered where they are marks, left where they are text. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { numbered } from './placeholders.ts'

for (const [given, expected] of [
  ['', ''],
  ['SELECT 1', 'SELECT 1'],
  ['a = ? AND b IN (?, ?)', 'a = $1 AND b IN ($2, $3)'],
  ["a = '?' AND b = ?", "a = '?' AND b = $1"],
  ["a = 'it''s ?' AND b = ?", "a = 'it''s ?' AND b = $1"],
  ["a = '' AND b = ? AND c = ''", "a = '' AND b = $1 AND c = ''"],
  ['SELECT ? AS "what?", ? AS "a""?"', 'SELECT $1 AS "what?", $2 AS "a""?"'],
  ['a = ? -- why?\nAND b = ?', 'a = $1 -- why?\nAND b = $2'],
  ['a /* ? \n ? */ = ?', 'a /* ? \n ? */ = $1'],
  ['/* ? */ ? /* ? */ ?', '/* ? */ $1 /* ? */ $2'],
] as const) {
  test(`numbers ${JSON.stringify(given)}`, () => {
    assert.equal(numbered(given), expected)
    assert.equal(numbered(given), expected)
  })
}

test('after more texts than are kept a text is numbered from one again', () => {
  for (let i = 0; i < 4100; i++) assert.equal(numbered(`x${i} = ? OR ?`), `x${i} = $1 OR $2`)
  assert.equal(numbered('x0 = ? OR ?'), 'x0 = $1 OR $2')
})
