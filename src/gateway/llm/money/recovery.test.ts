/** Recovery: what a store that was closed has left is settled once, told before it is stored, and windows that are over go in time. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import Database from 'better-sqlite3'
import { budgetOf, dataFolder } from './money.fixture.ts'
import { Recovery } from './recovery.ts'
import type { RecoveryPorts } from './recovery.ts'
import { takeLifeLock } from './schema.ts'
import { MoneyStore } from './store.ts'

const NOON = Date.parse('2026-12-03T12:00:00Z')
const HOUR = 3_600_000

/** A folder in which a writer has left these calls of 10 nanodollars each. */
async function leftBy(t: TestContext, ids: readonly string[]): Promise<string> {
  const dataDir = dataFolder(t)
  const store = new MoneyStore({ dataDir, writer: 'dead' })
  for (const id of ids) await store.reserve({ id, amount: 10, budgets: [budgetOf('b')], now: NOON })
  await store.close()
  return dataDir
}

function recovering(t: TestContext, dataDir: string, ports: Partial<RecoveryPorts> = {}): [MoneyStore, Recovery] {
  const store = new MoneyStore({ dataDir, writer: 'next', busyMs: 20 })
  t.after(() => store.close())
  const take = (name: string) => takeLifeLock(dataDir, name)
  return [store, new Recovery(store, { costIn: () => new Map(), lost: () => undefined, take, ...ports })]
}

const spent = (store: MoneyStore): unknown => store.spent().map((row) => [row.spent, row.reserved])

test('a writer is forgotten once it is settled, with its lock', async (t) => {
  const dataDir = await leftBy(t, ['one', 'two'])
  const [store, recovery] = recovering(t, dataDir, { costIn: () => new Map([['two', 3]]) })
  assert.equal(store.others().length, 1)
  await recovery.run(NOON)
  assert.deepEqual(spent(store), [[13, 0]])
  assert.deepEqual(store.others(), [])
  assert.equal(readdirSync(join(dataDir, 'llm')).filter((name) => name.endsWith('.lock')).length, 1)
})

test('one that has left nothing is asked of no log', async (t) => {
  const dataDir = await leftBy(t, [])
  const file = new Database(join(dataDir, 'llm/money.db'))
  file.exec("INSERT INTO writers (name, pid, start, lock) VALUES ('dead', 1, NULL, 'writer-gone.lock')")
  file.close()
  const [store, recovery] = recovering(t, dataDir, { costIn: () => assert.fail('asked') })
  await recovery.run(NOON)
  assert.deepEqual(store.others(), [])
})

test('what cannot be told as lost is not settled, and what was told is not told again', async (t) => {
  const dataDir = await leftBy(t, ['one', 'two', 'three'])
  const told: string[] = []
  let isFull = true
  const [store, recovery] = recovering(t, dataDir, {
    lost: async ({ id }) => {
      await Promise.resolve()
      if (isFull && id === 'three') throw new Error('the log is full')
      told.push(id)
    },
  })
  await assert.rejects(recovery.run(NOON), /the log is full/)
  // of one time they come by their ids
  assert.deepEqual([spent(store), told], [[[0, 30]], ['one']])
  isFull = false
  await recovery.run(NOON)
  assert.deepEqual(told, ['one', 'three', 'two'])
  assert.deepEqual(spent(store), [[30, 0]])
})

test('where it cannot be stored, it is stored the next time, told once', async (t) => {
  const dataDir = await leftBy(t, ['one'])
  const told: string[] = []
  const [store, recovery] = recovering(t, dataDir, { lost: ({ id }) => void told.push(id) })
  const other = new Database(join(dataDir, 'llm/money.db'))
  other.exec('BEGIN IMMEDIATE')
  await assert.rejects(recovery.run(NOON), { code: 'unavailable' })
  other.exec('ROLLBACK')
  other.close()
  assert.deepEqual(spent(store), [[0, 10]])
  await recovery.run(NOON)
  assert.deepEqual(spent(store), [[10, 0]])
  assert.deepEqual(told, ['one'])
})

test('another gateway that settles at this moment is left to it', async (t) => {
  const dataDir = await leftBy(t, ['one'])
  const [store, recovery] = recovering(t, dataDir)
  const [writer] = store.others()
  const lock = takeLifeLock(dataDir, writer?.lock ?? '')
  assert.ok(lock !== undefined)
  await recovery.run(NOON)
  assert.deepEqual(spent(store), [[0, 10]])
  lock.release()
  await recovery.run(NOON)
  assert.deepEqual(spent(store), [[10, 0]])
})

test('windows that are over are removed at the first look and then once an hour', async (t) => {
  const [store, recovery] = recovering(t, dataFolder(t))
  const add = async (id: string): Promise<void> => {
    await store.reserve({ id, amount: 1, budgets: [budgetOf(id, { window: 'day' })], now: NOON - 72 * HOUR })
    await store.settle(id, 1)
  }
  const known = (): string[] => store.spent().map(({ budget }) => budget)
  await add('first')
  await recovery.run(NOON)
  assert.deepEqual(known(), [])
  await add('second')
  await recovery.run(NOON + HOUR - 1)
  assert.deepEqual(known(), ['second'])
  await recovery.run(NOON + HOUR)
  assert.deepEqual(known(), [])
})
