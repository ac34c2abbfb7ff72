/** A server that is killed while it joins or materialises: the next one begins the job anew, and what comes of it is there once and whole. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import Database from 'better-sqlite3'
import { startTestServer, type TestServer } from '../../../test/server.ts'
import { until } from '../../../test/until.ts'
import { dataSetsApi } from '../../contract/data/sets.ts'
import { featureJobsApi, type FeatureJob } from '../../contract/features/jobs.ts'
import { OnlineReader } from '../online/reader.ts'
import { apply, done, upload, writing } from './jobs.fixture.ts'

const SECTION = {
  entities: { driver: { keys: { driver_id: 'int' } } },
  views: { stats: { entities: ['driver'], source: 'stats', event_time: 'at', features: { trips: 'int' } } },
  services: { eta: { features: ['stats'] } },
}

const OF = { project: 'default', view: 'stats', version: 1 }
const AT = BigInt(Date.parse('2026-01-01T00:00:00Z')) * 1_000_000n

/** Rows of so many drivers, each with so many trips; one time of each is older. */
function stats(drivers: number, trips: number): string {
  const rows = Array.from({ length: drivers }, (_, i) => [
    `${i},2024-01-01T00:00:00Z,${trips - 1}`,
    `${i},2024-01-02T00:00:00Z,${trips}`,
  ])
  return `driver_id,at,trips\n${rows.flat().join('\n')}\n`
}

interface Place {
  readonly data: string
  readonly online: string
  /** Changes the source. */
  readonly source: (drivers: number, trips: number) => void
  /** Starts a server, which ends with the test. */
  readonly server: () => Promise<TestServer>
  /** Starts one that is killed at a point, by what `begin` has it do or by what one before had begun, and waits until it is. */
  readonly killed: (point: string, begin?: (server: TestServer) => Promise<unknown>) => Promise<void>
}

function place(t: TestContext): Place {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'slipway-features-killed-')))
  const [data, folder] = [join(root, 'data'), join(root, 'open')]
  for (const path of [data, folder]) mkdirSync(path)
  const servers: TestServer[] = []
  t.after(async () => {
    for (const server of servers) await server.stop()
    rmSync(root, { recursive: true, force: true, maxRetries: 5 })
  })
  const write = writing(folder)
  const env = { SLIPWAY_SOURCE_FOLDERS: folder }
  const define = ({ client }: TestServer) =>
    apply(client, SECTION, { stats: { file: join(folder, 'stats.csv'), table: 'csv' } })
  return {
    data,
    online: join(data, 'features', 'online.db'),
    source: (drivers, trips) => void write('stats.csv', stats(drivers, trips)),
    async server() {
      const server = await startTestServer({ data, env })
      servers.push(server)
      await define(server)
      return server
    },
    async killed(point, begin) {
      const fault = { SLIPWAY_TEST_HOOKS: '1', SLIPWAY_FAULT: point }
      if (begin === undefined) {
        // it may be killed before it is ready
        await startTestServer({ data, env: { ...env, ...fault } }).then(
          (server) => server.ended(),
          (error: unknown) => assert.match(String(error), /the server ended with null/),
        )
        return
      }
      const server = await startTestServer({ data, env: { ...env, ...fault } })
      servers.push(server)
      await define(server)
      // the answer may be lost in the kill
      const [[begun], code] = await Promise.all([Promise.allSettled([begin(server)]), server.ended()])
      assert.equal(code, null, JSON.stringify(begun))
    },
  }
}

function start({ client }: TestServer): Promise<FeatureJob> {
  return client.call(featureJobsApi.materialiseFeatures, { params: { name: 'stats' }, body: {} })
}

async function newest({ client }: TestServer): Promise<FeatureJob> {
  const { items } = await client.call(featureJobsApi.listFeatureJobs, { query: { limit: 1 } })
  assert.ok(items[0] !== undefined)
  return items[0]
}

/** What answers for each driver, as counts of trips. */
function answers(file: string, drivers: number): Record<string, number> {
  const reader = new OnlineReader(file)
  try {
    const found = reader.read(
      OF,
      Array.from({ length: drivers }, (_, i) => String(i)),
      AT,
    )
    const counts: Record<string, number> = {}
    for (const { values } of found ?? []) counts[String(values[0])] = (counts[String(values[0])] ?? 0) + 1
    return counts
  } finally {
    reader.close()
  }
}

/** Sets by their state, and all rows. */
function stored(file: string): { readonly sets: readonly string[]; readonly rows: number } {
  const database = new Database(file, { readonly: true })
  try {
    const sets = database.prepare('SELECT state FROM sets ORDER BY id').pluck().all() as string[]
    return { sets, rows: database.prepare('SELECT count(*) FROM rows').pluck().get() as number }
  } finally {
    database.close()
  }
}

test('killed at any step, a materialisation ends with the source as it is, and what answers is always one whole set', async (t) => {
  const { data, online, source, server, killed } = place(t)
  source(3000, 1)
  const first = await server()
  await done(first.client, await start(first))
  await first.stop()
  assert.deepEqual(answers(online, 3000), { 1: 3000 })
  for (const [i, [point, answering]] of (
    [
      ['features.pinned', { 1: 3000 }],
      ['features.begun', { 1: 3000 }],
      ['features.filled', { 1: 3000 }],
      // nobody knows yet that the job is over, but the set is whole
      ['features.switched', { 5: 2000, undefined: 1000 }],
    ] as const
  ).entries()) {
    source(2000, i + 2)
    await killed(point, i === 0 ? start : undefined)
    assert.deepEqual(answers(online, 3000), answering, point)
  }
  source(2500, 9)
  const last = await server()
  const { materialised, sources } = await done(last.client, await newest(last))
  assert.deepEqual([materialised?.rows, sources[0]?.rows], [2500, 5000])
  assert.deepEqual(answers(online, 3000), { 9: 2500, undefined: 500 })
  // nothing is left of what was begun
  await until('what answers no more is removed', () => stored(online).sets.length === 1)
  assert.deepEqual(stored(online), { sets: ['live'], rows: 2500 })
  assert.deepEqual(readdirSync(join(data, 'features', 'scratch')), [])
})

test('killed while the engine fills a set, nothing of it is left after the next', async (t) => {
  const { online, source, server } = place(t)
  source(10, 0)
  const killed = await server()
  await done(killed.client, await start(killed))
  source(60_000, 1)
  const job = await start(killed)
  await until('some rows are there', () => stored(online).rows > 10)
  await killed.kill()
  const last = await server()
  await done(last.client, job)
  assert.deepEqual(answers(online, 60_000), { 1: 60_000 })
  await until('what answers no more is removed', () => stored(online).sets.length === 1)
  assert.deepEqual(stored(online), { sets: ['live'], rows: 60_000 })
})

for (const point of ['features.joined', 'features.ended']) {
  test(`killed at the end of a join (${point}), its result is one version`, async (t) => {
    const { source, server, killed } = place(t)
    source(100, 1)
    await killed(point, async ({ client }) => {
      const tree = await upload(client, { 'e.csv': 'driver_id,event_timestamp\n7,2024-01-01T12:00:00Z\n' })
      return client.call(featureJobsApi.joinFeatures, { body: { service: 'eta', into: 'training', tree } })
    })
    const last = await server()
    const { join: outcome, id } = await done(last.client, await newest(last))
    assert.deepEqual([outcome?.rows, outcome?.data_set.version], [1, 1])
    const { items } = await last.client.call(dataSetsApi.getDataSet, { params: { name: 'training' } })
    assert.deepEqual(
      items.map(({ digest, made_by }) => [digest, made_by]),
      [[outcome?.data_set.digest, { kind: 'features', job: id, service: 'eta', version: 1 }]],
    )
  })
}
