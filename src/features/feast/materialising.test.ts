/** Feast's materialise answers when what it made is read, and says what refused it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { apply, openBench } from '../jobs/jobs.fixture.ts'

const SECTION = {
  entities: { driver: { keys: { driver_id: 'int' } } },
  views: {
    stats: { entities: ['driver'], source: 'stats', event_time: 'at', features: { trips: 'int' } },
    live: { entities: ['driver'], push: true, event_time: 'at', features: { speed: 'float' } },
  },
}

test('a view is materialised until a time, all views are, and a fault of a source is told', async (t) => {
  const { app, client, write } = await openBench(t)
  const file = write('stats.csv', 'driver_id,at,trips\n1,2024-01-01,5\n1,2024-01-03,9\n')
  await apply(client, SECTION, { stats: { file, table: 'csv' } })
  const call = async (path: string, body: object) => {
    const response = await fetch(`${app.url}/feast/default/${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${readFileSync(app.tokenFile, 'utf8').trim()}`,
      },
      body: JSON.stringify(body),
    })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
  const trips = async () => {
    const { body } = await call('get-online-features', { features: ['stats:trips'], entities: { driver_id: [1] } })
    return (body['results'] as { values: unknown[] }[])[1]?.values[0]
  }
  const range = { start_ts: '2023-01-01T00:00:00', end_ts: '2024-01-02T00:00:00' }
  assert.deepEqual(await call('materialize', { ...range, feature_views: ['stats'] }), { status: 200, body: {} })
  assert.equal(await trips(), 5)
  // a clock that is ahead
  const end_ts = new Date(Date.now() + 3_600_000).toISOString()
  assert.deepEqual(await call('materialize-incremental', { end_ts, feature_views: null }), { status: 200, body: {} })
  assert.equal(await trips(), 9)
  const pushed = await call('materialize', { ...range, feature_views: ['live'] })
  assert.deepEqual([pushed.status, JSON.stringify(pushed.body).includes('view live@1 has no source')], [422, true])
  write('stats.csv', 'driver_id,at,trips\n1,2024-01-01,many\n')
  const failed = await call('materialize', { ...range, feature_views: ['stats'] })
  assert.equal(failed.status, 422)
  assert.match(
    JSON.stringify(failed.body),
    /view \\"stats\\" failed: .*column \\"trips\\" has many, and a whole number/,
  )
  assert.equal(await trips(), 9)
})
