/** Bodies as an unmodified SDK of Feast 0.67 sends them, over HTTP to a store: what it writes is what it reads. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startTestApp } from '../../../test/app.ts'
import { createClient } from '../../client/client.ts'
import { featuresApi } from '../../contract/features/catalogue.ts'
import type { App } from '../../options.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'slipway-feast-'))
let app: App
let token = ''

before(async () => {
  app = await startTestApp({ dataDir })
  token = readFileSync(app.tokenFile, 'utf8').trim()
  const pushed = { push: true, event_time: 'ts' }
  const features = {
    entities: { airport: { keys: { airport_id: 'text' } }, leg: { keys: { flight: 'int' } } },
    views: {
      airport_delays: {
        ...pushed,
        entities: ['airport'],
        ttl: '1d',
        features: { mean_delay: 'float', flights: 'int', is_closed: 'bool', last_flight: 'time', note: 'text' },
      },
      everywhere: { ...pushed, created_time: 'known', features: { total: 'int' } },
    },
    on_demand: {
      per_km: {
        inputs: { delay: 'airport_delays:mean_delay', km: 'request:distance' },
        sql: 'delay / km',
        type: 'float',
      },
    },
    services: {
      late_v1: {
        features: [
          { take: 'airport_delays:mean_delay', as: 'origin', keys: { airport_id: 'origin_id' } },
          'on_demand:per_km',
        ],
      },
    },
  }
  const client = createClient({ url: app.url, token })
  await client.call(featuresApi.applyFeatures, { body: { features: features as never, sources: {} } })
})
after(async () => {
  await app.stop()
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 })
})

async function call(path: string, body: unknown, bearer = token): Promise<{ status: number; text: string }> {
  const response = await fetch(`${app.url}/feast/default${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'content-type': 'application/json', ...(bearer !== '' && { authorization: `Bearer ${bearer}` }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  return { status: response.status, text: await response.text() }
}

async function read(body: object) {
  const { status, text } = await call('/get-online-features', body)
  assert.equal(status, 200, text)
  return JSON.parse(text) as {
    metadata: { feature_names: string[] }
    results: { values: unknown[]; statuses: string[]; event_timestamps: string[] }[]
  }
}

test('what the SDK writes it reads, in the order in which it asks', async () => {
  const at = new Date(Date.now() - 3_600_000).toISOString().slice(0, 19)
  const df = {
    airport_id: ['JFK', 'SFO'],
    mean_delay: [10, null],
    flights: [5, 7],
    is_closed: [true, false],
    last_flight: [1_796_209_200, null],
    note: [null, 'n'],
    event_timestamp: [`${at}.123456`, at],
    created: [`${at}.123456`, 'NaT'],
  }
  const written = await call('/write-to-online-store', {
    feature_view_name: 'airport_delays',
    df,
    allow_registry_cache: false,
  })
  assert.deepEqual(written, { status: 200, text: '{}' })
  const { metadata, results } = await read({
    entities: { airport_id: ['JFK', 'nope', 'SFO'] },
    full_feature_names: false,
    include_feature_view_version_metadata: false,
    features: [
      'airport_delays:note',
      'airport_delays:mean_delay',
      'airport_delays:flights',
      'airport_delays:last_flight',
    ],
  })
  assert.deepEqual(metadata.feature_names, ['airport_id', 'note', 'mean_delay', 'flights', 'last_flight'])
  assert.deepEqual(
    results.map(({ values }) => values),
    [
      ['JFK', 'nope', 'SFO'],
      [null, null, 'n'],
      [10, null, null],
      [5, null, 7],
      [1_796_209_200, null, null],
    ],
  )
  assert.deepEqual(results[2]?.statuses, ['PRESENT', 'NOT_FOUND', 'NULL_VALUE'])
  assert.deepEqual(results[2]?.event_timestamps, [`${at}.123456Z`, '1970-01-01T00:00:00Z', `${at}Z`])
  // the SDK takes the type from the spelling
  const { text } = await call('/get-online-features', {
    features: ['airport_delays:mean_delay'],
    entities: { airport_id: ['JFK'] },
  })
  assert.match(text, /"values":\[10\.0\]/)
})

test('a service with an alias and a field of the request, with full names', async () => {
  const at = new Date(Date.now() - 60_000).toISOString()
  const df = {
    airport_id: ['LGA'],
    mean_delay: [3],
    flights: [1],
    is_closed: [true],
    last_flight: [null],
    note: [null],
    ts: [at],
  }
  await call('/push', { push_source_name: 'airport_delays', df, to: 'online' })
  const { metadata, results } = await read({
    entities: { origin_id: ['LGA'], airport_id: ['LGA'], distance: [2] },
    full_feature_names: true,
    feature_service: 'late_v1',
  })
  assert.deepEqual(metadata.feature_names, ['origin_id', 'airport_id', 'origin__mean_delay', 'per_km'])
  assert.deepEqual(
    results.map(({ values }) => values[0]),
    ['LGA', 'LGA', 3, 1.5],
  )
})

test('a view without entities is one row', async () => {
  const df = { total: [4], event_timestamp: [new Date(Date.now() - 60_000).toISOString()], created: [null] }
  await call('/write-to-online-store', { feature_view_name: 'everywhere', df })
  const { results } = await read({ entities: {}, features: ['everywhere:total'] })
  assert.deepEqual(
    results.map(({ values }) => values),
    [[4]],
  )
})

test('what an SDK sends at once may be more than is written or read in one turn', async () => {
  const count = 12_000
  const ids = (most: number): string[] => Array.from({ length: most }, (_, i) => `many-${i}`)
  const df = (flightsOf: (i: number) => unknown) => {
    const all = <T>(value: T): T[] => Array.from({ length: count }, () => value)
    return {
      airport_id: ids(count),
      mean_delay: all(null),
      flights: Array.from({ length: count }, (_, i) => flightsOf(i)),
      is_closed: all(true),
      last_flight: all(null),
      note: all(null),
      event_timestamp: all(new Date(Date.now() - 60_000).toISOString()),
    }
  }
  const write = (flightsOf: (i: number) => unknown) =>
    call('/write-to-online-store', { feature_view_name: 'airport_delays', df: df(flightsOf) })
  const readFirst = async (most: number) =>
    (await read({ entities: { airport_id: ids(most) }, features: ['airport_delays:flights'] })).results[1]

  const refused = await write((i) => (i === 11_500 ? 'three' : i))
  assert.equal(refused.status, 400)
  assert.match(refused.text, /rows\[11500\]\.flights/)
  assert.deepEqual((await readFirst(1))?.statuses, ['NOT_FOUND'])

  assert.deepEqual(await write((i) => i), { status: 200, text: '{}' })
  assert.deepEqual(
    (await readFirst(10_000))?.values,
    Array.from({ length: 10_000 }, (_, i) => i),
  )
  const last = await read({ entities: { airport_id: ['many-11999'] }, features: ['airport_delays:flights'] })
  assert.deepEqual(last.results[1]?.values, [11_999])
})

test('mistakes of a caller are refused with a status that the SDK does not try again, in JSON', async () => {
  const asked = { features: ['airport_delays:note'], entities: { airport_id: ['JFK'] } }
  for (const [path, body, bearer, status] of [
    ['/get-online-features', asked, '', 401],
    ['/get-online-features', { ...asked, features: ['none:x'] }, token, 400],
    ['/get-online-features', { feature_service: 'none', entities: { a: [1] } }, token, 404],
    ['/get-online-features', { ...asked, entities: {} }, token, 400],
    ['/write-to-online-store', { feature_view_name: 'none', df: { a: [1] } }, token, 404],
    ['/write-to-online-store', { feature_view_name: 'airport_delays', df: { airport_id: ['A'] } }, token, 400],
    ['/push', { push_source_name: 'airport_delays', df: { airport_id: ['A'] }, to: 'offline' }, token, 400],
    ['/search', { features: [] }, token, 404],
    ['/retrieve-online-documents', {}, token, 404],
  ] as const) {
    const refused = await call(path, body, bearer)
    assert.equal(refused.status, status, refused.text)
    assert.equal(typeof (JSON.parse(refused.text) as { error: unknown }).error, 'object', refused.text)
  }
  assert.equal((await call('/health', undefined, '')).status, 200)
})
