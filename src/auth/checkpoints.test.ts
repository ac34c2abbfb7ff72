/** Checkpoints of a running server: one at its start, one every five minutes in which rows came, one at its end, each with its copy. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { never, until } from '../../test/until.ts'
import { openTemporaryStore } from '../store/open.ts'
import { auditLog } from './audit.ts'
import { CHECKPOINTS_FILE, checkpoints } from './checkpoints.ts'
import { SYSTEM } from './tokens.ts'

test('a checkpoint is written at the start, every five minutes in which rows came, and at the end; none after it', async (t: TestContext) => {
  const store = await openTemporaryStore()
  t.after(() => store.close())
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { db, dataDir } = store
  const clock = (): number => Date.UTC(2026, 2, 1)
  const audit = auditLog(clock)
  const copies: string[] = []
  const notes = {
    put: async (name: string) => void copies.push(name),
    get: async () => '',
    async *names(): AsyncGenerator<string> {
      yield* []
    },
  }
  const faults: unknown[] = []
  const book = checkpoints({ db, clock, dataDir, audit, notes, onError: (error) => void faults.push(error) })
  const record = (): Promise<void> =>
    db.tx((tx) => audit.record(tx, SYSTEM, { verb: 'manage', resource: 'tokens', id: 'x' }))
  const counted = async (): Promise<number> => (await book.verify()).checkpoints.count
  /** There are so many, and while they are verified a few times no more. */
  const has = async (asked: number): Promise<void> => {
    await until(`${asked} checkpoints`, async () => (await counted()) >= asked)
    await never(`more than ${asked} checkpoints`, async () => (await counted()) > asked, 5)
  }
  await record()
  book.start()
  await has(1)
  await record()
  t.mock.timers.tick(5 * 60_000 - 1)
  await has(1)
  t.mock.timers.tick(1)
  await has(2)
  t.mock.timers.tick(5 * 60_000)
  // no rows came
  await has(2)
  await record()
  await book.stop()
  await has(3)
  assert.equal((await book.verify()).ok, true, 'the newest is of the last row')
  await record()
  t.mock.timers.tick(10 * 60_000)
  await has(3)
  assert.deepEqual([new Set(copies).size, copies.length, faults], [3, 3, []])
})

test('what has a copy is not sent again by the next server, and is missed where the file lacks it', async (t: TestContext) => {
  const store = await openTemporaryStore()
  t.after(() => store.close())
  const { db, dataDir } = store
  const clock = (): number => Date.UTC(2026, 2, 1)
  const audit = auditLog(clock)
  const texts = new Map<string, string>()
  const notes = {
    async put(name: string, text: string): Promise<void> {
      assert.ok(!texts.has(name), 'it is sent once')
      texts.set(name, text)
    },
    get: async (name: string) => texts.get(name) ?? '',
    async *names(below: string): AsyncGenerator<string> {
      for (const name of texts.keys()) if (name.startsWith(below)) yield name
    },
  }
  const opened = () => checkpoints({ db, clock, dataDir, audit, notes, onError: (error) => assert.fail(String(error)) })
  for (let i = 0; i < 3; i++) {
    await db.tx((tx) => audit.record(tx, SYSTEM, { verb: 'manage', resource: 'tokens', id: 'x' }))
    await opened().write('asked')
  }
  const whole = await opened().verify()
  assert.deepEqual([whole.ok, whole.checkpoints.count, whole.checkpoints.copied, texts.size], [true, 3, 3, 3])
  const file = join(dataDir, CHECKPOINTS_FILE)
  const lines = readFileSync(file, 'utf8').split('\n')
  writeFileSync(file, `${lines[0] ?? ''}\n`)
  const cut = await opened().verify()
  assert.deepEqual([cut.ok, cut.checkpoints.count, cut.checkpoints.copied], [false, 3, 3])
  assert.match('reason' in cut ? cut.reason : '', /line 2 of .* is not in the file, but a copy of it is kept/)
})
