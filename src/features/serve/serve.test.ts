/** Rows that are pushed over HTTP are read over HTTP: values, reasons, versions, and what is refused. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startTestApp } from '../../../test/app.ts'
import { CallError, createClient, type Client } from '../../client/client.ts'
import { authApi } from '../../contract/auth.ts'
import { featuresApi } from '../../contract/features/catalogue.ts'
import { onlineApi } from '../../contract/features/online.ts'
import { Numeral } from '../../contract/values/numerals.ts'
import type { App } from '../../options.ts'

const SECTION = {
  entities: { driver: { keys: { driver_id: 'int' } }, route: { keys: { origin: 'text', destination: 'text' } } },
  views: {
    stats: {
      entities: ['driver'],
      push: true,
      event_time: 'at',
      ttl: '10d',
      features: { trips: 'int', rate: { type: 'float', column: 'conv' }, name: 'text', active: 'bool', seen: 'time' },
    },
    roads: {
      entities: ['route'],
      push: true,
      event_time: 'at',
      created_time: 'known',
      features: { km: 'float', big: 'int' },
    },
  },
  on_demand: { per_trip: { inputs: { km: 'roads:km', paid: 'request:paid' }, sql: 'paid / km', type: 'float' } },
  services: {
    eta: {
      features: [
        { take: 'stats', names: { trips: 'driver_trips' } },
        { take: 'roads', keys: { origin: 'from_city', destination: 'to_city' } },
      ],
    },
    strict: { features: ['stats:trips'], on_expired: 'refuse' },
    price: { features: ['on_demand:per_trip'] },
  },
}

describe('the online store over HTTP', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'slipway-serve-'))
  let app: App
  let client: Client

  before(async () => {
    app = await startTestApp({ dataDir })
    client = createClient({ url: app.url, token: readFileSync(app.tokenFile, 'utf8').trim() })
    await apply(SECTION)
  })
  after(async () => {
    await app.stop()
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 })
  })

  const apply = (features: object) =>
    client.call(featuresApi.applyFeatures, { body: { features: features, sources: {} } })
  const push = (name: string, rows: readonly object[], more: object = {}) =>
    client.call(onlineApi.pushFeatures, { params: { name }, body: { rows: rows as never, ...more } })
  const read = (body: object) => client.call(onlineApi.readFeatures, { body: body as never })
  const refusal = async (call: Promise<unknown>): Promise<string> => {
    const error = await call.then(
      () => assert.fail('it was accepted'),
      (thrown: unknown) => thrown,
    )
    assert.ok(error instanceof CallError, String(error))
    return `${error.code}: ${error.message}`
  }
  const hoursAgo = (hours: number): string => new Date(Date.now() - hours * 3_600_000).toISOString()
  const driver = (driver_id: number, at: string, more: object = {}) => ({
    driver_id,
    at,
    trips: 7,
    conv: 0.5,
    name: 'Ada',
    active: true,
    seen: '2026-05-03T10:00:00.123456789Z',
    ...more,
  })

  test('what was pushed is read by the columns of the service, with what is missing and how old each is', async () => {
    const at = hoursAgo(2)
    const pushed = await push('stats', [driver(1, at), driver(2, at, { conv: null, name: null })])
    assert.deepEqual(pushed, { rows: 2, versions: [{ version: 1, written: true, reason: null }] })
    const route = { from_city: 'Oslo', to_city: 'Bergen' }
    const { service, views, rows } = await read({
      service: 'eta',
      entities: [
        { driver_id: 1, ...route },
        { driver_id: 2, ...route },
        { driver_id: null, ...route },
      ],
    })
    assert.deepEqual(service, { name: 'eta', version: 1 })
    assert.deepEqual(
      views.map(({ name, view, version, stored, horizon }) => [name, view, version, stored, horizon]),
      [
        ['stats', 'stats', 1, true, null],
        ['roads', 'roads', 1, false, null],
      ],
    )
    assert.deepEqual(rows[0]?.features, {
      driver_trips: 7,
      rate: 0.5,
      name: 'Ada',
      active: true,
      seen: '2026-05-03T10:00:00.123456789Z',
      km: null,
      big: null,
    })
    assert.deepEqual(rows[0]?.missing, { km: 'not_found', big: 'not_found' })
    assert.equal(rows[0]?.events['stats']?.at, at.replace('.000Z', 'Z'))
    assert.ok((rows[0]?.events['stats']?.age_ms ?? 0) >= 2 * 3_600_000)
    assert.deepEqual(rows[1]?.missing, { rate: 'null_value', name: 'null_value', km: 'not_found', big: 'not_found' })
    assert.equal(rows[2]?.missing['driver_trips'], 'not_found')
    assert.deepEqual(rows[2]?.events, {})
  })

  test('an older event never replaces a newer one, and one of the future waits', async () => {
    await push('stats', [driver(3, hoursAgo(1), { trips: 10 })])
    await push('stats', [driver(3, hoursAgo(5), { trips: 5 }), driver(3, hoursAgo(-5), { trips: 99 })])
    await push('stats', [driver(4, hoursAgo(-5))])
    const { rows } = await read({ features: ['stats:trips'], entities: [{ driver_id: 3 }, { driver_id: 4 }] })
    assert.deepEqual(
      rows.map(({ features, missing }) => [features['trips'], missing['trips']]),
      [
        [10, undefined],
        [null, 'future_only'],
      ],
    )
  })

  test('an expired value is null, the value, or no answer', async () => {
    await push('stats', [driver(5, hoursAgo(11 * 24))])
    const asked = { features: ['stats:trips'], entities: [{ driver_id: 5 }] }
    const [plain, kept] = [await read(asked), await read({ ...asked, on_expired: 'value' })]
    assert.deepEqual([plain.rows[0]?.features['trips'], plain.rows[0]?.missing['trips']], [null, 'expired'])
    assert.deepEqual([kept.rows[0]?.features['trips'], kept.rows[0]?.missing['trips']], [7, 'expired'])
    const refused = await refusal(read({ service: 'strict', entities: [{ driver_id: 5 }] }))
    assert.match(
      refused,
      /^unprocessable: entities\[0\]: the row of view "stats" happened \d+ s ago and lives 864000 s/,
    )
  })

  test('whole numbers beyond 2^53, NaN and times keep what they are', async () => {
    const road = { origin: 'A', destination: 'B', at: '2026-01-01T00:00:00.000000001Z', known: null }
    await push('roads', [{ ...road, km: 'NaN', big: '9007199254740993' }])
    const response = await fetch(`${app.url}/v1/features:read`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${readFileSync(app.tokenFile, 'utf8').trim()}`,
        'content-type': 'application/json',
      },
      body: '{"features":["roads"],"entities":[{"origin":"A","destination":"B"}]}',
    })
    const text = await response.text()
    assert.equal(response.status, 200, text)
    assert.ok(text.includes('"features":{"km":"NaN","big":9007199254740993}'), text)
    assert.ok(text.includes('"at":"2026-01-01T00:00:00.000000001Z"'), text)
  })

  test('minus zero keeps its sign', async () => {
    await push('roads', [
      { origin: 'A', destination: 'Z', at: hoursAgo(1), known: null, km: new Numeral('float', '-0.0'), big: 0 },
    ])
    const { rows } = await read({ features: ['roads:km'], entities: [{ origin: 'A', destination: 'Z' }] })
    assert.ok(Object.is(Number(rows[0]?.features['km']), -0), String(rows[0]?.features['km']))
  })

  test('an on-demand feature takes fields of the request', async () => {
    await push('roads', [{ origin: 'C', destination: 'D', at: hoursAgo(1), km: 4, big: null }])
    const entities = [{ origin: 'C', destination: 'D', paid: 10 }]
    const { rows } = await read({ service: 'price', entities })
    assert.deepEqual(rows[0]?.features, { per_trip: 2.5 })
    assert.match(
      await refusal(read({ service: 'price', entities: [{ origin: 'C', destination: 'D' }] })),
      /^invalid_field: .*entities\[0\]\.paid.*on-demand feature/,
    )
  })

  test('what does not fit is refused with its field, and nothing of it is written', async () => {
    const at = hoursAgo(1)
    for (const [given, expected] of [
      [[driver(20, at), driver(21, at, { trips: 1.5 })], /rows\[1\]\.trips.*1\.5.*a whole number/],
      [[driver(20, at, { other: 1 })], /rows\[0\]\.other.*a column of view "stats"/],
      [[{ driver_id: 20, at }], /rows\[0\]\.trips.*a value of feature "trips", or null/],
      [[driver(20, at, { name: 'x'.repeat(65_537) })], /rows\[0\]\.name.*65537 characters.*at most 65536/],
      [[driver(20, 'yesterday')], /rows\[0\]\.at.*yesterday.*RFC 3339/],
      [[driver(20, at, { driver_id: null })], /rows\[0\]\.driver_id.*a key of view "stats"/],
      [[driver(20, at, { driver_id: 'x' })], /rows\[0\]\.driver_id.*a whole number/],
    ] as const)
      assert.match(await refusal(push('stats', given)), expected)
    const { rows } = await read({ features: ['stats:trips'], entities: [{ driver_id: 20 }] })
    assert.equal(rows[0]?.missing['trips'], 'not_found')
    assert.match(await refusal(push('none', [driver(1, at)])), /^not_found: feature view "none"/)
    for (const [asked, expected] of [
      [{ service: 'none', entities: [{}] }, /^not_found: feature service "none"/],
      [{ service: 'eta', version: 9, entities: [{}] }, /^not_found: feature service "eta@9"/],
      [{ entities: [{}] }, /either "service" or "features"/],
      [{ features: ['stats:none'], entities: [{ driver_id: 1 }] }, /features\[0\].*has no feature "none"/],
      [{ features: ['stats'], entities: [{}] }, /entities\[0\]\.driver_id.*the key of view "stats"/],
      [{ features: ['stats'], entities: [{ driver_id: 1, driver: 1 }] }, /entities\[0\]\.driver.*one of "driver_id"/],
      [{ features: ['stats'], entities: [{ driver_id: 1.5 }] }, /entities\[0\]\.driver_id.*a whole number/],
    ] as const)
      assert.match(await refusal(read(asked)), expected)
  })

  test('a push goes to the newest version and to each that a service reads, as far as it fits there', async () => {
    const view = { entities: ['driver'], push: true, event_time: 'at' }
    const of = (features: object, service: string[]) => ({
      entities: { driver: { keys: { driver_id: 'int' } } },
      views: { speed: { ...view, features } },
      services: { [`of_${service.join('_').replace(/\W/g, '_')}`]: { features: service } },
    })
    await apply(of({ kmh: 'float' }, ['speed']))
    await apply(of({ kmh: { type: 'float', column: 'kmh' }, limit: 'float' }, ['speed@1:kmh']))
    const at = hoursAgo(1)
    const both = await push('speed', [{ driver_id: 1, at, kmh: 50, limit: 60 }])
    assert.deepEqual(
      both.versions.map(({ version, written }) => [version, written]),
      [
        [2, true],
        [1, false],
      ],
    )
    assert.match(both.versions[1]?.reason ?? '', /rows\[0\]\.limit/)
    await push('speed', [{ driver_id: 1, at, kmh: 40 }], { version: 1 })
    const old = await read({ features: ['speed@1:kmh'], entities: [{ driver_id: 1 }] })
    const now = await read({ features: ['speed'], entities: [{ driver_id: 1 }] })
    assert.deepEqual([old.rows[0]?.features, now.rows[0]?.features], [{ kmh: 40 }, { kmh: 50, limit: 60 }])
  })

  test('a viewer neither reads nor pushes, and a program does both', async () => {
    const tokenOf = async (role: 'viewer' | 'service') =>
      createClient({
        url: app.url,
        token: (await client.call(authApi.createToken, { body: { name: role, role } })).token,
      })
    const [viewer, service] = [await tokenOf('viewer'), await tokenOf('service')]
    const asked = { body: { features: ['stats:trips'], entities: [{ driver_id: 1 }] } }
    const pushed = { params: { name: 'stats' }, body: { rows: [driver(30, hoursAgo(1))] } }
    assert.match(await refusal(viewer.call(onlineApi.pushFeatures, pushed)), /^forbidden/)
    assert.match(await refusal(viewer.call(onlineApi.readFeatures, asked)), /^forbidden/)
    await service.call(onlineApi.readFeatures, asked)
    await service.call(onlineApi.pushFeatures, pushed)
  })
})
