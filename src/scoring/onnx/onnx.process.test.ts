/** ONNX models of mlflow against onnxruntime in Python, through the backend and through a gateway. */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { serveModels } from '../../../test/clients/gateway.ts'
import { onnxModels } from '../../../test/onnx-models.ts'
import { testEnvFolder } from '../../../test/python-env.ts'
import type { Value } from '../rows/rows.ts'
import { OnnxBackend } from './backend.ts'
import { readInputs } from '../model/inputs.ts'
import { onnxRuntime } from './install.ts'
import { proveOnnx } from './prove.ts'
import { planFeeds, toScored, toTensors } from './tensors.ts'

/** Largest difference between two builds of the runtime, which sum floats in other orders. */
const CLOSE = 1e-5

interface Expected {
  readonly rows: number[][]
  readonly table: Value[][]
  readonly classes: { readonly label: number[]; readonly probabilities: number[][] }
  readonly value: { readonly variable: number[][] }
  readonly columns: { readonly label: number[]; readonly probabilities: number[][] }
}

/** A value at which the thread of `deadly` ends. */
const DEADLY = 666

/** The runtime, but a batch that holds the value ends its thread. */
function deadly(runtime: string): string {
  return `
const { Tensor, InferenceSession } = require('node:module').createRequire(${JSON.stringify(join(runtime, 'node_modules/'))})('onnxruntime-node')
const create = async (file, options) => {
  const session = await InferenceSession.create(file, options)
  const run = (feeds) => {
    if (Object.values(feeds).some(({ data }) => data.includes(${DEADLY}))) process.exit(1)
    return session.run(feeds)
  }
  return { inputMetadata: session.inputMetadata, outputMetadata: session.outputMetadata, run }
}
module.exports = { Tensor, InferenceSession: { create } }
`
}

/** The cache of the tests, so that the runtime is brought once. */
const cache = testEnvFolder()
const ready = await Promise.all([onnxModels(), onnxRuntime(cache)]).catch((error: Error) => error)

if (ready instanceof Error)
  describe('ONNX models', { skip: `onnxruntime or its Python packages cannot be had: ${ready.message.split('\n')[0]}` })
else describe('ONNX models', () => tests(ready[0], ready[1]))

function tests(folder: string, runtime: string): void {
  const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as Expected
  const open: OnnxBackend[] = []
  after(() => Promise.all(open.map((backend) => backend.close())))

  async function backendOf(name: string, more: object = {}): Promise<OnnxBackend> {
    const { inputs } = await readInputs(join(folder, name), null)
    const file = join(folder, name, 'model.onnx')
    const backend = new OnnxBackend({ runtime, file, threads: 1, sessions: 1, inputs, ...more })
    open.push(backend)
    await backend.start()
    return backend
  }
  const limits = (more: object = {}) => ({
    deadline: Date.now() + 600_000,
    params: null,
    bytes: 100,
    priority: 'normal' as const,
    ...more,
  })
  const near = (got: unknown, want: number, what: string): void =>
    assert.ok(Math.abs((got as number) - want) <= CLOSE, `${what}: ${String(got)} for ${want}`)

  it('a classifier gives label and probabilities as in Python, for 1,000 rows, alone and in batches', async () => {
    const backend = await backendOf('classes')
    const many = await backend.score(expected.rows, limits())
    const { label, probabilities } = expected.classes
    for (const [i, { prediction, score }] of many.entries()) {
      const got = prediction as { label: number; probabilities: number[] }
      assert.equal(got.label, label[i])
      near(got.probabilities[0], probabilities[i]?.[0] ?? Number.NaN, `row ${i}`)
      near(score, probabilities[i]?.[1] ?? Number.NaN, `score of row ${i}`)
    }
    const alone = await Promise.all(expected.rows.slice(0, 100).map((row) => backend.score([row], limits())))
    assert.deepEqual(alone.flat(), many.slice(0, 100))
    const { batches, rows } = backend.describe() as { batches: number; rows: number }
    assert.equal(rows, 1 + 1000 + 100)
    assert.ok(batches < 50, `${batches} batches: calls of one turn go together`)
  })

  it('a thread that dies is replaced; where that fails, calls are refused at once', async () => {
    const place = mkdtempSync(join(tmpdir(), 'onnx-dies-'))
    const own = join(place, 'node_modules', 'onnxruntime-node')
    mkdirSync(own, { recursive: true })
    writeFileSync(join(own, 'index.js'), deadly(runtime))
    const file = join(place, 'model.onnx')
    cpSync(join(folder, 'value', 'model.onnx'), file)
    const backend = await backendOf('value', { runtime: place, file })
    const [row = []] = expected.rows
    const poison = row.map(() => DEADLY)
    const code = (rows: number[][]): Promise<string> =>
      backend.score(rows, limits()).then(
        () => 'answered',
        (error: { code: string }) => error.code,
      )
    assert.deepEqual(await Promise.all([code([row]), code([poison])]), ['answered', 'upstream_failed'])
    assert.equal(await code([row]), 'answered')
    rmSync(file)
    assert.equal(await code([poison]), 'unavailable')
    assert.deepEqual([await code([row]), backend.ready()], ['unavailable', false])
    rmSync(place, { recursive: true })
  })

  it('one output of one number is that number', async () => {
    const backend = await backendOf('value')
    const scored = await backend.score(expected.rows, limits())
    for (const [i, { prediction }] of scored.entries()) {
      const want = expected.value.variable[i]?.[0] ?? Number.NaN
      assert.ok(Math.abs((prediction as number) - want) <= CLOSE * Math.max(1, Math.abs(want)), `row ${i}`)
    }
  })

  it('a tensor a column takes texts, whole numbers and fractions; a missing whole number fails its caller alone', async () => {
    const backend = await backendOf('columns')
    const scored = await backend.score(expected.table, limits())
    for (const [i, { prediction }] of scored.entries()) {
      const got = prediction as { label: number; probabilities: number[] }
      assert.equal(got.label, expected.columns.label[i])
      near(got.probabilities[1], expected.columns.probabilities[i]?.[1] ?? Number.NaN, `row ${i}`)
    }
    const [good = [], bad] = [expected.table[0], [1, null, 'x'] as Value[]]
    const outcomes = await Promise.allSettled([good, bad, good].map((row) => backend.score([row], limits())))
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    assert.match(String((outcomes[1] as PromiseRejectedResult).reason), /a value is missing, and tensor "count"/)
  })

  it('says what does not fit: maps, another width, a damaged file', async () => {
    await assert.rejects(proveOnnx(cache, join(folder, 'map'), 'model.onnx'), /no tensor; export it without a map/)
    await assert.rejects(proveOnnx(cache, join(folder, 'narrow'), 'model.onnx'), /has 4 columns, and the signature 3/)
    const broken = mkdtempSync(join(tmpdir(), 'onnx-'))
    try {
      cpSync(join(folder, 'value'), broken, { recursive: true })
      truncateSync(join(broken, 'model.onnx'), 500)
      await assert.rejects(proveOnnx(cache, broken, 'model.onnx'), { code: 'upstream_failed' })
    } finally {
      rmSync(broken, { recursive: true, force: true })
    }
    assert.equal(await proveOnnx(cache, join(folder, 'classes'), 'model.onnx'), 3)
  })

  it('refuses params, a full queue, and what came too late', async () => {
    const backend = await backendOf('value', { maxQueue: 10 })
    const [row = []] = expected.rows
    await assert.rejects(backend.score([row], limits({ params: { k: 1 } })), { code: 'invalid_field' })
    const calls = Array.from({ length: 30 }, () => backend.score([row], limits()))
    const outcomes = await Promise.allSettled(calls)
    const refused = outcomes.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[]
    assert.equal(refused.length, 20)
    for (const { reason } of refused) assert.equal((reason as { code: string }).code, 'too_many_requests')
    await assert.rejects(backend.score([row], limits({ deadline: Date.now() - 1 })), { code: 'deadline_exceeded' })
  })

  it('what runs is answered before the sessions end', async () => {
    const backend = await backendOf('classes', { maxQueue: 100_000 })
    const calls = Array.from({ length: 50 }, () => backend.score(expected.rows, limits()))
    await Promise.all([backend.close(), turn()])
    assert.equal((await Promise.all(calls)).flat().length, 50_000)
    await assert.rejects(backend.score(expected.rows, limits()), { code: 'unavailable' })
  })

  it('is served by a gateway over HTTP, natively named fields and the Open Inference Protocol alike', async () => {
    const { inputs } = await readInputs(join(folder, 'classes'), null)
    const file = join(folder, 'classes', 'model.onnx')
    const gateway = await serveModels([
      { name: 'graph', inputs, backend: { kind: 'onnx', file, runtime, sessions: 1 } },
    ])
    try {
      const [row = []] = expected.rows
      const named = Object.fromEntries(inputs.map(({ name }, j) => [name, row[j]]))
      const post = async (path: string, body: unknown): Promise<Record<string, unknown>> => {
        const headers = { 'content-type': 'application/json' }
        const reply = await fetch(`http://${gateway.http}${path}`, {
          method: 'POST',
          headers,
          body: JSON.stringify(body),
        })
        assert.equal(reply.status, 200)
        return (await reply.json()) as Record<string, unknown>
      }
      const own = await post('/v1/endpoints/graph:predict', { inputs: named })
      const [first] = own['predictions'] as { label: number; probabilities: number[] }[]
      assert.equal(first?.label, expected.classes.label[0])
      near((own['scores'] as number[])[0], expected.classes.probabilities[0]?.[1] ?? Number.NaN, 'the score')
      const tensor = { name: 'x', shape: [1, 4], datatype: 'FP64', data: row }
      const open2 = await post('/v2/models/graph/infer', { inputs: [tensor] })
      assert.equal(open2['model_name'], 'graph')
    } finally {
      await gateway.stop()
    }
  })
}

describe('tensors of ONNX graphs', () => {
  const input = (name: string, kind: 'number' | 'integer' | 'string') => ({ name, kind, required: true, dtype: '' })
  const inputs = [input('a', 'number'), input('b', 'integer')]

  it('fills one tensor in the order of the signature, missing numbers as NaN', () => {
    const graph = { inputs: [{ name: 'X', type: 'float32', shape: ['', 2] }], outputs: [] }
    const { X } = toTensors(planFeeds(graph, inputs), [
      [1.5, 2],
      [null, 3],
    ])
    assert.deepEqual(X?.dims, [2, 2])
    assert.deepEqual([...(X?.data ?? [])], [1.5, 2, Number.NaN, 3])
  })

  it('keeps whole numbers beyond 2^53, in and out', () => {
    const graph = {
      inputs: [
        { name: 'b', type: 'int64', shape: [''] },
        { name: 'a', type: 'float64', shape: ['', 1] },
      ],
      outputs: [],
    }
    const big = 2n ** 60n + 1n
    const { b } = toTensors(planFeeds(graph, inputs), [[0, big]])
    assert.deepEqual([...(b?.data ?? [])], [big])
    const [row] = toScored([['y', { type: 'int64', dims: [1], data: BigInt64Array.of(big) }]], 1)
    assert.equal(row?.prediction, big)
  })

  it('names what it cannot feed', () => {
    const feed = (shape: (number | string)[], type = 'float32', name = 'c') => ({
      inputs: [
        { name, type, shape },
        { name: 'a', type, shape },
      ],
      outputs: [],
    })
    assert.throws(() => planFeeds(feed(['', 1]), inputs), /tensor "c" has no input of that name/)
    assert.throws(() => planFeeds(feed(['', 3, 8, 8], 'float32', 'b'), inputs), /has 4 dimensions/)
    assert.throws(() => planFeeds(feed(['', 1], 'float16', 'b'), inputs), /type float16, which is not served/)
    const three = { type: 'float32', dims: [3], data: new Float32Array(3) }
    assert.throws(() => toScored([['y', three]], 2), /has 3 rows for 2/)
    const deep = { type: 'float32', dims: [2, 3, 2], data: new Float32Array(12) }
    assert.deepEqual(toScored([['y', deep]], 2)[0]?.prediction, [[0, 0], [0, 0], [0, 0]]) // prettier-ignore
    assert.equal(toScored([['y', { ...deep, dims: [12, 1, 1] }]], 12).length, 12)
  })
})
