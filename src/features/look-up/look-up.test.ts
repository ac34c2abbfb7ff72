/** Look-ups in the past over HTTP: values, statuses and times worked out by hand, what has no history, and what refuses one. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { migratedSqlite } from '../../../test/databases.ts'
import { until } from '../../../test/until.ts'
import type { Principal } from '../../contract/access.ts'
import { lookUpApi } from '../../contract/features/look-up.ts'
import { onlineApi } from '../../contract/features/online.ts'
import { featureJobsApi } from '../../contract/features/jobs.ts'
import { FeaturesSection } from '../../contract/features/section.ts'
import { SourceAway } from '../../pipelines/data/kinds/asked.ts'
import { planApply, writePlan } from '../definitions/apply.ts'
import type { JobsContext } from '../jobs/context.ts'
import { apply, done, openBench, type Bench } from '../jobs/jobs.fixture.ts'
import { LookUps } from './look-up.ts'

const SECTION = {
  entities: { driver: { keys: { driver_id: 'int' } }, city: { keys: { city: 'text' } } },
  views: {
    stats: {
      entities: ['driver'],
      source: 'stats',
      event_time: 'at',
      created_time: 'known_at',
      ttl: '10d',
      features: { trips: 'int', big: 'int' },
      windows: { sum_3d: { take: 'sum', of: 'trips', over: '3d', step: '1d' } },
    },
    rain: { entities: ['city'], source: 'rain', event_time: 'at', features: { rain: 'float', since: 'time' } },
    live: { entities: ['driver'], push: true, event_time: 'at', features: { speed: 'float' } },
  },
  on_demand: {
    per_hour: { inputs: { trips: 'stats:trips', hours: 'request:hours' }, sql: 'trips / hours', type: 'float' },
    fast: { inputs: { speed: 'live:speed' }, sql: 'coalesce(speed, 0) > 10', type: 'bool' },
    faster: { inputs: { fast: 'on_demand:fast' }, sql: 'not fast', type: 'bool' },
  },
  services: {
    eta: {
      features: [
        'stats',
        { take: 'rain', keys: { city: 'start' } },
        'live:speed',
        'on_demand:per_hour',
        'on_demand:faster',
      ],
    },
    now: { features: ['live'] },
    kept: { features: ['stats:trips'], on_expired: 'value' },
  },
}

const STATS = `driver_id,at,known_at,trips,big
1,2024-01-01T00:00:00Z,2024-01-01T00:00:00Z,5,9007199254740993
1,2024-01-02T00:00:00Z,2024-01-04T00:00:00Z,6,1
1,2024-01-03T00:00:00Z,2024-01-03T06:00:00Z,7,
2,2024-01-02T00:00:00Z,2024-01-09T00:00:00Z,9,2
`
const RAIN = `city,at,rain,since
O'Hare,2024-01-01T00:00:00Z,NaN,2023-12-31T00:00:00.5Z
O'Hare,2024-01-05T00:00:00Z,2.5,2024-01-04T00:00:00Z
`

async function openDrivers(t: TestContext, section: object = SECTION): Promise<Bench> {
  const bench = await openBench(t)
  const [stats, rain] = [bench.write('stats.csv', STATS), bench.write('rain.csv', RAIN)]
  await apply(bench.client, section, { stats: { file: stats, table: 'csv' }, rain: { file: rain, table: 'csv' } })
  return bench
}

const DRIVER = { driver_id: 1, start: "O'Hare", hours: 2 }

function refused(code: string, pattern: RegExp) {
  return (error: unknown): boolean => {
    const { code: got, message } = error as { code: string; message: string }
    assert.equal(got, code, message)
    assert.match(message, pattern)
    return true
  }
}

test('a moment sees the row that was known then, tells when it happened, became known and was followed, and from which snapshot', async (t) => {
  const bench = await openDrivers(t)
  const { client } = bench
  const ask = (entities: object[], times: string[]) =>
    client.call(lookUpApi.lookUpFeatures, { body: { service: 'eta', entities: entities as never, times } })
  const answer = await ask(
    [DRIVER, DRIVER, { ...DRIVER, driver_id: 2 }, { driver_id: 3, start: null, hours: null }, DRIVER],
    [
      '2024-01-02T12:00:00Z',
      '2024-01-05T00:00:00Z',
      '2024-01-03T00:00:00Z',
      '2024-01-03T00:00:00Z',
      '2023-12-31T00:00:00Z',
    ],
  )
  assert.deepEqual(answer.service, { name: 'eta', version: 1 })
  const [first, second, late, nobody, early] = answer.rows
  assert.deepEqual(
    JSON.parse(JSON.stringify(first?.features)),
    {
      trips: 5,
      big: 9007199254740992,
      sum_3d: 5,
      rain: 'NaN',
      since: '2023-12-31T00:00:00.500Z',
      speed: null,
      per_hour: 2.5,
      faster: null,
    },
    'a whole number beyond 2^53 is one here whose digits JSON.parse has lost',
  )
  const untold = { speed: 'no_history', faster: 'no_history' }
  assert.deepEqual(first?.missing, untold)
  assert.deepEqual(first.events, {
    stats: { at: '2024-01-01T00:00:00Z', known_at: '2024-01-01T00:00:00Z', age_ms: 36 * 3_600_000 },
    rain: { at: '2024-01-01T00:00:00Z', known_at: '2024-01-01T00:00:00Z', age_ms: 36 * 3_600_000 },
  })
  // the row of the 2nd had happened, and is never seen: that of the 3rd is known before it
  assert.deepEqual(first.next, {
    stats: { at: '2024-01-03T00:00:00Z', known_at: '2024-01-03T06:00:00Z' },
    rain: { at: '2024-01-05T00:00:00Z', known_at: '2024-01-05T00:00:00Z' },
  })
  assert.deepEqual(second?.missing, { big: 'null_value', ...untold })
  assert.deepEqual(
    [second.features['trips'], second.features['sum_3d'], second.features['rain']],
    [7, 7 + 6, 2.5],
    'the window counts the row that came late too',
  )
  assert.deepEqual(second.next, {})
  const suppressed = { trips: 'late_suppressed', big: 'late_suppressed', sum_3d: 'late_suppressed' }
  assert.deepEqual(late?.missing, { ...suppressed, per_hour: 'null_value', ...untold })
  assert.deepEqual(late.next['stats'], { at: '2024-01-02T00:00:00Z', known_at: '2024-01-09T00:00:00Z' })
  assert.equal(late.events['stats'], undefined)
  assert.equal(nobody?.missing['trips'], 'not_found')
  assert.equal(nobody.missing['rain'], 'not_found')
  assert.equal(early?.missing['trips'], 'future_only')
  assert.deepEqual(early.next['stats'], { at: '2024-01-01T00:00:00Z', known_at: '2024-01-01T00:00:00Z' })
  assert.deepEqual(
    answer.views.map(({ name, version, history, pushed, sources }) => [
      name,
      version,
      history,
      pushed,
      sources.map(({ name: of, place, rows, unchanged }) => [of, place, rows, unchanged]),
    ]),
    [
      ['stats', 1, true, false, [['stats', join(bench.folder, 'stats.csv'), 4, false]]],
      ['rain', 1, true, false, [['rain', join(bench.folder, 'rain.csv'), 2, false]]],
      ['live', 1, false, true, []],
    ],
  )
  const again = await until('the files to have settled, so that they are not read again', async () => {
    const one = await ask([DRIVER], ['2024-01-02T12:00:00Z'])
    return one.views.every(({ sources }) => sources.every(({ unchanged }) => unchanged)) && one
  })
  assert.deepEqual(again.rows, [first])
})

test('what is looked up now is what is read online after a materialisation', async (t) => {
  const { ttl: _ttl, ...stats } = SECTION.views.stats
  // what has expired long ago has left the online store
  const { client } = await openDrivers(t, { ...SECTION, views: { ...SECTION.views, stats } })
  for (const name of ['stats', 'rain'])
    await done(client, await client.call(featureJobsApi.materialiseFeatures, { params: { name }, body: {} }))
  const entities = [DRIVER, { ...DRIVER, driver_id: 2 }, { ...DRIVER, driver_id: 4 }]
  const online = await client.call(onlineApi.readFeatures, { body: { service: 'eta', entities } })
  const at = new Date().toISOString()
  const past = await client.call(lookUpApi.lookUpFeatures, { body: { service: 'eta', entities, at } })
  for (const [i, row] of online.rows.entries()) {
    const { speed: _speed, faster: _faster, ...missing } = past.rows[i]?.missing ?? {}
    const { speed: _none, faster, ...features } = row.features
    const { speed: _live, faster: _own, ...why } = row.missing
    assert.deepEqual(missing, why)
    assert.deepEqual({ ...past.rows[i]?.features, faster, speed: null }, { ...features, faster, speed: null })
  }
})

test('an expired value is shown where the service serves it, with the row that has expired', async (t) => {
  const { client } = await openDrivers(t)
  const { rows } = await client.call(lookUpApi.lookUpFeatures, {
    body: { service: 'kept', entities: [{ driver_id: 1 }], at: '2024-02-01T00:00:00Z' },
  })
  const event = { at: '2024-01-03T00:00:00Z', known_at: '2024-01-03T06:00:00Z', age_ms: 29 * 86_400_000 }
  assert.deepEqual(
    [rows[0]?.features, rows[0]?.missing, rows[0]?.events],
    [{ trips: 7 }, { trips: 'expired' }, { stats: event }],
  )
})

test('a service of pushed rows alone is answered by its state, without an engine', async (t) => {
  const { client } = await openDrivers(t)
  const { rows, views } = await client.call(lookUpApi.lookUpFeatures, {
    body: { service: 'now', entities: [{ driver_id: 1 }], at: '2024-01-02' },
  })
  assert.deepEqual(rows, [
    { at: '2024-01-02T00:00:00Z', features: { speed: null }, missing: { speed: 'no_history' }, events: {}, next: {} },
  ])
  assert.deepEqual(
    views.map(({ history, sources }) => [history, sources]),
    [[false, []]],
  )
})

test('what is asked wrongly is refused before a source is read, and a source that does not fit is named', async (t) => {
  const bench = await openDrivers(t)
  const ask = (body: object) =>
    bench.client.call(lookUpApi.lookUpFeatures, {
      body: { service: 'eta', entities: [DRIVER], at: '2024-01-02T00:00:00Z', ...body },
    })
  await assert.rejects(ask({ at: '2999-01-01T00:00:00Z' }), refused('invalid_field', /^at: .*a time that has come/))
  await assert.rejects(ask({ at: 'yesterday' }), refused('invalid_field', /^at: got yesterday/))
  await assert.rejects(ask({ at: undefined }), refused('invalid_field', /either "at" or "times"/))
  await assert.rejects(ask({ times: ['2024-01-01'] }), refused('invalid_field', /either "at" or "times"/))
  await assert.rejects(
    ask({ at: undefined, times: ['2024-01-01', '2024-01-02'] }),
    refused('invalid_field', /^times: got 2, expected a moment of each of the 1 entities/),
  )
  await assert.rejects(ask({ entities: [{ ...DRIVER, driver_id: 'x' }] }), refused('invalid_field', /driver_id/))
  await assert.rejects(ask({ entities: [{ ...DRIVER, other: 1 }] }), refused('invalid_field', /other/))
  await assert.rejects(ask({ service: 'gone' }), refused('not_found', /gone/))
  bench.write('rain.csv', 'city,at,rain\n')
  await assert.rejects(ask({}), refused('unprocessable', /rain.*has no column "since"/))
})

test('a look-up whose caller has left ends, and the next one has its turn', async (t) => {
  const bench = await openDrivers(t)
  const endless = {
    ...SECTION,
    views: {
      ...SECTION.views,
      rain: {
        ...SECTION.views.rain,
        source: undefined,
        query:
          'SELECT \'a\' AS city, now() AS "at", sum(a.range * b.range) AS rain, now() AS since FROM rain, range(10000000) a, range(10000000) b',
      },
    },
  }
  const { folder } = bench
  await apply(bench.client, endless, {
    stats: { file: join(folder, 'stats.csv'), table: 'csv' },
    rain: { file: join(folder, 'rain.csv'), table: 'csv' },
  })
  const leaving = new AbortController()
  const body = { service: 'eta', entities: [DRIVER], at: '2024-01-02T00:00:00Z' }
  const own = bench.client.call(lookUpApi.lookUpFeatures, { body }, leaving.signal)
  const next = bench.client.call(lookUpApi.lookUpFeatures, {
    body: { ...body, service: 'kept', entities: [{ driver_id: 1 }] },
  })
  leaving.abort()
  await assert.rejects(own)
  assert.deepEqual((await next).rows[0]?.features, { trips: 5 })
})

test('what takes too long says where the time went and what to do instead', async (t) => {
  const database = await migratedSqlite()
  t.after(() => database.close())
  const { db } = database
  const place = { kind: 'file' as const, path: '/srv/stats.csv' }
  const spec = { place, table: 'csv' as const, fresh_ms: null, stale: 'fail' as const, limit_bytes: 1, timeout_ms: 1 }
  const given = { section: FeaturesSection.parse(SECTION), sources: { stats: spec, rain: spec } }
  await db.tx(async (tx) =>
    writePlan(tx, 'default', { planned: await planApply(tx, 'default', given), at: 1, by: 'ana' }),
  )
  const read = Promise.withResolvers<never>()
  const context = { db, clock: () => 1e12, below: () => ({ pipelines: { sources: { read: () => read.promise } } }) }
  const lookUps = new LookUps(context as unknown as JobsContext, 20)
  const who: Principal = { id: 'a', name: 'a', role: 'viewer', project: null, token_id: null }
  const asked = { service: 'kept', entities: [{ driver_id: 1 }], at: '2001-01-01' }
  const ask = () => lookUps.read(who, asked, new AbortController().signal)
  await assert.rejects(
    ask(),
    refused('unprocessable', /took more than 0\.02 s and was stopped while it read the sources; a join has an hour/),
  )
  // a source that answers nobody still holds its place
  await assert.rejects(ask(), refused('unprocessable', /while it waited for other look-ups; ask again/))
  read.reject(new SourceAway('source "stats": it is away'))
})
