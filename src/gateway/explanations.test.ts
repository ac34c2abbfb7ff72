import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openStore } from '../store/open.ts'
import { readAttributions } from '../serving/records/attributions.ts'
import { Ingest } from '../serving/records/ingest.ts'
import { getPrediction, listPredictions } from '../serving/records/predictions.ts'
import { runFiles } from './run-files.ts'
import type { InputField } from '../scoring/rows/fields.ts'
import type { Backend } from '../scoring/rows/backend.ts'
import { NativeBackend } from '../scoring/native/backend.ts'
import { inputOf, ONE_TREE, writeDocument } from '../scoring/native/document.fixture.ts'
import { endpointRoute, openTable, startTestGateway } from './gateway.fixture.ts'
import type { Gateway } from './gateway.ts'

/** The signature has an input that the model does not read, and another order than the model. */
const INPUTS: InputField[] = [
  { name: 'age', kind: 'number', required: false, dtype: 'double' },
  { name: 'note', kind: 'string', required: false, dtype: 'string' },
  { name: 'carrier', kind: 'string', required: false, dtype: 'string' },
]

const root = mkdtempSync(join(tmpdir(), 'explain-'))
const dataDir = join(root, 'data')
let gateway: Gateway
let base = ''

/** A tree of carrier (one-hot: UA, AA), then age ≤ 30; half of the weight is UA, a quarter each of the others. */
function writeModel(dir: string): void {
  const arrays = {
    roots: Int32Array.of(0),
    feature: Int32Array.of(1, 2, -1, -1, -1),
    threshold: Float64Array.of(0.5, 30, 0, 0, 0),
    left: Int32Array.of(1, 3, 0, 1, 2),
    right: Int32Array.of(2, 4, 0, 1, 2),
    flags: Uint8Array.of(0, 1, 0, 0, 0),
    leaves: Float64Array.of(8, 2, 4),
    bitsets: new Uint32Array(0),
    cover: Float64Array.of(4, 2, 2, 1, 1),
  }
  const json = {
    format: 'slipway.native/2',
    estimator: 'T',
    output: 'predict',
    classes: null,
    versions: {},
    inputs: [{ ...inputOf('carrier', 'string'), missing: 'both' }, inputOf('age', 'number')],
    tables: [{ kind: 'text', keys: ['AA', 'UA'], codes: [0, 1], missing: 0, missing_none: -1, unseen: -1 }],
    blocks: [
      { input: 0, steps: [{ op: 'encode', table: 0 }], first: 0, on: [1, 1], off: [0, 0] },
      { input: 1, steps: [] },
    ],
    width: 3,
    model: ONE_TREE,
  }
  writeDocument(dir, 'model', json, arrays)
}

/** Stands for a model that Python serves. */
const python: Backend = {
  ready: () => true,
  score: (rows) => rows.map(() => ({ prediction: 1, score: 1 })),
  close: async () => undefined,
  describe: () => ({}),
}

before(async () => {
  const dir = join(root, 'model')
  writeModel(dir)
  const slow = { kind: 'python', dir: '-', python: '-', tensor: null, workers: 1, memory_mb: 64 } as const
  const native = { kind: 'native', dir } as const
  const table = openTable([
    endpointRoute('quiet', INPUTS, native),
    endpointRoute('kept', INPUTS, native, { limits: { cache: { seconds: 60, rows: 10 }, explain_share: 0.5 } }),
    endpointRoute('slow', INPUTS, slow, { limits: { explain_share: 1 } }),
  ])
  gateway = await startTestGateway(table, {
    dataDir,
    openBackend: async ({ backend, inputs }) =>
      backend.kind === 'native' ? new NativeBackend(backend.dir, inputs) : python,
  })
  base = `http://127.0.0.1:${gateway.port}`
})
after(async () => {
  await gateway.stop()
  rmSync(root, { recursive: true, force: true })
})

async function post(path: string, body: unknown, headers = {}): Promise<{ status: number; text: string }> {
  const response = await fetch(base + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  return { status: response.status, text: await response.text() }
}

const ROW = { carrier: 'AA', age: 40, note: 'x' }
/** Numbers of an answer to twelve places: the last bits of sums are not the point. */
const near = (text: string): unknown =>
  JSON.parse(text, (_key, value: unknown) => (typeof value === 'number' ? Math.round(value * 1e12) / 1e12 : value))

/** By hand: the mean is 10 + (8 + 3) / 2 = 15.5; AA alone gives 13 (-2.5), age alone 16 (+0.5), both 14. */
const WANTED = { base: 15.5, contributions: { age: 0.75, note: 0, carrier: -2.25 } }

test('each protocol gives contributions by input name, on demand', async () => {
  for (const name of ['quiet', 'kept']) {
    const own = await post(`/v1/endpoints/${name}:predict`, { inputs: [ROW, ROW], explain: true })
    const { explanations, predictions } = near(own.text) as Record<string, unknown>
    assert.deepEqual(
      [predictions, explanations],
      [
        [14, 14],
        [WANTED, WANTED],
      ],
    )
  }
  const forms: [string, object][] = [
    ['/endpoints/quiet/invocations', { dataframe_records: [ROW], params: { explain: true } }],
    ['/v1/models/quiet:predict', { instances: [ROW], parameters: { explain: true } }],
  ]
  for (const [path, body] of forms) {
    const { text } = await post(path, body)
    assert.deepEqual((near(text) as Record<string, unknown>)['explanations'], [WANTED], `${path}: ${text}`)
  }
  const silent = await post('/v1/endpoints/quiet:predict', { inputs: ROW })
  assert.equal('explanations' in (JSON.parse(silent.text) as object), false)
  const headed = await post('/v1/endpoints/quiet:predict', { inputs: ROW }, { 'x-slipway-explain': 'true' })
  assert.deepEqual((near(headed.text) as Record<string, unknown>)['explanations'], [WANTED])
})

test('what is explained of a row without a text is the None or NaN that was scored', async () => {
  const rows = [{ ...ROW, carrier: null }, { age: 40, note: 'x' }, ROW]
  for (const body of [...rows.map((row) => [row]), rows.slice(0, 2)]) {
    const { text } = await post('/v1/endpoints/quiet:predict', { inputs: body, explain: true })
    const { predictions, explanations } = near(text) as {
      predictions: number[]
      explanations: { base: number; contributions: Record<string, number> }[]
    }
    const sums = explanations.map(
      ({ base: from, contributions }) => from + Object.values(contributions).reduce((a, b) => a + b, 0),
    )
    assert.deepEqual(sums, predictions, text)
  }
})

test('the Open Inference Protocol gives them as tensors', async () => {
  const inputs = [
    { name: 'age', datatype: 'FP64', shape: [1], data: [40] },
    { name: 'carrier', datatype: 'BYTES', shape: [1], data: ['AA'] },
  ]
  const { text } = await post('/v2/models/quiet/infer', { inputs, parameters: { explain: true } })
  const { outputs } = near(text) as { outputs: object[] }
  assert.deepEqual(outputs.slice(1), [
    { name: 'contributions', datatype: 'FP64', shape: [1, 3], data: [0.75, 0, -2.25] },
    { name: 'base', datatype: 'FP64', shape: [1], data: [15.5] },
  ])
  const binary = await fetch(`${base}/v2/models/quiet/infer`, {
    method: 'POST',
    body: JSON.stringify({ inputs, parameters: { explain: true, binary_data_output: true } }),
  })
  const bytes = Buffer.from(await binary.arrayBuffer())
  const at = Number(binary.headers.get('inference-header-content-length'))
  assert.deepEqual(near(JSON.stringify([0, 1, 2, 3, 4].map((i) => bytes.readDoubleLE(at + 8 * i)))), [14, 0.75, 0, -2.25, 15.5]) // prettier-ignore
})

test('what cannot be explained is refused with the reason', async () => {
  const refusals: [string, object, number, RegExp][] = [
    ['/v1/endpoints/slow:predict', { inputs: ROW, explain: true }, 422, /version 1 cannot be explained: Python serves it/],
    ['/v1/endpoints/quiet:predict', { inputs: ROW, explain: 'yes' }, 400, /explain: got yes, expected true or false/],
    ['/v1/endpoints/quiet:predict', { inputs: Array.from({ length: 101 }, () => ROW), explain: true }, 400, /101 rows, expected at most 100/],
  ] // prettier-ignore
  for (const [path, body, status, message] of refusals) {
    const answer = await post(path, body)
    assert.equal(answer.status, status, answer.text)
    assert.match(answer.text, message)
  }
  const body = { dataframe_records: [ROW], params: { explain: true } }
  const csv = await post('/endpoints/quiet/invocations', body, { accept: 'text/csv' })
  assert.deepEqual([csv.status, /contributions come as JSON/.test(csv.text)], [400, true])
  const own = await post('/endpoints/slow/invocations', body)
  assert.equal(own.status, 200, 'a Python model has params of its own')
})

test('a share of the rows is explained in the log, and read back', async () => {
  const count = 300
  for (let from = 0; from < count; from += 5) {
    const inputs = Array.from({ length: 5 }, (_, i) => ({ ...ROW, carrier: from < 150 ? 'AA' : 'UA', age: 20 + i }))
    const id = inputs.map((_, i) => `s${from + i}`)
    const time = from < 150 ? 1_000_000 : 2_000_000
    for (const name of ['kept', 'slow'])
      assert.equal((await post(`/v1/endpoints/${name}:predict`, { inputs, id, event_time: time })).status, 200)
  }
  await gateway.stop()
  const { db } = await openStore({ dataDir })
  after(() => db.close())
  await db.tx(async (t) => {
    for (const name of ['kept', 'slow']) {
      await t.run('INSERT INTO endpoints (name, project, model, salt, monitor, created_at, updated_at) VALUES (?,?,?,?,?,0,0)', [name, 'p', 'm', 's', '{}']) // prettier-ignore
      await t.run('INSERT INTO endpoint_versions (endpoint, version, inputs, backend, created_at) VALUES (?,?,?,?,0)', [name, '1', JSON.stringify(INPUTS), '{}']) // prettier-ignore
    }
  })
  const ingest = new Ingest({
    db,
    folder: runFiles(dataDir).segments,
    clock: Date.now,
    hooks: {},
    onIngested: () => undefined,
    onError: (error) => assert.fail(String(error)),
  })
  await ingest.drain()
  const { items } = await listPredictions(db, { endpoint: 'kept', limit: 1000, explained: true, from: 0, until: 3e6 })
  assert.ok(items.length > count * 0.35 && items.length < count * 0.65, `${items.length} of ${count} explained`)
  for (const item of items) {
    const { base: start, contributions } = item.explanation ?? { base: Number.NaN, contributions: {} }
    const sum = Object.values(contributions).reduce<number>(
      (total, value) => total + (value as number),
      start as number,
    )
    assert.ok(Math.abs(sum - (item.prediction as number)) < 1e-9)
  }
  const one = await getPrediction(db, 'kept', items[0]!.id)
  assert.deepEqual(one.explanation, items[0]!.explanation)
  assert.equal((await listPredictions(db, { endpoint: 'slow', limit: 10, explained: true })).items.length, 0)

  const [then, now] = [{ from: 0, until: 1_500_000 }, { from: 1_500_000, until: 3_000_000 }] // prettier-ignore
  const seen = await readAttributions(db, { endpoint: 'kept', version: '1', window: now, baseline: then })
  assert.equal(seen.rows + (seen.baseline_rows ?? 0), items.length)
  assert.deepEqual(seen.inputs.map((input) => input.name), ['carrier', 'age', 'note']) // prettier-ignore
  assert.ok(Math.abs(seen.inputs.reduce((sum, input) => sum + input.share, 0) - 1) < 1e-9)
  assert.ok(seen.drift !== null && seen.drift > 0.01, `UA leaves no part to age: drift ${seen.drift}`)
  const alone = await readAttributions(db, { endpoint: 'kept', version: '2', window: now, baseline: undefined })
  assert.deepEqual(alone, { rows: 0, baseline_rows: null, inputs: [], drift: null })
})
