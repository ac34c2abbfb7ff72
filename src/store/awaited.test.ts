/** The database of rooms' tests: what is not waited for inside a transaction fails it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openedOnce } from '../../test/opened.ts'
import { openTemporaryStore } from './open.ts'
import type { Db } from './db.ts'
import { awaited } from './awaited.fixture.ts'

let db: Db
openedOnce(openTemporaryStore, (store) => {
  db = awaited(store.db)
})
const forget = "DELETE FROM store_facts WHERE name = 'none'"

test('statements in turn pass, and what they return', async () => {
  const found = await db.tx(async (t) => {
    await t.lock('a')
    await t.run(forget)
    return [await t.all('SELECT 1 AS n'), await t.get('SELECT 2 AS n')]
  })
  assert.deepEqual(found, [[{ n: 1 }], { n: 2 }])
})

test('one that is not waited for fails: the last one, one before another, one within a call that is not waited for', async () => {
  const change = async (t: Parameters<Parameters<Db['tx']>[0]>[0]): Promise<void> => void (await t.run(forget))
  await assert.rejects(
    db.tx(async (t) => void t.run(forget)),
    /waits for each of its statements/,
  )
  await assert.rejects(
    db.tx(async (t) => {
      void t.run(forget)
      await t.get('SELECT 1')
    }),
    /waited for before the next one: SELECT 1/,
  )
  await assert.rejects(
    db.tx(async (t) => void change(t)),
    /waits for each of its statements/,
  )
})
