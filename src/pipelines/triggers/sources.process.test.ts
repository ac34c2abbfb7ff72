/** Triggers on sources in a real S3 server and a real PostgreSQL: what comes there starts a run, once, and what stays the same starts none. */
import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import pg from 'pg'
import { startPostgres } from '../../../test/postgres.ts'
import { NO_S3, startS3 } from '../../../test/s3.ts'
import { until } from '../../../test/until.ts'
import { Leases } from '../../jobs/leases.ts'
import { s3Client } from '../../store/blobs/s3/client.ts'
import { s3Settings } from '../../store/blobs/s3/settings.ts'
import { putManifest } from '../../store/blobs/trees.ts'
import { ANA } from '../bench.fixture.ts'
import { files, sourced, type Reached, type Sourced } from '../data/sources.fixture.ts'
import { createVersion } from '../spec/versions.ts'
import { readTrigger, type EventRow } from './rows.ts'
import { Triggers } from './triggers.ts'

const NAMED = { project: 'sourced', name: 'arrived' }

interface Watched extends Sourced {
  readonly events: () => Promise<EventRow[]>
  /** Has it look now, and waits until it has. */
  readonly looked: () => Promise<void>
}

/** A room with a project whose trigger looks at a source. */
async function watched(t: TestContext, source: object, reached: Reached): Promise<Watched> {
  const room = await sourced(t, reached)
  const { context } = room.bench.room
  const { db, blobs } = room.bench.store
  const given = files(source)
  const project = JSON.parse(given['slipway.yaml'] ?? '') as { pipeline: object }
  const triggers = { arrived: { on: 'source', source: 'given', every: '5s' } }
  const text = JSON.stringify({ ...project, pipeline: { ...project.pipeline, triggers } })
  const code = await blobs.put(Buffer.from(given['steps.py'] ?? ''))
  const file = await blobs.put(Buffer.from(text))
  const { digest: tree } = await putManifest(blobs, [
    { path: 'steps.py', executable: false, ...code },
    { path: 'slipway.yaml', executable: false, ...file },
  ])
  await createVersion(context.deps, { ...ANA, role: 'maintainer' }, { text, tree, file: 'slipway.yaml' })
  const nothing = (): Promise<undefined> => Promise.resolve(undefined)
  const told = { aliasMoves: nothing, dataVersions: nothing, incidents: nothing }
  const loop = new Triggers(
    { context, startRun: (...given) => room.bench.room.startRun(...given), told },
    new Leases(db),
  )
  loop.start()
  t.after(() => loop.stop())
  return {
    ...room,
    events: () => db.all<EventRow>('SELECT * FROM pipeline_trigger_events ORDER BY created_at, id'),
    async looked() {
      const from = Date.now()
      // not in five seconds but at once
      await db.tx((tx) => tx.run('UPDATE pipeline_triggers SET due_at = 0'))
      const trigger = () => readTrigger(db, NAMED)
      const what = async (): Promise<string> => `a look: ${JSON.stringify(await trigger())}`
      await until(what, async () => ((await trigger())?.looked_at ?? 0) > from)
    },
  }
}

/** What the run of the next look got, once it has ended; `earlier` are those before it. */
async function startedBy(room: Watched, earlier: number): Promise<Record<string, string>> {
  await room.looked()
  await until(
    async () => `a run that is started: ${JSON.stringify(await room.events())}`,
    async () => (await room.events()).filter(({ state }) => state === 'started').length > earlier,
  )
  const events = await room.events()
  assert.deepEqual(
    events.map(({ state }) => state),
    Array.from({ length: earlier + 1 }, () => 'started'),
  )
  const run = await room.bench.end(events.at(-1)?.run_id ?? '')
  assert.equal(run.trigger, 'event')
  return room.got(run)
}

describe('a prefix of S3', () => {
  test('starts a run for an object that comes, and for one that changes', async (t) => {
    const s3 = await startS3()
    if (s3 === undefined) return t.skip(NO_S3)
    t.after(() => s3.stop())
    const { bucket, credentials, origin } = s3.settings
    const client = s3Client(s3Settings(`s3://${bucket}`, s3.env))
    t.after(() => client.close())
    const put = (key: string, text: string) => client.call({ method: 'PUT', key, body: Buffer.from(text) })
    await put('raw/a.csv', 'a')
    const secrets = { KEY_ID: credentials.accessKeyId, KEY: credentials.secretAccessKey }
    const place = { url: `s3://${bucket}/raw/`, endpoint: origin, access_key: 'KEY_ID', secret_key: 'KEY' }
    const room = await watched(t, { s3: place }, { allow: [new URL(origin).host], secrets })
    await room.looked()
    assert.deepEqual(await room.events(), [], 'what was there before starts nothing')
    await put('raw/b.csv', 'b')
    assert.deepEqual(await startedBy(room, 0), { 'a.csv': 'a', 'b.csv': 'b' })
    await put('beside.csv', 'no')
    await room.looked()
    await put('raw/a.csv', 'A')
    assert.deepEqual(await startedBy(room, 1), { 'a.csv': 'A', 'b.csv': 'b' })
  })
})

describe('a query', () => {
  test('starts a run for a row that comes, and none for another order', async (t) => {
    const server = await startPostgres()
    const admin = new pg.Client({ connectionString: server.url })
    await admin.connect()
    await admin.query('CREATE TABLE flights (id int)')
    await admin.query('INSERT INTO flights VALUES (1), (2)')
    const { host, hostname } = new URL(server.url)
    const source = { sql: { database: 'DB', query: 'SELECT id FROM flights' } }
    const room = await watched(t, source, { allow: [host, hostname], secrets: { DB: server.url } })
    t.after(async () => {
      await admin.end()
      await server.stop()
    })
    await room.looked()
    // the same rows, the other way round, with no moment between in which a look would miss one
    await admin.query('BEGIN; DELETE FROM flights WHERE id = 1; INSERT INTO flights VALUES (1); COMMIT')
    await room.looked()
    assert.deepEqual(await room.events(), [])
    await admin.query('INSERT INTO flights VALUES (3)')
    assert.deepEqual(await startedBy(room, 0), { '': 'id\n1\n2\n3\n' })
  })
})
