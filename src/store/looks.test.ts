/** What comes of looks: how a database is judged, and the list of corrupt blobs over restarts and between processes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CorruptBlobs } from './corrupt-blobs.ts'
import { judged, NIGHTLY } from './looks.ts'
import { openTemporaryStore } from './open.ts'

test('a look through a database is sound only when all of it was seen', () => {
  const said = (found: readonly string[], tables: number, left: number): unknown[] => {
    const { state, detail, checksums } = judged({ found, tables, left }, 1)
    return [state, detail, checksums]
  }
  assert.deepEqual(said([], 4, 0), ['sound', 'quick_check of 4 tables found nothing', null])
  assert.deepEqual(said([], 4, 2), [
    'unknown',
    'quick_check found nothing in 3 of 4 tables; the time did not suffice for the others',
    null,
  ])
  assert.deepEqual(said(['page 1', 'page 2'], 4, 2), ['corrupt', 'page 1; page 2', null])
  assert.deepEqual(said(['x'.repeat(1001)], 4, 0), ['corrupt', 'x'.repeat(1000), null])
  assert.deepEqual(judged(undefined, 59_600), {
    state: 'unknown',
    detail: 'the look at it took longer than 60 s',
    checksums: null,
  })
})

test('a night takes a quarter of an hour for the database, and an hour or 256 GiB for blobs', () => {
  // as the guide on operating says
  assert.deepEqual(NIGHTLY, {
    databaseMs: 900_000,
    blobMs: 3_600_000,
    blobBytes: 274_877_906_944,
    comparedMs: 900_000,
  })
})

test('corrupt blobs are listed once, the newest first, for other processes too, until they are removed', async (t) => {
  const store = await openTemporaryStore()
  t.after(() => store.close())
  let now = 0
  const [one, other] = [new CorruptBlobs(() => ++now), new CorruptBlobs(() => ++now)]
  const blob = (letter: string): { digest: string; size: number } => ({
    digest: `sha256:${letter.repeat(64)}`,
    size: 5,
  })
  await one.add(blob('a'), 'read')
  await one.open(store.db)
  await other.open(store.db)
  await one.add(blob('b'), 'look')
  await one.add(blob('b'), 'read')
  const b = { ...blob('b'), found_at: 2, found_by: 'look', fault: 'corrupt' }
  assert.deepEqual(await one.list(), [b, { ...blob('a'), found_at: 1, found_by: 'read', fault: 'corrupt' }])
  assert.deepEqual(await other.list(), [b])
  assert.deepEqual([one.count, other.count, one.has(b.digest), other.has(b.digest)], [2, 0, true, false])
  const later = new CorruptBlobs(() => ++now)
  await later.open(store.db)
  assert.deepEqual([later.count, later.has(b.digest)], [1, true])
  await later.remove(b.digest)
  assert.deepEqual([later.count, await other.list()], [0, []])
})
