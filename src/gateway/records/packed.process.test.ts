import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { servingModels } from '../../../test/serving-models.ts'
import type { Db } from '../../store/db.ts'
import { openStore } from '../../store/open.ts'
import { openBackend } from '../backends/open.ts'
import { endpointRoute, openTable, startTestGateway } from '../gateway.fixture.ts'
import type { Gateway } from '../gateway.ts'
import { PredictionLog } from './log.ts'
import { Ingest } from '../../serving/records/ingest.ts'
import { readInputs } from '../../scoring/model/inputs.ts'
import { halves, packColumn, predictionsIn } from './packed.ts'
import type { BatchRecord } from './records.ts'
import { runFiles } from '../run-files.ts'
import type { InputField } from '../../scoring/rows/fields.ts'

/** Rows of one request: more than one record of the log holds. */
const COUNT = 300

const dataDir = mkdtempSync(join(tmpdir(), 'many-'))
let gateway: Gateway
let inputs: readonly InputField[]
let rows: Record<string, unknown>[]
let db: Db

before(async () => {
  const models = await servingModels()
  ;({ inputs } = await readInputs(models.dir('hgb'), null))
  rows = Array.from({ length: COUNT }, (_, i) => {
    const { score: _score, ...row } = models.rows[i % models.rows.length] as (typeof models.rows)[number]
    return i % 7 === 0 ? { ...row, temp: null } : row
  })
  const backend = { kind: 'native', dir: models.files('hgb').native?.dir ?? '' } as const
  gateway = await startTestGateway(openTable([endpointRoute('e', inputs, backend)], 4), {
    dataDir,
    openBackend: (one, wait) => openBackend(one, wait, { logDir: dataDir, plan: null }),
  })
  ;({ db } = await openStore({ dataDir }))
})
after(async () => {
  await gateway.stop()
  await db.close()
  rmSync(dataDir, { recursive: true, force: true })
})

async function post(path: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) {
  const url = `http://127.0.0.1:${gateway.port}${path}`
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body }) // prettier-ignore
  return { status: response.status, headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) }
}

interface Answer {
  readonly predictions: number[][]
  readonly scores: number[]
}

async function predict(body: object): Promise<Answer> {
  const { status, bytes } = await post('/v1/endpoints/e:predict', JSON.stringify(body))
  assert.equal(status, 200, bytes.toString())
  return JSON.parse(bytes.toString()) as Answer
}

/** The rows as tensors whose data are bytes behind the JSON. */
async function infer(ids: readonly string[]): Promise<Float64Array> {
  const tensors = inputs.map(({ name, kind }) => {
    const values = rows.map((row) => row[name] ?? null)
    const data =
      kind === 'string'
        ? Buffer.concat((values as string[]).flatMap((text) => [lengthOf(text), Buffer.from(text)]))
        : Buffer.from(Float64Array.from(values, (value) => (value as number | null) ?? Number.NaN).buffer)
    return { name, datatype: kind === 'string' ? 'BYTES' : 'FP64', data }
  })
  const parameters = { binary_data_output: true, prediction_id: ids, event_time: 1_000 }
  const described = tensors.map(({ name, datatype, data }) => {
    return { name, datatype, shape: [COUNT, 1], parameters: { binary_data_size: data.length } }
  })
  const json = Buffer.from(JSON.stringify({ inputs: described, parameters }))
  const body = new Uint8Array(Buffer.concat([json, ...tensors.map(({ data }) => data)]))
  const size = { 'inference-header-content-length': String(json.length) }
  const reply = await post('/v2/models/e/infer', body, size)
  assert.equal(reply.status, 200, reply.bytes.toString())
  const head = Number(reply.headers.get('inference-header-content-length'))
  const told = JSON.parse(reply.bytes.toString('utf8', 0, head)) as { outputs: { shape: number[]; datatype: string }[] }
  assert.deepEqual([told.outputs[0]?.shape, told.outputs[0]?.datatype], [[COUNT, 2], 'FP64'])
  return new Float64Array(new Uint8Array(reply.bytes.subarray(head)).buffer)
}

function lengthOf(text: string): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(Buffer.byteLength(text))
  return length
}

const idsOf = (form: string): string[] => Array.from({ length: COUNT }, (_, i) => `${form}-${i}`)

async function drain(): Promise<void> {
  const log = { db, folder: runFiles(dataDir).segments, clock: Date.now, hooks: {}, onIngested: () => undefined }
  await new Ingest({ ...log, onError: (error) => assert.fail(String(error)) }).drain()
}

/** What was logged of the rows of one form, in their order, beside what differs between requests. */
async function loggedOf(form: string): Promise<unknown[]> {
  const found = await db.all<Record<string, unknown>>(
    'SELECT id, role, version, epoch, event_time, status, route_key, inputs, score, prediction, fallback, error FROM predictions WHERE id LIKE ?',
    [`${form}-%`],
  )
  const byId = new Map(found.map(({ id, ...row }) => [id, row]))
  return idsOf(form).map((id) => byId.get(id))
}

test('rows get the same answers and the same log alone, together and as tensors', async () => {
  const alone: Answer[] = []
  for (const [i, row] of rows.entries()) alone.push(await predict({ inputs: row, id: `alone-${i}`, event_time: 1000 }))
  const together = await predict({ inputs: rows, id: idsOf('together'), event_time: 1000 })
  const numbers = await infer(idsOf('tensor'))
  assert.deepEqual(together.predictions, alone.map((one) => one.predictions[0])) // prettier-ignore
  assert.deepEqual(together.scores, alone.map((one) => one.scores[0])) // prettier-ignore
  assert.deepEqual([...numbers], together.predictions.flat())
  await drain()
  const logged = await loggedOf('alone')
  assert.equal(new Set(logged.map((row) => JSON.stringify(row))).size > 100, true)
  assert.deepEqual(await loggedOf('together'), logged)
  assert.deepEqual(await loggedOf('tensor'), logged)
})

test('each row keeps its own event time', async () => {
  const times = rows.map((_, i) => i * 10)
  await predict({ inputs: rows, id: idsOf('timed'), event_time: times })
  await drain()
  const found = await db.all<{ event_time: number }>(
    "SELECT event_time FROM predictions WHERE id LIKE 'timed-%' ORDER BY event_time",
  )
  assert.deepEqual(found.map((row) => row.event_time), times) // prettier-ignore
})

test('a fault in one of many rows is told as in one of few', async () => {
  const faulty = rows.map((row, i) => (i === 20 ? { ...row, hour: 'noon' } : row))
  const { status, bytes } = await post('/v1/endpoints/e:predict', JSON.stringify({ inputs: faulty }))
  assert.equal(status, 400)
  assert.match(bytes.toString(), /inputs\.20\.hour.*noon/)
})

const BATCH: BatchRecord = {
  t: 'm',
  ids: ['a', 'b', 'c'],
  ep: 'e',
  role: 'canary',
  ver: '2',
  ep_epoch: 3,
  et: [1, 2, 3],
  at: 5,
  us: 9,
  st: 200,
  key: 'k',
  x: [packColumn([1, null, -0.5]), packColumn(['u', null, 'v']), packColumn([true, false, null])],
  s: packColumn([0.25, null, 1]),
  p: packColumn(['late', null, 'fine']),
  ex: [[2, { base: 1, contributions: [0.5, 0, 0] }]],
  fb: true,
}

test('a record of several rows is read as one record a row', () => {
  const common = { t: 'p', ep: 'e', role: 'canary', ver: '2', ep_epoch: 3, at: 5, us: 9, st: 200, key: 'k', fb: true }
  const want = [
    { ...common, id: 'a', et: 1, x: [1, 'u', true], s: 0.25, p: 'late' },
    { ...common, id: 'b', et: 2, x: [null, null, false], s: null, p: null, nth: true },
    { ...common, id: 'c', et: 3, x: [-0.5, 'v', null], s: 1, p: 'fine', ex: BATCH.ex?.[0]?.[1], nth: true },
  ]
  const read = JSON.parse(JSON.stringify(BATCH)) as BatchRecord
  assert.deepEqual(predictionsIn(read), want)
  assert.deepEqual(halves(read).flatMap(predictionsIn), want)
  const failed = predictionsIn({ ...read, p: null, err: 'it raised' })
  assert.deepEqual(failed.map(({ s, p, err }) => [s, p, err]), BATCH.ids.map(() => [null, null, 'it raised'])) // prettier-ignore
  assert.throws(() => predictionsIn({ ...read, x: [packColumn([1, 2])] }), /2 numbers for 3 rows/)
})

test('rows with large texts are logged in records that can be read', async () => {
  const folder = join(dataDir, 'large')
  const log = new PredictionLog({ folder, writerId: 'w' })
  const ids = Array.from({ length: 64 }, (_, i) => `large-${i}`)
  const text = 'x'.repeat(300_000)
  const one = packColumn(ids.map(() => 1))
  const { s: _, ex: __, ...plain } = BATCH
  log.append({ ...plain, ids, et: 1, x: [ids.map(() => text)], p: one })
  await log.close()
  assert.equal(log.lost, 0)
  const ingest = { db, folder, clock: Date.now, hooks: {}, onIngested: () => undefined }
  await new Ingest({ ...ingest, onError: (error) => assert.fail(String(error)) }).drain()
  const found = await db.all("SELECT id FROM predictions WHERE id LIKE 'large-%' AND score = 1")
  assert.equal(found.length, 64)
})
