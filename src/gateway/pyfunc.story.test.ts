/** Python models over HTTP: what reaches them, what of their answers reaches callers, and whose mistake is whose. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { nativeModel, serveModels } from '../../test/clients/gateway.ts'
import type { ServedGateway, ServedModel } from '../../test/clients/gateway.ts'
import { servingModels } from '../../test/serving-models.ts'
import { readInputs } from '../scoring/model/inputs.ts'

const MODEL = `
import numpy as np
import pandas as pd


class Echo:
    def predict(self, data, params=None):
        if not isinstance(data, pd.DataFrame):
            return [f"{data.dtype} {one.tolist()}" for one in data]
        if "c" in data:
            return [f"{one!r}" for one in data["c"]]
        if "n" not in data:
            return [f"{one!r} of column {data.columns[0]}" for one in data.iloc[:, 0].tolist()]
        what, count = (params or {}).get("what", "table"), len(data)
        if what == "table":
            return pd.DataFrame({"n": data["n"], "half": data["n"] / 2})
        if what == "column":
            return pd.DataFrame({"n": data["n"]})
        if what == "dict":
            return {"n": data["n"].to_numpy(), "word": ["a"] * count}
        if what == "one":
            return {"n": 1}
        if what == "types":
            return [f"{value!r}" for value in data.itertuples(index=False, name=None)]
        raise ValueError("no such word")


def _load_pyfunc(path):
    return Echo()
`

const column = (name: string, type: string): object => ({ name, type, required: true })
const cube = { type: 'tensor', 'tensor-spec': { dtype: 'float32', shape: [-1, 2, 2] } }
const flags = { type: 'tensor', 'tensor-spec': { dtype: 'bool', shape: [-1] } }
const word = { name: 'what', dtype: 'string', default: 'table', shape: null }
const SIGNATURES: Readonly<Record<string, object>> = {
  table: {
    inputs: JSON.stringify([column('n', 'integer'), column('at', 'datetime'), column('blob', 'binary')]),
    outputs: JSON.stringify([column('n', 'long'), column('half', 'double')]),
    params: JSON.stringify([word]),
  },
  cube: { inputs: JSON.stringify([cube]), outputs: JSON.stringify([column('said', 'string')]) },
  texts: { inputs: JSON.stringify([column('x', 'double'), { name: 'c', type: 'string', required: false }]) },
  flags: { inputs: JSON.stringify([flags]) },
  words: { inputs: JSON.stringify([{ type: 'string', required: true }]) },
  wholes: { inputs: JSON.stringify([{ type: 'long', required: true }]) },
}

const folder = mkdtempSync(join(tmpdir(), 'pyfunc-'))
let gateway: ServedGateway
before(async () => {
  const { python, dir: modelDir } = await servingModels()
  const models = Object.entries(SIGNATURES).map(async ([name, signature]): Promise<ServedModel> => {
    const dir = join(folder, name)
    mkdirSync(join(dir, 'code'), { recursive: true })
    writeFileSync(join(dir, 'code/echo_model.py'), MODEL)
    const flavors = { python_function: { loader_module: 'echo_model', code: 'code', python_version: '3.12.0' } }
    writeFileSync(join(dir, 'MLmodel'), JSON.stringify({ flavors, signature, mlflow_version: '3.0.0' }))
    const { inputs, ...array } = await readInputs(dir, null)
    return { name, inputs, backend: { kind: 'python', dir, python, ...array, workers: 1, memory_mb: 4096 } }
  })
  gateway = await serveModels([...(await Promise.all(models)), nativeModel('lowered', `${modelDir('hgb')}.native`)])
})
after(async () => {
  await gateway.stop()
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
})

async function post(path: string, body: unknown): Promise<{ status: number; text: string }> {
  const headers = { 'content-type': 'application/json' }
  const url = `http://${gateway.http}${path}`
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  return { status: response.status, text: await response.text() }
}

const ROW = { n: 3, at: '2026-01-02T03:04:05', blob: 'YWI=' }
const INVOKE = '/endpoints/table/invocations'
const NATIVE = '/v1/endpoints/table:predict'

async function answered(path: string, body: unknown): Promise<unknown> {
  const { status, text } = await post(path, body)
  assert.equal(status, 200, text)
  const { predictions, outputs } = JSON.parse(text) as { predictions?: unknown; outputs?: { data: unknown }[] }
  return predictions ?? outputs?.[0]?.data
}

test('a DataFrame is answered as records to MLflow callers, and as numbers to others', async () => {
  const asked = (what: string): object => ({ dataframe_records: [ROW, { ...ROW, n: 4 }], params: { what } })
  const records = [
    { n: 3, half: 1.5 },
    { n: 4, half: 2 },
  ]
  assert.deepEqual(await answered(INVOKE, asked('table')), records)
  assert.deepEqual(await answered(INVOKE, asked('column')), [{ n: 3 }, { n: 4 }])
  const mixed = [
    { n: 3, word: 'a' },
    { n: 4, word: 'a' },
  ]
  assert.deepEqual(await answered(INVOKE, asked('dict')), mixed)
  assert.deepEqual(await answered(NATIVE, { inputs: [ROW] }), [[3, 1.5]])
  assert.deepEqual(await answered(NATIVE, { inputs: [ROW], params: { what: 'column' } }), [3])
})

test('times, bytes and whole numbers reach a model in the types of its signature', async () => {
  const [said] = (await answered(NATIVE, { inputs: [ROW], params: { what: 'types' } })) as string[]
  assert.match(said ?? '', /^\(3, Timestamp\('2026-01-02 03:04:05'\), b'ab'\)$/)
})

test("a caller's mistake that Python finds is a 400, the model's own a failure", async () => {
  const wrong: [object, RegExp][] = [
    [{ inputs: { ...ROW, at: 'yesterday' } }, /at: .*yesterday/],
    [{ inputs: { ...ROW, blob: '%' } }, /blob: got '%', expected base64/],
    [{ inputs: { ...ROW, n: null } }, /Incompatible input types for column n/],
    [{ inputs: ROW, params: { what: 7 } }, /Failed to validate type and shape for 'what'|Can not safely convert/],
    [
      { inputs: { ...ROW, n: 2 ** 31 } },
      /inputs\.n: got 2147483648, expected a whole number from -2147483648 to 2147483647/,
    ],
  ]
  for (const [body, said] of wrong) {
    const { status, text } = await post(NATIVE, body)
    assert.equal(status, 400, text)
    assert.match(text, said)
  }
  const errors = async (): Promise<string | undefined> => {
    const metrics = await (await fetch(`http://${gateway.http}/metrics`)).text()
    return /^slipway_request_errors_total\{endpoint="table"[^}]*\} (\d+)/m.exec(metrics)?.[1]
  }
  assert.equal(await errors(), '0')
  const raised = await post(NATIVE, { inputs: ROW, params: { what: 'none' } })
  assert.deepEqual([raised.status, /ValueError: no such word/.test(raised.text)], [502, true])
  assert.equal(await errors(), '1')
  const shapeless = await post(NATIVE, { inputs: ROW, params: { what: 'one' } })
  assert.deepEqual(
    [shapeless.status, /dict whose item 'n' is not one value for each/.test(shapeless.text)],
    [502, true],
  )
})

test('params that the signature does not have are left out', async () => {
  assert.deepEqual(await answered(INVOKE, { dataframe_records: [ROW], params: { other: 1 } }), [{ n: 3, half: 1.5 }])
})

test('tensors of three dimensions and of one are served, nested as they are', async () => {
  const nested = [
    [1, 2],
    [3, 4],
  ]
  const said = ['float32 [[1.0, 2.0], [3.0, 4.0]]']
  assert.deepEqual(await answered('/endpoints/cube/invocations', { instances: [nested] }), said)
  assert.deepEqual(await answered('/endpoints/cube/invocations', { inputs: [[1, 2, 3, 4]] }), said)
  const tensor = { name: 'input', datatype: 'FP32', shape: [1, 2, 2], data: [nested] }
  assert.deepEqual(await answered('/v2/models/cube/infer', { inputs: [tensor] }), said)
  assert.deepEqual(await answered('/v1/models/flags:predict', { instances: [true, false] }), [
    'bool True',
    'bool False',
  ])
  const short = await post('/endpoints/cube/invocations', { instances: [[[1, 2], [3]]] })
  assert.deepEqual([short.status, /3 values, expected 4/.test(short.text)], [400, true])
  const missing = await post('/v1/models/flags:predict', { instances: [null] })
  assert.deepEqual([missing.status, /x0: a value is missing/.test(missing.text)], [400, true])
})

test('a signature of one column without a name is fed as MLflow feeds it', async () => {
  const said = ["'a' of column 0", "'b' of column 0"]
  assert.deepEqual(await answered('/endpoints/words/invocations', { inputs: ['a', 'b'] }), said)
  assert.deepEqual(await answered('/v1/models/words:predict', { instances: ['a', 'b'] }), said)
  const tensor = { name: 'any', datatype: 'BYTES', shape: [2], data: ['a', 'b'] }
  assert.deepEqual(await answered('/v2/models/words/infer', { inputs: [tensor] }), said)
  assert.deepEqual(await answered('/endpoints/wholes/invocations', { inputs: [7] }), ['7 of column 0'])
})

test('a missing text is None or NaN as MLflow has it, by the call alone, whatever it is merged with', async () => {
  const invoke = '/endpoints/texts/invocations'
  const said = (...values: unknown[]): Promise<unknown> =>
    answered(invoke, { dataframe_records: values.map((c, x) => (c === undefined ? { x } : { x, c })) })
  // pandas 3 of the tests' models
  const calls: [given: unknown[], said: string[]][] = [
    [[null], ['None']],
    [
      [null, null],
      ['None', 'None'],
    ],
    [
      [null, 'a'],
      ['nan', "'a'"],
    ],
    [[undefined], ['nan']],
    [
      [null, undefined],
      ['nan', 'nan'],
    ],
  ]
  for (const [given, wanted] of calls) assert.deepEqual(await said(...given), wanted)
  // one scorer answers one batch at a time: what comes meanwhile waits, and goes as one
  const many = Array.from({ length: 40 }, (_, i) => calls[i % calls.length] as (typeof calls)[0])
  assert.deepEqual(
    await Promise.all(many.map(([given]) => said(...given))),
    many.map(([, wanted]) => wanted),
  )
  assert.deepEqual(await answered(invoke, { dataframe_split: { columns: ['x', 'c'], data: [[1, null]] } }), ['None'])
  assert.deepEqual(await answered(invoke, { inputs: { x: [1], c: [null] } }), ['None'], "MLflow's is the text 'None'")
})

test('metadata describe the answers as the model or its signature does', async () => {
  const outputs = async (name: string): Promise<unknown> => {
    const response = await fetch(`http://${gateway.http}/v2/models/${name}`)
    return ((await response.json()) as { outputs: unknown[] }).outputs[0]
  }
  assert.deepEqual(await outputs('table'), { name: 'predictions', datatype: 'FP64', shape: [-1, 2] })
  assert.deepEqual(await outputs('cube'), { name: 'predictions', datatype: 'BYTES', shape: [-1] })
  assert.deepEqual(await outputs('flags'), { name: 'predictions', datatype: 'FP64', shape: [-1] })
  assert.deepEqual(await outputs('lowered'), { name: 'predictions', datatype: 'FP64', shape: [-1, 2] })
})

test('the examples of the OpenAPI document are answered when they are sent', async () => {
  for (const name of ['table', 'cube', 'flags']) {
    const response = await fetch(`http://${gateway.http}/v1/endpoints/${name}/openapi.json`)
    const { paths } = (await response.json()) as { paths: Record<string, Documented> }
    assert.equal(Object.keys(paths).length, 3)
    for (const [path, { post: operation }] of Object.entries(paths))
      await answered(path, operation.requestBody.content['application/json'].example)
  }
})

interface Documented {
  readonly post: { readonly requestBody: { readonly content: { 'application/json': { example: unknown } } } }
}
