/** Which writes get a name on PostgreSQL: those that come often, and only so many. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { preparedNames } from './prepared.ts'

// those of the process are for all files that share it
const preparedName = preparedNames()

/** The names that a text gets when it is written so often. */
function names(text: string, times: number): (string | undefined)[] {
  return Array.from({ length: times }, () => preparedName(text))
}

test('the eighth time a write gets a name, and keeps it; each text has its own', () => {
  const insert = 'INSERT INTO a (b) VALUES ($1)'
  const first = names(insert, 9)
  assert.deepEqual(first.slice(0, 7), Array.from({ length: 7 }))
  assert.ok(first[7] !== undefined)
  assert.equal(first[8], first[7])
  const others = ['  update a SET b = $1', 'DELETE FROM a'].map((text) => names(text, 8)[7])
  assert.equal(new Set([first[7], ...others]).size, 3)
})

test('searches, and rows that are returned whole, never get one', () => {
  for (const text of [
    'SELECT 1',
    'WITH x AS (SELECT 1) INSERT INTO a SELECT * FROM x',
    'INSERT INTO a VALUES (1) RETURNING  *',
  ])
    assert.deepEqual([...new Set(names(text, 20))], [undefined], text)
  assert.ok(names('INSERT INTO a VALUES (1) RETURNING id', 8)[7] !== undefined, 'columns by name do')
})

test('texts that come once do not push out those that come often, until there are 2000 of them', () => {
  const often = 'UPDATE often SET a = $1'
  names(often, 7)
  // as many texts as fit beside those that are counted here
  for (let i = 0; i < 1900; i++) preparedName(`UPDATE t SET a = ${i}`)
  assert.ok(preparedName(often) !== undefined)
  names('UPDATE seldom SET a = $1', 7)
  for (let i = 0; i < 2000; i++) preparedName(`UPDATE u SET a = ${i}`)
  assert.equal(preparedName('UPDATE seldom SET a = $1'), undefined, 'it was forgotten and counts anew')
})

test('no more than 256 are named; those keep their names', () => {
  const known = names('UPDATE known SET a = $1', 8)[7]
  const more = Array.from({ length: 300 }, (_, i) => names(`DELETE FROM x WHERE a = ${i}`, 8)[7])
  const made = more.filter((name) => name !== undefined)
  assert.ok(known !== undefined && made.length < 256 && made.length > 240)
  assert.equal(new Set([known, ...made]).size, made.length + 1)
  assert.equal(made.at(-1), 'w255')
  assert.equal(preparedName('UPDATE known SET a = $1'), known)
  assert.equal(more.at(-1), undefined)
})
