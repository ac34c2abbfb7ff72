/** The store room: opened whole, and a call that an earlier process left half done is not waited for. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startPostgres } from '../../test/postgres.ts'
import type { KeyedCall } from './kept-replies.ts'
import { storeRoom } from './room.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-store-room-'))
after(() => rmSync(root, { recursive: true, force: true }))

const CALL: KeyedCall = { caller: 'c', route: 'POST /v1/x', key: 'k', hash: 'h', told: null }

function held(now: number): string {
  return `INSERT INTO kept_replies (caller, route, key, hash, created_at, holder, held_until)
    VALUES ('c', 'POST /v1/x', 'k', 'h', ${now}, 'dead', ${now + 60_000})`
}

test('a folder’s only process knows that no call of before is under way', async () => {
  const dataDir = join(root, 'data')
  const clock = (): number => 1_750_000_000_000
  const first = await storeRoom({ dataDir, clock })
  assert.equal(await first.writable(), true)
  assert.equal(first.crossing, undefined)
  await first.db.tx((t) => t.run(held(clock())))
  const answer = () => Promise.resolve({ status: 200, headers: {}, body: 'done' })
  await assert.rejects(first.once(CALL, answer), { code: 'conflict' })
  const { digest } = await first.blobs.put(Buffer.from('kept'))
  await first.close()
  await assert.rejects(first.db.all('SELECT 1'))
  assert.equal(await first.writable(), false)
  const next = await storeRoom({ dataDir, clock })
  try {
    const { replayed, reply } = await next.once(CALL, answer)
    assert.deepEqual([replayed, reply.body], [false, 'done'])
    assert.equal((await next.once(CALL, answer)).replayed, true)
    assert.equal((await next.blobs.bytes(digest)).toString(), 'kept')
  } finally {
    await next.close()
  }
})

test('on a PostgreSQL another process may be at it: its calls are left alone, and texts cross between them', async () => {
  const server = await startPostgres()
  const clock = (): number => 1_750_000_000_000
  const open = () => storeRoom({ dataDir: join(root, 'shared'), databaseUrl: server.url, clock })
  const first = await open()
  try {
    await first.db.tx((t) => t.run(held(clock())))
    const second = await open()
    assert.notEqual(second.crossing, undefined)
    await assert.rejects(
      second.once(CALL, () => Promise.resolve({ status: 200, headers: {}, body: '' })),
      { code: 'conflict' },
    )
    await second.close()
  } finally {
    await first.close()
    await server.stop()
  }
})
