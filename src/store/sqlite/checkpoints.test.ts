/** When the log is moved into the database: after so many commits, more of them where the last log was short, and one at a time. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { UpkeepThread } from './upkeep.ts'
import { openSqlite } from './sqlite.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-checkpoints-'))
after(() => rmSync(root, { recursive: true, force: true }))

test('the next checkpoint comes when the log should hold a thousand pages', async (t) => {
  // what each checkpoint finds, and after how many commits the next one is due
  const found: [pages: number | Error, commits: number][] = [
    [new Error('no checkpoint'), 64],
    [0, 64],
    [2000, 32],
    [500, 64],
    [100_000, 8],
    [1000, 8],
    [1, 4096],
  ]
  let last = 0
  const checkpoint = t.mock.method(UpkeepThread.prototype, 'checkpoint', async () => {
    const [pages = 0] = found[last++] ?? []
    if (typeof pages === 'number') return pages
    throw pages
  })
  const db = openSqlite(join(root, 'pace.db'), { sync: () => Promise.resolve() })
  t.after(() => db.close())
  const commit = (): Promise<number> => db.tx((tx) => tx.run('SELECT 1'))
  const commits: number[] = []
  for (let i = 0; i <= found.length; i++) {
    const before = checkpoint.mock.callCount()
    let count = 0
    for (; checkpoint.mock.callCount() === before; count++) await commit()
    commits.push(count)
  }
  assert.deepEqual(commits, [64, ...found.map(([, due]) => due)])
})

test('while one is under way there is no other', async (t) => {
  const held = Promise.withResolvers<number>()
  const checkpoint = t.mock.method(UpkeepThread.prototype, 'checkpoint', () => held.promise)
  const db = openSqlite(join(root, 'held.db'), { sync: () => Promise.resolve() })
  t.after(() => db.close())
  const commits = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) await db.tx((tx) => tx.run('SELECT 1'))
  }
  await commits(200)
  assert.equal(checkpoint.mock.callCount(), 1)
  held.resolve(1000)
  await commits(1)
  await commits(1)
  assert.equal(checkpoint.mock.callCount(), 2)
})
