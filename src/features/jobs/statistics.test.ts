/** Statistics of a view over HTTP, and which projects have features. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClient } from '../../client/client.ts'
import { authApi } from '../../contract/auth.ts'
import { featuresApi } from '../../contract/features/catalogue.ts'
import { featureJobsApi } from '../../contract/features/jobs.ts'
import { apply, done, openBench } from './jobs.fixture.ts'

const SECTION = {
  entities: { driver: { keys: { driver_id: 'int' } } },
  views: {
    stats: {
      entities: ['driver'],
      source: 'stats',
      event_time: 'at',
      features: { trips: 'int', since: 'time' },
      windows: { rows_1d: { take: 'count', over: '1d' } },
    },
  },
}

test('a view tells the statistics of its newest materialisation, of the version that is asked for', async (t) => {
  const { client, write } = await openBench(t)
  const file = write('stats.csv', 'driver_id,at,trips,since\n1,2024-01-01,5,2023-01-01\n')
  const sources = { stats: { file, table: 'csv' } }
  await apply(client, SECTION, sources)
  const params = { name: 'stats' }
  const look = async (version = 1) =>
    (await client.call(featuresApi.getFeatureView, { params, query: { version } })).statistics
  assert.equal(await look(), null)
  const materialise = async () =>
    done(client, await client.call(featureJobsApi.materialiseFeatures, { params, body: {} }))
  const first = await materialise()
  const before = await look()
  assert.deepEqual([before?.job, before?.at, before?.until], [first.id, first.ended_at, first.materialised?.until])
  write('stats.csv', 'driver_id,at,trips,since\n1,2024-01-01,5,2023-01-01\n2,2024-01-01,8,2023-02-01\n')
  const second = await materialise()
  const after = await look()
  assert.deepEqual([after?.job, after?.live, after?.expired], [second.id, 2, 0])
  assert.deepEqual(
    after?.features.map(({ name, numbers, first: from, last }) => [name, numbers?.max, from, last]),
    [
      ['trips', 8, null, null],
      ['since', undefined, '2023-01-01T00:00:00Z', '2023-02-01T00:00:00Z'],
    ],
    'those of windows are not computed',
  )
  const { items } = await client.call(featureJobsApi.listFeatureJobs, { query: {} })
  for (const job of [...items, second])
    assert.deepEqual(Object.keys(job.materialised ?? {}), ['rows', 'tiles', 'without_key', 'later', 'until'])
  const changed = { ...SECTION, views: { stats: { ...SECTION.views.stats, ttl: '1d' } } }
  assert.deepEqual(await apply(client, changed, sources), ['driver@1', 'stats@2'])
  assert.equal(await look(2), null)
  assert.equal((await look(1))?.job, second.id)
})

test('projects that have features are listed to who sees them', async (t) => {
  const { client, app, write } = await openBench(t)
  const sources = { stats: { file: write('stats.csv', 'driver_id,at,trips,since\n'), table: 'csv' } }
  const projects = async (of = client) => (await of.call(featuresApi.listFeatureProjects)).items
  assert.deepEqual(await projects(), [])
  const services = { eta: { features: ['stats'] }, other: { features: ['stats:trips'] } }
  await apply(client, { ...SECTION, services }, sources, 'rides')
  await apply(client, { entities: SECTION.entities }, {}, 'early')
  await apply(client, { entities: SECTION.entities }, {})
  const rides = { project: 'rides', views: 1, services: 2 }
  const none = { views: 0, services: 0 }
  assert.deepEqual(await projects(), [{ project: 'default', ...none }, { project: 'early', ...none }, rides])
  const body = { name: 'rider', role: 'viewer' as const, project: 'rides' }
  const { token } = await client.call(authApi.createToken, { body })
  assert.deepEqual(await projects(createClient({ url: app.url, token })), [rides])
})
