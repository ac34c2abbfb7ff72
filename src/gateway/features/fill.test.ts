/** An endpoint with a feature service takes keys: what its gateway fills in, what it tells of it, what it logs, and what it refuses. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { FeaturesSection } from '../../contract/features/section.ts'
import { readSection } from '../../features/definitions/read.ts'
import { onlinePath } from '../../features/online/path.ts'
import { OnlineStore } from '../../features/online/store.ts'
import type { Backend } from '../../scoring/rows/backend.ts'
import type { InputField } from '../../scoring/rows/fields.ts'
import { namedRows } from '../../scoring/rows/rows.ts'
import { engine } from '../engine/engine.ts'
import { endpointRoute, openTable, startTestGateway } from '../gateway.fixture.ts'
import type { Gateway } from '../gateway.ts'
import type { LogRecord } from '../records/records.ts'
import type { EndpointRoute } from '../table/table.ts'
import { goLive } from '../traffic/live.ts'
import { GatewayFeatures } from './endpoints.ts'

const SECTION = FeaturesSection.parse({
  entities: { driver: { keys: { driver_id: 'int' } } },
  views: {
    stats: {
      entities: ['driver'],
      push: true,
      event_time: 'at',
      ttl: '1d',
      features: { trips: 'int', rate: 'float', city: 'text', seen: 'time' },
    },
  },
  on_demand: {
    per_trip: { inputs: { trips: 'stats:trips', paid: 'request:paid' }, sql: 'paid / trips', type: 'float' },
  },
  services: {
    eta: { features: ['stats', 'on_demand:per_trip'] },
    strict: { features: ['stats:trips'], on_expired: 'refuse' },
  },
})

const INPUTS: InputField[] = [
  { name: 'trips', kind: 'integer', required: true, dtype: 'long' },
  { name: 'rate', kind: 'number', required: false, dtype: 'double' },
  { name: 'city', kind: 'string', required: false, dtype: 'string' },
  { name: 'per_trip', kind: 'number', required: false, dtype: 'double' },
  { name: 'paid', kind: 'number', required: true, dtype: 'double' },
  { name: 'seen', kind: 'string', required: false, dtype: 'string' },
]

const { definitions } = readSection(SECTION, { sources: [] })
const STATS = definitions.views.get('stats') as NonNullable<ReturnType<typeof definitions.views.get>>
const OF = { project: 'p', view: 'stats', version: 1 }
const HOUR = 3_600_000_000_000n

function routeOf(name: string, service: string, inputs = INPUTS): EndpointRoute {
  const definition = definitions.services.get(service) as NonNullable<ReturnType<typeof definitions.services.get>>
  const features = { service, version: 1, definition, views: { stats: STATS } }
  const { variants, ...route } = endpointRoute(name, inputs, { kind: 'native', dir: '-' })
  return { ...route, variants: variants.map((variant) => ({ ...variant, features })) }
}

/** Answers each row with what it was given. */
const echo: Backend = {
  ready: () => true,
  score: (rows) => rows.map((row) => ({ prediction: JSON.stringify(row), score: null })),
  close: async () => undefined,
  describe: () => ({}),
}

const dataDir = mkdtempSync(join(tmpdir(), 'slipway-fill-'))
let gateway: Gateway

before(async () => {
  const table = openTable([routeOf('eta', 'eta'), routeOf('strict', 'strict', INPUTS.slice(0, 1))])
  const features = new GatewayFeatures(dataDir, Date.now)
  gateway = await startTestGateway(table, { dataDir, openBackend: async () => echo, features })
})
after(async () => {
  await gateway.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

async function post(path: string, body: unknown) {
  const response = await fetch(`http://127.0.0.1:${gateway.port}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

interface Told {
  readonly predictions: readonly string[]
  readonly features: readonly {
    readonly missing: Readonly<Record<string, string>>
    readonly events: Readonly<Record<string, { readonly at: string; readonly age_ms: number }>>
  }[]
}

const predict = async (inputs: unknown): Promise<Told> => {
  const { status, body } = await post('/v1/endpoints/eta:predict', { inputs })
  assert.equal(status, 200, JSON.stringify(body))
  return body as unknown as Told
}
const rowsOf = ({ predictions }: Told): unknown[] => predictions.map((text) => JSON.parse(text) as unknown)

function push(driver: number, event: bigint, values: readonly (number | string | bigint | null)[]): void {
  mkdirSync(dirname(onlinePath(dataDir)), { recursive: true })
  const store = new OnlineStore(onlinePath(dataDir))
  store.push(OF, STATS, [{ entity: String(driver), event, created: event, values }], BigInt(Date.now()) * 1_000_000n)
  store.close()
}

test('before anything is stored every feature is missing, and the model is asked all the same', async () => {
  const told = await predict({ driver_id: 1, paid: 9 })
  assert.deepEqual(rowsOf(told), [[null, null, null, null, 9, null]])
  const missing = {
    trips: 'not_found',
    rate: 'not_found',
    city: 'not_found',
    seen: 'not_found',
    per_trip: 'null_value',
  }
  assert.deepEqual(told.features, [{ missing, events: {} }])
})

test('keys and request fields give the inputs of the model, row by row', async () => {
  const event = BigInt(Date.now()) * 1_000_000n - HOUR
  push(1, event, [3, 0.5, 'Oslo', 1_500_000_000n])
  push(2, event, [4, null, null, null])
  const told = await predict([
    { driver_id: 1, paid: 9 },
    { driver_id: 2, paid: 2 },
    { driver_id: 3, paid: 1 },
  ])
  assert.deepEqual(rowsOf(told), [
    [3, 0.5, 'Oslo', 3, 9, '1970-01-01T00:00:01.500Z'],
    // a missing text is what pandas makes of it in a call that has one
    [4, null, null, 0.5, 2, null],
    [null, null, null, null, 1, null],
  ])
  assert.deepEqual(
    told.features.map(({ missing }) => missing),
    [
      {},
      { rate: 'null_value', city: 'null_value', seen: 'null_value' },
      { trips: 'not_found', rate: 'not_found', city: 'not_found', seen: 'not_found', per_trip: 'null_value' },
    ],
  )
  assert.ok((told.features[0]?.events['stats']?.age_ms ?? 0) >= 3_600_000)
})

test('what the request has itself is not looked up; MLflow’s protocol is filled too', async () => {
  const told = await predict({ driver_id: 1, paid: 9, trips: 30 })
  assert.deepEqual(rowsOf(told), [[30, 0.5, 'Oslo', 3, 9, '1970-01-01T00:00:01.500Z']])
  const mlflow = await post('/endpoints/eta/invocations', {
    dataframe_split: { columns: ['driver_id', 'paid'], data: [[1, 9]] },
  })
  assert.equal(mlflow.status, 200)
  assert.deepEqual(
    (mlflow.body['predictions'] as string[]).map((text) => (JSON.parse(text) as unknown[])[0]),
    [3],
  )
})

test('what a request brings whole is not looked up, and its keys are not needed', async () => {
  const own = { trips: 1, rate: 2, city: 'Rome', seen: null }
  const all = await predict({ ...own, per_trip: 9, paid: 1 })
  assert.deepEqual(rowsOf(all), [[1, 2, 'Rome', 9, 1, null]])
  assert.deepEqual(all.features, [{ missing: {}, events: {} }])
  // an on-demand feature still needs the view
  assert.equal((await post('/v1/endpoints/eta:predict', { inputs: { ...own, paid: 1 } })).status, 400)
  const some = await predict({ driver_id: 77, trips: 30, paid: 9 })
  assert.deepEqual(Object.keys(some.features[0]?.missing ?? {}).toSorted(), ['city', 'per_trip', 'rate', 'seen'])
})

test('metadata and OpenAPI say what a request has to bring', async () => {
  const get = async (path: string) =>
    (await (await fetch(`http://127.0.0.1:${gateway.port}${path}`)).json()) as Record<string, unknown>
  const { inputs } = (await get('/v2/models/eta')) as { inputs: { name: string; datatype: string }[] }
  assert.deepEqual(
    inputs.map(({ name, datatype }) => `${name} ${datatype}`),
    ['driver_id INT64', 'paid FP64'],
  )
  const { components } = (await get('/v1/endpoints/eta/openapi.json')) as {
    components: { schemas: { Row: { required: string[]; properties: object } } }
  }
  const { required, properties } = components.schemas.Row
  assert.deepEqual(required, ['driver_id', 'paid'])
  assert.deepEqual(Object.keys(properties), ['driver_id', 'paid', 'trips', 'rate', 'city', 'per_trip', 'seen'])
})

test('where the service is not read, a version answers only what brings all that it would give', async () => {
  const other = await startTestGateway(openTable([routeOf('eta', 'eta')]), { dataDir, openBackend: async () => echo })
  try {
    const ask = async (inputs: object) => {
      const body = JSON.stringify({ inputs })
      const url = `http://127.0.0.1:${other.port}/v1/endpoints/eta:predict`
      const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
      return `${response.status} ${await response.text()}`
    }
    assert.match(await ask({ driver_id: 1, paid: 1 }), /^503 .*feature service eta@1.*does not bring \\"trips\\"/)
    assert.match(await ask({ trips: 1, rate: 2, city: 'a', per_trip: 3, seen: null, paid: 1 }), /^200 /)
  } finally {
    await other.stop()
  }
})

test('keys that are missing or of another type are refused by their name, and so is an expired row where the service says it', async () => {
  const fault = async (endpoint: string, inputs: unknown): Promise<string> => {
    const { status, body } = await post(`/v1/endpoints/${endpoint}:predict`, { inputs })
    const { code, message } = body['error'] as { code: string; message: string }
    return `${status} ${code} ${message}`
  }
  assert.match(await fault('eta', { paid: 1 }), /^\d+ invalid_field inputs\.driver_id: got nothing, .*view "stats"/)
  assert.match(
    await fault('eta', [
      { driver_id: 1, paid: 1 },
      { driver_id: 'x', paid: 1 },
    ]),
    /inputs\.1\.driver_id.*"?x/,
  )
  assert.match(await fault('eta', { driver_id: 1 }), /invalid_field inputs\.paid/)
  push(5, BigInt(Date.now()) * 1_000_000n - 25n * HOUR, [7, null, null, null])
  assert.match(await fault('strict', { driver_id: 5 }), /^422 unprocessable inputs: the row of view "stats" happened/)
  const kept = await predict({ driver_id: 5, paid: 1 })
  assert.deepEqual(
    [rowsOf(kept)[0], kept.features[0]?.missing['trips']],
    [[null, null, null, null, 1, null], 'expired'],
  )
})

test('the log has what the model was given', async () => {
  const features = new GatewayFeatures(dataDir, Date.now)
  const table = openTable([routeOf('eta', 'eta')])
  assert.deepEqual(await features.load(table), [])
  const logged: LogRecord[] = []
  const memory = { stats: new Map(), breakers: new Map(), caches: new Map(), features: features.of.bind(features) }
  const endpoint = goLive(table, new Map([['native -', echo]]), memory, 0).only
  const ask = engine({ clock: Date.now, sinks: { log: (one) => void logged.push(one), shadow: () => undefined } })
  assert.ok(endpoint !== undefined)
  await ask(endpoint, {
    rows: namedRows([{ driver_id: 1, paid: 9 }]),
    bytes: 1,
    queue: undefined,
    priority: 'normal',
    caller: '',
    ids: ['a'],
    times: [1],
    key: null,
    params: null,
    deadline: Date.now() + 10_000,
    explain: false,
    version: undefined,
  })
  features.close()
  assert.deepEqual(
    logged.map((one) => (one.t === 'p' ? one.x : one.t)),
    [[3, 0.5, 'Oslo', 3, 9, '1970-01-01T00:00:01.500Z']],
  )
})
