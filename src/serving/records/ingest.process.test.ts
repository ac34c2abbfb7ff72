import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, readdirSync, rmSync, truncateSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startPostgres } from '../../../test/postgres.ts'
import type { Db } from '../../store/db.ts'
import { openStore } from '../../store/open.ts'
import { SegmentWriter } from '../../store/segments/segments.ts'
import type { IngestHooks } from './rows.ts'
import { Ingest } from './ingest.ts'
import type { LogRecord } from '../../gateway/records/records.ts'
import { runFiles } from '../../gateway/run-files.ts'

const folders: string[] = []
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })))

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'ingest-'))
  folders.push(made)
  return made
}

function record(i: number, ep = 'flights'): LogRecord {
  return {
    t: 'p',
    id: `id-${i}`,
    ep,
    role: 'stable',
    ver: '1',
    ep_epoch: 3,
    et: 1_380_000_000_000 + i * 1000,
    at: 1_380_000_000_000 + i * 1000,
    us: 120,
    st: 200,
    key: null,
    x: [i, null, 'UA'],
    s: i / 1000,
    p: [1 - i / 1000, i / 1000],
  }
}

async function writeLog(segments: string, records: readonly object[], maxBytes = 16_384): Promise<void> {
  const writer = new SegmentWriter(segments, { maxBytes })
  for (const one of records) writer.append(JSON.stringify(one))
  await writer.close()
}

function ingestOf(db: Db, segments: string, hooks: IngestHooks = {}): Ingest {
  return new Ingest({
    db,
    folder: segments,
    clock: Date.now,
    hooks,
    onIngested: () => undefined,
    onError: (error) => assert.fail(String(error)),
    chunkBytes: 4096,
  })
}

for (const kind of ['sqlite', 'postgres'] as const) {
  test(`every record becomes one row, told once, on ${kind}`, async (t) => {
    const dataDir = folder()
    const server = kind === 'postgres' ? await startPostgres() : undefined
    const store = await openStore({ dataDir, ...(server !== undefined && { databaseUrl: server.url }) })
    t.after(async () => {
      await store.db.close()
      await server?.stop()
    })
    const { segments } = runFiles(dataDir)
    const records = Array.from({ length: 500 }, (_, i) => record(i))
    await writeLog(segments, [...records, record(7), record(499)])
    const told: string[] = []
    const hooks: IngestHooks = {
      onPredictions: async (_t, rows) => {
        told.push(...rows.map((row) => row.id))
      },
    }
    const [one, other] = [ingestOf(store.db, segments, hooks), ingestOf(store.db, segments, hooks)]
    await Promise.all([one.drain(), other.drain()])
    await one.drain()
    assert.deepEqual(told.toSorted(), records.map((row) => (row as { id: string }).id).toSorted())
    const rows = await store.db.all<{ id: string; inputs: string; score: number }>(
      'SELECT id, inputs, score FROM predictions ORDER BY event_time',
    )
    assert.equal(rows.length, 500)
    assert.deepEqual(rows[42], { id: 'id-42', inputs: '[42,null,"UA"]', score: 0.042 })
  })
}

test('the same id on two endpoints is two predictions', async (t) => {
  const dataDir = folder()
  const { db } = await openStore({ dataDir })
  t.after(() => db.close())
  const { segments } = runFiles(dataDir)
  await writeLog(segments, [record(1, 'a'), record(1, 'b')])
  await ingestOf(db, segments).drain()
  assert.equal((await db.all('SELECT id FROM predictions')).length, 2)
})

test('killed at any chunk, the next run ends with the same rows, and the rooms below saw each once', async () => {
  const dataDir = folder()
  const { segments } = runFiles(dataDir)
  await writeLog(
    segments,
    Array.from({ length: 120 }, (_, i) => record(i)),
  )
  const run = (fault?: string): number | null =>
    spawnSync(process.execPath, [join(import.meta.dirname, 'ingest.fixture.ts'), dataDir], {
      env: { ...process.env, SLIPWAY_TEST_HOOKS: '1', ...(fault !== undefined && { SLIPWAY_FAULT: fault }) },
    }).status
  let kills = 0
  for (const at of [1, 3, 2, 5]) if (run(`serving.ingest@${at}`) === null) kills++
  assert.equal(kills, 4)
  assert.equal(run(), 0)
  const { db } = await openStore({ dataDir })
  const count = async (table: string): Promise<number> => (await db.all(`SELECT id FROM ${table}`)).length
  assert.deepEqual([await count('predictions'), await count('shadow_predictions')], [120, 120])
  await db.close()
})

test('what earlier versions logged beside predictions is skipped, and is no damage', async (t) => {
  const dataDir = folder()
  const { db } = await openStore({ dataDir })
  t.after(() => db.close())
  const { segments } = runFiles(dataDir)
  const profile = { t: 'f', ep: 'flights', ver: '1', role: 'stable', hour: 0, profile: {} }
  await writeLog(segments, [record(1), profile, record(2)])
  await ingestOf(db, segments).drain()
  assert.equal((await db.all('SELECT id FROM predictions')).length, 2)
  assert.deepEqual(await db.all('SELECT damaged FROM ingest_offsets'), [{ damaged: 0 }])
})

test('a torn tail waits for its rest; a damaged part is skipped and counted', async (t) => {
  const dataDir = folder()
  const { db } = await openStore({ dataDir })
  t.after(() => db.close())
  const { segments } = runFiles(dataDir)
  await writeLog(segments, [record(1), record(2)], 1e6)
  const [name = ''] = readdirSync(segments)
  const path = join(segments, name)
  const { size } = statSync(path)
  truncateSync(path, size - 10)
  const ingest = ingestOf(db, segments)
  await ingest.drain()
  assert.equal((await db.all('SELECT id FROM predictions')).length, 1)
  appendFileSync(path, 'x'.repeat(10))
  await writeLog(segments, [record(3)], 1e6)
  await ingest.drain()
  assert.deepEqual(
    (await db.all<{ id: string }>('SELECT id FROM predictions ORDER BY id')).map((row) => row.id),
    ['id-1', 'id-3'],
  )
})
