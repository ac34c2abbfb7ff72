/** The prediction log of an endpoint with a feature service: the keys and fields that came, beside what the model was given, row by row and apart from it. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { FeaturesSection } from '../../contract/features/section.ts'
import { Prediction } from '../../contract/serving.ts'
import { readSection } from '../../features/definitions/read.ts'
import type { Backend } from '../../scoring/rows/backend.ts'
import type { InputField } from '../../scoring/rows/fields.ts'
import { bringLogged, loggedSource } from '../../serving/batch/logged-source.ts'
import { Ingest } from '../../serving/records/ingest.ts'
import { getPrediction, listPredictions } from '../../serving/records/predictions.ts'
import { answersAfter } from '../../serving/records/queries.ts'
import { openStore } from '../../store/open.ts'
import { endpointRoute, openTable, startTestGateway } from '../gateway.fixture.ts'
import { runFiles } from '../run-files.ts'
import { GatewayFeatures } from './endpoints.ts'

const SECTION = FeaturesSection.parse({
  entities: { driver: { keys: { driver_id: 'int' } }, city: { keys: { city: 'text' } } },
  views: {
    stats: { entities: ['driver'], push: true, event_time: 'at', features: { trips: 'int' } },
    rain: { entities: ['city'], push: true, event_time: 'at', features: { mm: 'float' } },
  },
  on_demand: { double: { inputs: { paid: 'request:paid' }, sql: 'paid * 2', type: 'float' } },
  services: {
    eta: { features: ['stats', { take: 'rain:mm', as: 'start', keys: { city: 'start_city' } }, 'on_demand:double'] },
  },
})
const INPUTS: InputField[] = [
  { name: 'trips', kind: 'integer', required: false, dtype: 'long' },
  { name: 'double', kind: 'number', required: false, dtype: 'double' },
]
const answering: Backend = {
  ready: () => true,
  score: (rows) => rows.map((row) => ({ prediction: row[1], score: null })),
  close: async () => undefined,
  describe: () => ({}),
}

test('each logged row has the keys and fields of its request, and its inputs are those of the model alone', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'slipway-logged-'))
  t.after(() => rmSync(dataDir, { recursive: true, force: true }))
  const { definitions } = readSection(SECTION, { sources: [] })
  const definition = definitions.services.get('eta')
  assert.ok(definition !== undefined)
  const views = Object.fromEntries(
    definition.views.map(({ name, view }) => [name, definitions.views.get(view)]),
  ) as Record<string, NonNullable<ReturnType<typeof definitions.views.get>>>
  const plain = endpointRoute('plain', INPUTS, { kind: 'native', dir: '-' })
  const eta = endpointRoute('eta', INPUTS, { kind: 'native', dir: '-' })
  const features = { service: 'eta', version: 1, definition, views }
  const table = openTable([plain, { ...eta, variants: eta.variants.map((variant) => ({ ...variant, features })) }])
  const gateway = await startTestGateway(table, {
    dataDir,
    openBackend: async () => answering,
    features: new GatewayFeatures(dataDir, Date.now),
  })
  const post = async (path: string, body: string): Promise<void> => {
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`http://127.0.0.1:${gateway.port}${path}`, { method: 'POST', headers, body })
    assert.equal(answer.status, 200, await answer.text())
  }
  // as text: a number of JavaScript has not all digits of a key of 64 bits
  await post(
    '/v1/endpoints/eta:predict',
    '{"inputs": {"driver_id": 9007199254740993, "start_city": "Basel", "paid": 1.5}, "id": "one", "event_time": 1000}',
  )
  const rows = Array.from(
    { length: 300 },
    (_, i) =>
      `{"driver_id": ${i === 299 ? '9007199254740993' : i}, "start_city": ${i % 2 === 0 ? '"Oslo"' : 'null'}, "paid": ${i}}`,
  )
  const ids = JSON.stringify(rows.map((_, i) => `many-${i}`))
  await post('/v1/endpoints/eta:predict', `{"inputs": [${rows.join(', ')}], "id": ${ids}, "event_time": 2000}`)
  await post(
    '/endpoints/eta/invocations',
    '{"dataframe_split": {"columns": ["driver_id", "start_city", "paid"], "data": [[4, "Rome", 2]]}}',
  )
  await post('/v1/endpoints/plain:predict', '{"inputs": {"trips": 1, "double": 2, "driver_id": 5}, "id": "plain"}')
  await gateway.stop()

  const { db } = await openStore({ dataDir })
  t.after(() => db.close())
  await db.tx(async (tx) => {
    for (const name of ['eta', 'plain']) {
      await tx.run('INSERT INTO endpoints (name, project, model, salt, monitor, created_at, updated_at) VALUES (?,?,?,?,?,0,0)', [name, 'p', 'm', 's', '{}']) // prettier-ignore
      await tx.run('INSERT INTO endpoint_versions (endpoint, version, inputs, backend, created_at) VALUES (?,?,?,?,0)', [name, '1', JSON.stringify(INPUTS), '{}']) // prettier-ignore
    }
  })
  const { segments: folder } = runFiles(dataDir)
  const onError = (error: unknown) => assert.fail(String(error))
  await new Ingest({ db, folder, clock: Date.now, hooks: {}, onIngested: () => undefined, onError }).drain()

  const one = await getPrediction(db, 'eta', 'one')
  assert.deepEqual(Prediction.parse(one).entity, { driver_id: '9007199254740993', start_city: 'Basel', paid: 1.5 })
  assert.deepEqual(one.inputs, { trips: null, double: 3 })
  const { items } = await listPredictions(db, { endpoint: 'eta', limit: 1000 })
  const many = new Map(items.map(({ id, entity, inputs }) => [id, { entity, inputs }]))
  assert.equal(many.size, 302)
  for (const i of [0, 1, 255, 256, 298])
    assert.deepEqual(many.get(`many-${i}`), {
      entity: { driver_id: i, start_city: i % 2 === 0 ? 'Oslo' : null, paid: i },
      inputs: { trips: null, double: 2 * i },
    })
  assert.equal(many.get('many-299')?.entity?.['driver_id'], '9007199254740993')
  assert.deepEqual(
    items.filter(({ id }) => !/^(one|many)/.test(id)).map(({ entity }) => entity),
    [{ driver_id: 4, start_city: 'Rome', paid: 2 }],
  )
  const plainRow = await getPrediction(db, 'plain', 'plain')
  assert.equal('entity' in plainRow, false, 'without a service nothing is looked up')

  // what monitoring counts are the inputs of the model, in their order
  const counted = await answersAfter(db, { endpoint: 'eta', time: 0, id: '', limit: 1 })
  assert.deepEqual(
    counted.map(({ id, inputs }) => [id, inputs]),
    [['one', '[null,3]']],
  )

  const brought = join(dataDir, 'brought')
  async function* logged() {
    yield one
  }
  await bringLogged({ place: 'endpoint:eta', until: 'now' }, brought, logged())
  const source = await loggedSource(brought)
  t.after(() => source.close())
  const { rows: cells } = await source.read(source.first, 10)
  const named = Object.fromEntries(source.columns.map(({ name }, i) => [name, cells[0]?.cells[i]]))
  const { prediction_id, driver_id, start_city, paid, double } = named
  assert.deepEqual([prediction_id, driver_id, start_city, paid, double], ['one', '9007199254740993', 'Basel', 1.5, 3])
})
