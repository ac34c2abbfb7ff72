/** Rows of rounds on PostgreSQL; on SQLite `round.test.ts` uses them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { migratedPostgres } from '../../../test/databases.ts'
import { addEntries, forgetRounds, hasBegun, lastEntry, nextEntry, setEntry } from './rows.ts'

test('a round is added once, gone through in order, and forgotten', async (t) => {
  const opened = await migratedPostgres()
  t.after(() => opened.close())
  const { db } = opened
  const one = { model: 'a', version: '1', of_run: null, grade_before: 'A' }
  assert.equal(await hasBegun(db, 'r'), false)
  for (const now of [5, 6]) await db.tx((tx) => addEntries(tx, { round: 'r', now }, [one, { ...one, model: 'b' }]))
  assert.equal(await hasBegun(db, 'r'), true)
  const entry = await nextEntry(db, 'r')
  assert.ok(entry)
  assert.deepEqual([entry.position, entry.model, entry.created_at, entry.state], [0, 'a', 5, 'waiting'])
  await db.tx((tx) => setEntry(tx, entry, { state: 'graded', detail: 'd', run_id: 'x', grade: 'B', ended_at: 9 }))
  assert.equal((await nextEntry(db, 'r'))?.model, 'b')
  const last = await lastEntry(db, 'a')
  assert.deepEqual([last?.state, last?.grade, last?.run_id, last?.ended_at], ['graded', 'B', 'x', 9])
  assert.equal(await lastEntry(db, 'c'), undefined)
  await db.tx((tx) => forgetRounds(tx, 6))
  assert.equal(await hasBegun(db, 'r'), false)
})
