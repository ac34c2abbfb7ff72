/** Statements on one SQLite connection: prepared once while they are in use, and what their values are to SQLite. */
import Database from 'better-sqlite3'
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Statements } from './statements.ts'

const connection = new Database(':memory:')
after(() => connection.close())
connection.exec('CREATE TABLE rows (id INTEGER PRIMARY KEY)')

test('512 are kept, and of more the one goes that was not used for longest', (t) => {
  const prepare = t.mock.method(connection, 'prepare')
  const statements = new Statements(connection)
  /** How many were prepared for these numbers. */
  const prepared = (...numbers: number[]): number => {
    const before = prepare.mock.callCount()
    for (const n of numbers) assert.deepEqual(statements.get(`SELECT ${n} AS n`), { n })
    return prepare.mock.callCount() - before
  }
  assert.equal(prepared(...Array(512).keys()), 512)
  assert.equal(prepared(...Array(512).keys()), 0)
  assert.equal(prepared(0, 512), 1, 'one more than are kept')
  assert.equal(prepared(0, 2, 512), 0)
  assert.equal(prepared(1), 1, 'it was the one not used for longest')
})

test('a statement without rows is run by whatever it is asked with', () => {
  const statements = new Statements(connection)
  assert.deepEqual(statements.all('INSERT INTO rows (id) VALUES (?)', [1]), [])
  assert.deepEqual(statements.all('INSERT INTO rows (id) VALUES (?) RETURNING id', [2]), [{ id: 2 }])
  assert.equal(statements.run('INSERT INTO rows (id) VALUES (?), (?) RETURNING id', [3, 4]), 2)
  assert.equal(statements.run('DELETE FROM rows WHERE id > ?', [2]), 2)
  assert.deepEqual(statements.all('SELECT id FROM rows'), [{ id: 1 }, { id: 2 }])
})

for (const [value, type] of [
  [3, 'integer'],
  [-3, 'integer'],
  [0, 'integer'],
  [-0, 'real'],
  [3.5, 'real'],
  [2 ** 53 - 1, 'integer'],
  [2 ** 53, 'real'],
  ['3', 'text'],
  ['', 'text'],
  [new Uint8Array([1]), 'blob'],
  [null, 'null'],
] as const)
  test(`${Object.is(value, -0) ? '-0' : JSON.stringify(value)} is ${type}`, () => {
    const found = new Statements(connection).get('SELECT typeof(?) AS type, ? AS value', [value, value])
    assert.equal(found?.['type'], type)
    if (value instanceof Uint8Array) assert.deepEqual(new Uint8Array(found['value'] as Uint8Array), value)
    else assert.ok(Object.is(found['value'], value))
  })

for (const [value, shown] of [
  [Number.NaN, /cannot bind NaN/],
  [Number.NEGATIVE_INFINITY, /cannot bind -Infinity/],
  [true, /cannot bind boolean/],
  [1n, /cannot bind bigint/],
  [[1], /cannot bind object/],
  ['a\0', /NUL/],
] as const)
  test(`a value is refused: ${shown.source}`, () => {
    assert.throws(() => new Statements(connection).get('SELECT ?', [value]), shown)
  })
