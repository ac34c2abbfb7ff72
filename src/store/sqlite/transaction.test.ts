/** A transaction of a group: what fails in it dooms it, and nothing follows its end. */
import Database from 'better-sqlite3'
import assert from 'node:assert/strict'
import { after, it } from 'node:test'
import { Statements } from './statements.ts'
import { SqliteTx } from './transaction.ts'

const connection = new Database(':memory:')
after(() => connection.close())
connection.exec('CREATE TABLE rows (id BIGINT PRIMARY KEY)')
const statements = new Statements(connection)

it('answers with rows, a row and how many were changed', async () => {
  const t = new SqliteTx(statements)
  assert.equal(await t.run('INSERT INTO rows (id) VALUES (?), (?)', [1, 2]), 2)
  assert.deepEqual(await t.all('SELECT id FROM rows ORDER BY id'), [{ id: 1 }, { id: 2 }])
  assert.deepEqual(await t.get('SELECT id FROM rows WHERE id = ?', [2]), { id: 2 })
  assert.equal(await t.get('SELECT id FROM rows WHERE id = ?', [3]), undefined)
  await t.lock('any')
  assert.equal(t.failure, undefined)
  assert.equal(t.open, true)
})

it('after a failure every statement is refused with its cause, and the first failure is the one that is kept', async () => {
  const t = new SqliteTx(statements)
  const failed = await t.run('INSERT INTO nowhere VALUES (1)').catch((error: unknown) => error)
  assert.match(String(failed), /no such table/)
  for (const further of [t.all('SELECT 1'), t.get('SELECT 1'), t.run('SELECT 1'), t.lock('any')]) {
    await assert.rejects(further, (error: Error) => {
      assert.match(error.message, /can only be rolled back/)
      assert.equal(error.cause, failed)
      return true
    })
  }
  assert.equal(t.failure?.error, failed)
})

it('after its end no statement is taken, and what is to follow it is given in order', async () => {
  const t = new SqliteTx(statements)
  const followed: number[] = []
  for (const each of [1, 2, 3]) t.afterCommit(() => followed.push(each))
  t.end().forEach((then) => then())
  assert.deepEqual(followed, [1, 2, 3])
  assert.equal(t.open, false)
  for (const further of [t.all('SELECT 1'), t.get('SELECT 1'), t.run('SELECT 1'), t.lock('any')])
    await assert.rejects(further, /is over/)
})
