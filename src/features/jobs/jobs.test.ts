/** Joins and materialisations over HTTP: what comes of them, by hand, what refuses them, and how they are canceled. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { until } from '../../../test/until.ts'
import { authApi } from '../../contract/auth.ts'
import { createClient, type Client } from '../../client/client.ts'
import { dataSetsApi } from '../../contract/data/sets.ts'
import { featureJobsApi } from '../../contract/features/jobs.ts'
import { OnlineReader } from '../online/reader.ts'
import { apply, done, ended, openBench, parquet, rowsOf, upload, type Bench } from './jobs.fixture.ts'

const DRIVERS = {
  entities: { driver: { keys: { driver_id: 'int' } } },
  views: {
    stats: {
      entities: ['driver'],
      source: 'stats',
      event_time: 'at',
      created_time: 'known_at',
      ttl: '10d',
      features: { trips: 'int', rating: 'float' },
    },
    home: { entities: ['driver'], source: 'homes', event_time: 'at', features: { city: 'text' } },
    live: { entities: ['driver'], push: true, event_time: 'at', features: { speed: 'float' } },
  },
  services: { eta: { features: ['stats', 'home:city'] }, now: { features: ['live'] } },
}

const STATS = [
  `driver_id,at,known_at,trips,rating
1,2024-01-01T00:00:00Z,2024-01-01T01:00:00Z,5,4.5
2,2024-01-01T00:00:00Z,2024-01-05T00:00:00Z,7,3.5
`,
  `driver_id,at,known_at,trips,rating
1,2024-01-03T00:00:00Z,2024-01-03T00:00:00Z,9,
`,
]

const ENTITIES = `driver_id,event_timestamp,note
1,2024-01-02T12:00:00Z,a
1,2024-01-04T00:00:00Z,b
2,2024-01-02T00:00:00Z,c
3,2024-01-02T00:00:00Z,d
1,2024-02-01T00:00:00Z,e
2,2023-01-01T00:00:00Z,f
`

/** A server with the definitions of above, of two CSV files and one of parquet. */
async function openDrivers(t: TestContext, section: object = DRIVERS): Promise<Bench> {
  const bench = await openBench(t)
  // what is declared to be a table is one, whatever it is called
  for (const [i, text] of STATS.entries()) bench.write(`stats/part-${i}.${i === 0 ? 'csv' : 'txt'}`, text)
  bench.write('stats/_SUCCESS', '')
  const homes = join(bench.folder, 'homes.parquet')
  await parquet(
    homes,
    `SELECT * FROM (VALUES (1::BIGINT, TIMESTAMP '2023-12-01', 'Oslo'), (1, TIMESTAMP '2024-01-02', 'Rome')) AS t(driver_id, "at", city)`,
  )
  await apply(bench.client, section, {
    stats: { file: join(bench.folder, 'stats'), table: 'csv' },
    homes: { file: homes, table: 'parquet' },
  })
  return bench
}

async function startJoin(client: Client, more: object = {}) {
  const tree = await upload(client, { 'entities.csv': ENTITIES })
  return client.call(featureJobsApi.joinFeatures, { body: { service: 'eta', into: 'training', tree, ...more } })
}

/** The rows of the one file of a version. */
async function rowsOfVersion({ client, dataDir }: Bench, name: string, version = 'latest'): Promise<unknown[]> {
  const { items } = await client.call(dataSetsApi.listDataFiles, { params: { name, version } })
  assert.deepEqual(
    items.map(({ path }) => path),
    [''],
  )
  const hex = (items[0]?.digest ?? '').replace('sha256:', '')
  return rowsOf(join(dataDir, 'blobs', hex.slice(0, 2), hex.slice(2)), '* EXCLUDE (event_timestamp)')
}

function refused(code: string, pattern: RegExp) {
  return (error: unknown): boolean => {
    const { code: got, message } = error as { code: string; message: string }
    assert.equal(got, code, message)
    assert.match(message, pattern)
    return true
  }
}

test('a join gives each row what was known then, and its result is a version that tells of it', async (t) => {
  const bench = await openDrivers(t)
  const { client } = bench
  const started = await startJoin(client)
  assert.deepEqual([started.kind, started.name, started.version, started.state], ['join', 'eta', 1, 'waiting'])
  const job = await done(client, started)
  assert.deepEqual(await rowsOfVersion(bench, 'training'), [
    { driver_id: '1', note: 'a', trips: 5n, rating: 4.5, city: 'Rome' },
    { driver_id: '1', note: 'b', trips: 9n, rating: null, city: 'Rome' },
    { driver_id: '2', note: 'c', trips: null, rating: null, city: null },
    { driver_id: '3', note: 'd', trips: null, rating: null, city: null },
    { driver_id: '1', note: 'e', trips: null, rating: null, city: 'Rome' },
    { driver_id: '2', note: 'f', trips: null, rating: null, city: null },
  ])
  const unseen = { late_suppressed: 1, not_found: 1, expired: 1, future_only: 1 }
  assert.deepEqual(job.join?.rows, 6)
  assert.deepEqual(job.join.columns, [
    { name: 'trips', statuses: { ...unseen, present: 2 } },
    { name: 'rating', statuses: { ...unseen, null_value: 1, present: 1 } },
    { name: 'city', statuses: { not_found: 3, present: 3 } },
  ])
  assert.deepEqual(job.views, [
    { name: 'stats', version: 1 },
    { name: 'home', version: 1 },
  ])
  assert.deepEqual(
    job.sources.map(({ name, place, rows }) => [name, place, rows]),
    [
      ['stats', join(bench.folder, 'stats'), 3],
      ['homes', join(bench.folder, 'homes.parquet'), 2],
    ],
  )
  const version = await client.call(dataSetsApi.getDataVersion, { params: { name: 'training', version: 'latest' } })
  assert.deepEqual(job.join.data_set, { name: 'training', version: 1, digest: version.digest })
  assert.deepEqual(version.made_by, { kind: 'features', job: job.id, service: 'eta', version: 1 })
  assert.deepEqual(readdirSync(join(bench.dataDir, 'features', 'scratch')), [])

  // what the rule of "late" leaves out is there on demand; of a data set, too, and under another name of the time
  const text = ENTITIES.replace('event_timestamp', 'moment')
  const tree = await upload(client, { 'e.csv': text })
  await client.call(dataSetsApi.addDataVersion, { body: { name: 'asked', tree } })
  const late = await client.call(featureJobsApi.joinFeatures, {
    body: { service: 'eta', into: 'late', data_set: 'asked', time: 'moment', include_late_data: true },
  })
  const { join: outcome } = await done(client, late)
  assert.deepEqual(outcome?.columns[0]?.statuses, { not_found: 1, expired: 1, future_only: 1, present: 3 })
})

test('the same join once more is the same version, and another source the next', async (t) => {
  const bench = await openDrivers(t)
  const { client } = bench
  const first = await done(client, await startJoin(client))
  const again = await done(client, await startJoin(client))
  assert.deepEqual(again.join?.data_set, first.join?.data_set)
  bench.write('stats/part-2.csv', 'driver_id,at,known_at,trips,rating\n3,2024-01-01T00:00:00Z,,1,1\n')
  const next = await done(client, await startJoin(client))
  assert.deepEqual([next.join?.data_set.version, next.join?.columns[0]?.statuses.present], [2, 3])
})

test('a materialised view is read online, and what the source has no more is gone after the next', async (t) => {
  // by the clock these rows have expired long ago
  const { ttl: _ttl, ...stats } = DRIVERS.views.stats
  const bench = await openDrivers(t, { ...DRIVERS, views: { ...DRIVERS.views, stats } })
  const { client, dataDir } = bench
  const call = (body: object) =>
    client.call(featureJobsApi.materialiseFeatures, { params: { name: 'stats' }, body: { ...body } })
  const job = await done(client, await call({ until: '2024-01-04T00:00:00Z' }))
  const { rows, tiles, without_key, later, until: horizon } = job.materialised ?? {}
  assert.deepEqual([rows, tiles, without_key, later, horizon], [1, 0, 0, 1, '2024-01-04T00:00:00.000Z'])
  const reader = new OnlineReader(join(dataDir, 'features', 'online.db'))
  t.after(() => reader.close())
  const of = { project: 'default', view: 'stats', version: 1 }
  const at = BigInt(Date.parse('2024-01-06T00:00:00Z')) * 1_000_000n
  const seen = () => reader.read(of, ['1', '2'], at)?.map(({ status, values }) => [status, ...values])
  assert.deepEqual(seen(), [['live', 9, null], ['not_found']])
  await done(client, await call({ until: '2024-01-06T00:00:00Z' }))
  assert.deepEqual(seen(), [
    ['live', 9, null],
    ['live', 7, 3.5],
  ])
  bench.write('stats/part-0.csv', 'driver_id,at,known_at,trips,rating\n')
  await done(client, await call({ until: '2024-01-06T00:00:00Z' }))
  assert.deepEqual(seen(), [['live', 9, null], ['not_found']])
  const { items } = await client.call(featureJobsApi.listFeatureJobs, { query: { kind: 'materialise', limit: 2 } })
  assert.deepEqual(
    items.map(({ materialised }) => materialised?.rows),
    [1, 2],
  )
})

/** A query that does not end, over a source of above. */
const ENDLESS = {
  ...DRIVERS,
  views: {
    ...DRIVERS.views,
    stats: {
      ...DRIVERS.views.stats,
      source: undefined,
      query:
        'SELECT 1 AS driver_id, now() AS "at", now() AS known_at, sum(a.range * b.range) AS trips, 1.0 AS rating FROM range(10000000) a, range(10000000) b, stats',
    },
  },
}

test('one at a time makes a set of a version; one that is canceled leaves what answers as it is', async (t) => {
  const bench = await openDrivers(t)
  const { client, dataDir } = bench
  const params = { name: 'stats' }
  await done(client, await client.call(featureJobsApi.materialiseFeatures, { params, body: { version: 1 } }))
  const stats = { file: join(bench.folder, 'stats'), table: 'csv' }
  await apply(client, ENDLESS, { stats, homes: { file: join(bench.folder, 'homes.parquet'), table: 'parquet' } })
  const job = await client.call(featureJobsApi.materialiseFeatures, { params, body: {} })
  assert.equal(job.version, 2)
  await assert.rejects(
    client.call(featureJobsApi.materialiseFeatures, { params, body: {} }),
    refused('conflict', new RegExp(`stats@2 is being materialised already: job ${job.id}`)),
  )
  const scratch = join(dataDir, 'features', 'scratch')
  await until('the engine is at work', () =>
    readdirSync(scratch).some((name) => existsSync(join(scratch, name, 'engine.db'))),
  )
  // what comes behind it waits, and is canceled there
  const waiting = await startJoin(client)
  const canceled = await client.call(featureJobsApi.cancelFeatureJob, { params: { id: waiting.id }, body: {} })
  assert.deepEqual([canceled.state, canceled.started_at], ['canceled', null])
  const ending = await client.call(featureJobsApi.cancelFeatureJob, { params: { id: job.id }, body: {} })
  assert.equal(ending.state, 'canceled')
  await assert.rejects(
    client.call(featureJobsApi.cancelFeatureJob, { params: { id: job.id }, body: {} }),
    refused('conflict', /is canceled already/),
  )
  await until('the engine has ended', () => readdirSync(scratch).length === 0)
  const reader = new OnlineReader(join(dataDir, 'features', 'online.db'))
  t.after(() => reader.close())
  const described = (version: number) => reader.describe({ project: 'default', view: 'stats', version })
  assert.notEqual(described(1), undefined)
  assert.equal(described(2), undefined)
  // the next one runs as if nothing had been
  await done(client, await client.call(featureJobsApi.materialiseFeatures, { params, body: { version: 1 } }))
  const { items } = await client.call(authApi.listAudit, { query: {} })
  const told = items.filter(({ resource_id }) => resource_id === `feature-job:default/${job.id}`)
  assert.equal(told.length, 2)
})

test('what does not fit fails with the column and the value, and what answers stays', async (t) => {
  const bench = await openDrivers(t)
  const { client } = bench
  bench.write('stats/part-1.txt', 'driver_id,at,known_at,trips,rating\n1,2024-01-03T00:00:00Z,,many,\n')
  const params = { name: 'stats' }
  const job = await ended(client, await client.call(featureJobsApi.materialiseFeatures, { params, body: {} }))
  assert.equal(job.state, 'failed')
  assert.match(job.reason, /column "trips" has many, and a whole number/)
  const joined = await ended(client, await startJoin(client, { time: 'when' }))
  assert.match(
    joined.reason,
    /the table of entities has no column "when"; it has "driver_id", "event_timestamp", "note"/,
  )
  bench.write('homes.parquet', 'no parquet')
  const source = await ended(client, await startJoin(client))
  assert.match(source.reason, /source "homes": its file is no parquet file/)
  const tree = await upload(client, { 'notes.txt': 'nothing' })
  const none = await ended(client, await startJoin(client, { tree, service: 'eta' }))
  assert.equal(none.state, 'failed')
})

test('what is not there or cannot be is refused before anything is begun', async (t) => {
  const { client, app } = await openDrivers(t)
  const materialise = (name: string, body: object = {}) =>
    client.call(featureJobsApi.materialiseFeatures, { params: { name }, body: { ...body } })
  await assert.rejects(materialise('gone'), refused('not_found', /feature view.*gone/))
  await assert.rejects(materialise('stats', { version: 7 }), refused('not_found', /stats@7/))
  await assert.rejects(materialise('live'), refused('unprocessable', /view live@1 has no source: its rows are pushed/))
  await assert.rejects(
    materialise('stats', { until: '2999-01-01T00:00:00Z' }),
    refused('invalid_field', /until.*2999.*a time that has come/),
  )
  await assert.rejects(startJoin(client, { service: 'gone' }), refused('not_found', /feature service.*gone/))
  await assert.rejects(startJoin(client, { service: 'now' }), refused('unprocessable', /view live@1 has no source/))
  await assert.rejects(
    startJoin(client, { data_set: 'asked' }),
    refused('invalid_field', /either "tree" or "data_set"/),
  )
  await assert.rejects(
    startJoin(client, { tree: undefined, data_set: 'asked@9' }),
    refused('not_found', /data set.*asked@9/),
  )
  await assert.rejects(
    startJoin(client, { tree: undefined, data_set: 'a b' }),
    refused('invalid_field', /data_set.*NAME or NAME@VERSION/),
  )
  await assert.rejects(startJoin(client, { tree: `sha256:${'0'.repeat(64)}` }), refused('not_found', /tree/))

  // a caller of another project neither sees the definitions nor takes up the files of this one, nor its jobs
  const body = { name: 'elsewhere', role: 'maintainer' as const, project: 'other' }
  const { token } = await client.call(authApi.createToken, { body })
  const other = createClient({ url: app.url, token })
  await assert.rejects(startJoin(other), refused('not_found', /feature service.*eta/))
  await apply(other, DRIVERS, {
    stats: { file: '/etc/hostname', table: 'csv' },
    homes: { file: '/etc/hostname', table: 'parquet' },
  })
  const tree = await upload(client, { 'entities.csv': `${ENTITIES}9,2024-01-01T00:00:00Z,g\n` })
  await assert.rejects(startJoin(other, { tree }), refused('not_found', /tree/))
  const job = await startJoin(client)
  await assert.rejects(
    other.call(featureJobsApi.getFeatureJob, { params: { id: job.id } }),
    refused('not_found', /feature job/),
  )
  // a source that may not be read is told by its name
  const closed = await ended(other, await startJoin(other))
  assert.match(closed.reason, /source "stats": .* is not below a folder from which sources may be read/)
})
