/** What comes of looks: how a database is judged, and the list of corrupt blobs over restarts and between processes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { problem } from '../contract/errors.ts'
import { CorruptBlobs } from './corrupt-blobs.ts'
import { knownDamage } from './damage.ts'
import { factsBelow, keepFact } from './facts.ts'
import { judged, looks, NIGHTLY } from './looks.ts'
import type { Looks } from './looks.ts'
import { openTemporaryStore } from './open.ts'
import type { Store } from './open.ts'

test('a look through a database is sound only when all of it was seen', () => {
  const said = (found: readonly string[], tables: number, left: number): unknown[] => {
    const { state, detail, checksums } = judged({ found, tables, left }, 1)
    return [state, detail, checksums]
  }
  assert.deepEqual(said([], 4, 0), ['sound', 'quick_check of 4 tables found nothing', null])
  assert.deepEqual(said([], 0, 0), ['sound', 'it was new at the start', null])
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

test('a night takes a quarter of an hour for the database, and an hour or 256 GiB for blobs, in the background', () => {
  // as the guide on operating says
  assert.deepEqual(NIGHTLY, {
    background: true,
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
  assert.deepEqual([one.count, other.count, one.has(b.digest), other.has(b.digest)], [2, 1, true, true])
  const later = new CorruptBlobs(() => ++now)
  await later.open(store.db)
  assert.deepEqual([later.count, later.has(b.digest)], [1, true])
  await later.remove(b.digest)
  assert.deepEqual([later.count, await other.list(), other.count], [0, [], 0])
  await one.add(blob('b'), 'read')
  assert.equal((await other.list()).length, 1, 'what another has mended, and is hurt again')
  await other.remove(b.digest)
  assert.deepEqual(await one.list(), [{ ...blob('a'), found_at: 1, found_by: 'read', fault: 'corrupt' }])
  assert.equal(one.has(b.digest), false, 'what another has mended')
})

test('an answer of the database that is older than a change undoes nothing of it', async (t) => {
  const store = await openTemporaryStore()
  t.after(() => store.close())
  const corrupt = new CorruptBlobs(() => 1)
  await corrupt.open(store.db)
  const [digest, size] = [`sha256:${'a'.repeat(64)}`, 5]
  const all = t.mock.method(store.db, 'all')
  all.mock.mockImplementationOnce(async () => {
    await corrupt.add({ digest, size }, 'read')
    return []
  })
  assert.deepEqual([(await corrupt.list()).length, corrupt.has(digest)], [1, true])
  all.mock.mockImplementationOnce(async () => {
    await corrupt.remove(digest)
    return [{ digest, size, found_at: 1, found_by: 'read', fault: 'corrupt' }] as never
  })
  assert.deepEqual([(await corrupt.list()).length, corrupt.has(digest)], [0, false])
})

const NOW = 1_750_000_000_000

/** Looks over a store, with what they report. */
async function over(t: TestContext, replaced: (store: Store) => Partial<Parameters<typeof looks>[0]> = () => ({})) {
  const store = await openTemporaryStore()
  t.after(() => store.close())
  const corrupt = new CorruptBlobs(() => NOW)
  await corrupt.open(store.db)
  const told: string[] = []
  const onError = (error: unknown): void => void told.push(String(error))
  const damage = knownDamage()
  const deps = { ...store, clock: () => NOW, damage, corrupt, onError, ...replaced(store) }
  return { store, damage, told, corrupt, looking: looks(deps) }
}

const UNREADABLE = problem('storage_unreadable', { detail: 'page 7' })

const missing = async (looking: Looks): Promise<string[]> =>
  (await looking.state()).blobs.corrupt.flatMap(({ digest, fault, size }) =>
    fault === 'missing' ? [`${digest} ${size}`] : [],
  )

test('what rows need is compared at each look; what was missing is asked for again, over restarts', async (t) => {
  const { store, looking, corrupt } = await over(t)
  const limits = { background: false, databaseMs: 1e6, blobMs: 1e6, blobBytes: 1e6, comparedMs: 1e6 }
  const { digest: kept } = await store.blobs.put(Buffer.from('kept'))
  const { digest: lost } = await store.blobs.put(Buffer.from('lost'))
  let needed = [kept, lost]
  const rows = async function* (): AsyncGenerator<string> {
    yield* needed
  }
  assert.deepEqual((await looking.state()).blobs.compared_at, null)
  await looking.look([rows], limits)
  const state = await looking.state()
  assert.deepEqual([state.blobs.compared_at, state.blobs.missing_count], ['2025-06-15T15:06:40.000Z', 0])
  await store.blobs.delete(lost)
  await looking.look([rows], limits)
  assert.deepEqual(await missing(looking), [`${lost} 0`])
  assert.deepEqual([looking.summary(), (await looking.state()).blobs.missing_count], [{ database: false, blobs: 1 }, 1])
  assert.deepEqual([corrupt.has(lost), corrupt.lists(lost)], [false, true], 'a part of it is not refused as corrupt')
  const later = new CorruptBlobs(() => NOW)
  await later.open(store.db)
  assert.deepEqual([later.has(lost), later.lists(lost)], [false, true])
  needed = [kept]
  await looking.look([rows], limits)
  assert.deepEqual(await missing(looking), [], 'needed no more')

  // a blob that was corrupt, and is now gone
  needed = [kept, lost]
  await corrupt.add({ digest: lost, size: 4 }, 'read')
  await looking.look([rows], limits)
  assert.deepEqual(await missing(looking), [`${lost} 0`])
  await corrupt.add({ digest: lost, size: 4 }, 'read', 'corrupt')
  assert.deepEqual(
    (await corrupt.list()).map(({ fault }) => fault),
    ['corrupt'],
    'what is worse is not doubled',
  )
  const broken = async function* (): AsyncGenerator<string> {
    yield await Promise.reject<string>(new Error('no rows'))
  }
  await assert.rejects(looking.look([broken], limits), /no rows/)
  assert.deepEqual(await missing(looking), [])
})

test('a portion of the comparison is kept, and a round ends with the last', async (t) => {
  const { store, looking } = await over(t)
  await store.db.tx((x) =>
    keepFact(x, 'look.blobs', JSON.stringify({ after: '', at: 5, compared: 255, compared_at: null })),
  )
  const first = `sha256:00${'1'.repeat(62)}`
  const last = `sha256:ff${'1'.repeat(62)}`
  const rows = async function* (): AsyncGenerator<string> {
    yield* [first, last]
  }
  const limits = { background: false, databaseMs: 1e6, blobMs: 1e6, blobBytes: 1e6, comparedMs: 1e6 }
  await looking.look([rows], limits)
  assert.deepEqual(await missing(looking), [`${last} 0`])
  await looking.look([rows], limits)
  assert.deepEqual((await missing(looking)).sort(), [`${first} 0`, `${last} 0`])
})

test('a damaged database says what is to be done, and is not looked through again', async (t) => {
  const { looking, damage } = await over(t)
  assert.equal((await looking.state()).database.remedy, null)
  damage.tell('the page 7', 'call somebody')
  await looking.look([], { background: false, databaseMs: 1e6, blobMs: 1e6, blobBytes: 1, comparedMs: 1 })
  const { database } = await looking.state()
  assert.deepEqual(
    [database.state, database.detail, database.remedy, database.looked_at],
    ['corrupt', 'the page 7', 'call somebody', null],
  )
})

test('lists that a known damage hides are told as this process knows them, and refused while none is known', async (t) => {
  const { store, looking, damage, corrupt } = await over(t, ({ db }) => ({
    db: { ...db, kind: 'sqlite', tx: (work) => db.tx(work), get: () => Promise.reject(UNREADABLE) },
  }))
  await corrupt.add({ digest: `sha256:${'a'.repeat(64)}`, size: 5 }, 'read')
  await assert.rejects(looking.state(), UNREADABLE)
  damage.tell('store_facts: page 7')
  t.mock.method(store.db, 'all', () => Promise.reject(UNREADABLE))
  const { database, blobs } = await looking.state()
  assert.deepEqual([database.state, blobs.corrupt_count, blobs.round.blobs], ['corrupt', 1, 0])
})

test('PostgreSQL is asked whether it keeps checksums, and for pages that failed theirs', async (t) => {
  let row: { on: string; failures: number | null } = { on: 'off', failures: null }
  const { looking, damage } = await over(t, ({ db }) => ({
    db: {
      ...db,
      kind: 'postgres',
      all: db.all.bind(db),
      tx: db.tx.bind(db),
      get: async (text: string) =>
        (text.startsWith('SHOW')
          ? { data_checksums: row.on }
          : /pg_stat/.test(text)
            ? { failures: row.failures }
            : undefined) as never,
    },
  }))
  const seen = async () => {
    await looking.lookAtDatabase(1)
    const { state, checksums, detail, remedy, looked_at } = (await looking.state()).database
    assert.equal(looked_at, '2025-06-15T15:06:40.000Z')
    return [state, checksums, detail.slice(0, 30), remedy]
  }
  assert.deepEqual(
    await seen(),
    ['unknown', false, 'PostgreSQL keeps no checksums o', null].map((one) =>
      typeof one === 'string' ? one.slice(0, 30) : one,
    ),
  )
  row = { on: 'on', failures: null }
  assert.deepEqual(await seen(), ['sound', true, 'no page that PostgreSQL has re', null])
  row = { on: 'on', failures: 1 }
  assert.deepEqual(await seen(), [
    'corrupt',
    true,
    '1 pages failed their checksum ',
    'restore the newest backup: slipway restore',
  ])
  assert.equal(damage.found(), undefined, 'PostgreSQL decides itself what it writes')
})

test('facts are kept by name, and found by how their names begin', async (t) => {
  const store = await openTemporaryStore()
  t.after(() => store.close())
  const keep = (name: string, value: string): Promise<void> => store.db.tx((x) => keepFact(x, name, value))
  await keep('a.two', '2')
  await keep('a.one', 'x')
  await keep('a.one', '1')
  await keep('b', '3')
  assert.deepEqual(
    [...(await factsBelow(store.db, 'a.'))],
    [
      ['a.one', '1'],
      ['a.two', '2'],
    ],
  )
})
