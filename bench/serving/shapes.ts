/** Predictions of other shapes: many rows a request, binary tensors, ONNX beside a health check, many models in one gateway, first answers. */
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onnxRuntime } from '../../src/scoring/onnx/install.ts'
import { readInputs } from '../../src/scoring/model/inputs.ts'
import { BREAKER } from '../../src/gateway/table/table.ts'
import type { BackendRoute, EndpointRoute, RoutingTable } from '../../src/gateway/table/table.ts'
import type { InputField } from '../../src/scoring/rows/fields.ts'
import { onnxModels } from '../../test/onnx-models.ts'
import { testEnvFolder } from '../../test/python-env.ts'
import { servingModels } from '../../test/serving-models.ts'
import type { ScoredRow, ServingModels } from '../../test/serving-models.ts'
import { firstLine, measured, ROOT, said, started } from '../load/loaded.ts'
import type { Loaded } from '../load/loaded.ts'
import { memoryOf } from '../load/process.ts'
import { release } from './release.ts'
import { megabytes, ms, thousands } from '../table.ts'
import type { Options, Row } from '../table.ts'

const CLIENTS = 16
const BATCH = 100
const TENSOR_ROWS = 256
const MODELS = 50

/** All rows; ONNX Runtime is brought into the cache of the tests. */
export async function shapes(options: Options): Promise<Row[]> {
  const models = await servingModels()
  const { inputs } = await readInputs(models.dir('hgb'), null)
  const native: BackendRoute = { kind: 'native', dir: models.files('hgb').native?.dir ?? '' }
  return [
    await manyRows(models, endpointOf('small', inputs, native), options),
    await binary(models, endpointOf('small', inputs, native), options),
    await graph(options),
    await twoGateways(models, endpointOf('small', inputs, native), options),
    await manyModels(models, inputs),
    ...(await firstAnswers()),
  ]
}

/** An endpoint of one stable version. */
export function endpointOf(name: string, inputs: readonly InputField[], backend: BackendRoute): EndpointRoute {
  return {
    name,
    project: 'bench',
    model: name,
    salt: 's',
    threshold: null,
    breaker: BREAKER,
    standby: [],
    variants: [{ role: 'stable', version: '1', weight: 0, since: 1, inputs, backend }],
  }
}

type Gateway = Awaited<ReturnType<typeof started>>

/** A gateway with these endpoints while `work` runs. */
export function gatewayWith<T>(
  endpoints: readonly EndpointRoute[],
  work: (gateway: Gateway) => Promise<T>,
): Promise<T> {
  return gatewaysWith(endpoints, 1, ([gateway]) => work(gateway as Gateway))
}

/** So many gateways, each with a port of its own. */
async function gatewaysWith<T>(
  endpoints: readonly EndpointRoute[],
  count: number,
  work: (gateways: readonly Gateway[]) => Promise<T>,
): Promise<T> {
  const dataDir = mkdtempSync(join(tmpdir(), 'bench-shapes-'))
  const table: RoutingTable = { format: 'slipway.routing/1', epoch: 1, open: true, endpoints, tokens: [] }
  mkdirSync(join(dataDir, 'run'))
  writeFileSync(join(dataDir, 'run/routing.json'), JSON.stringify(table))
  const given = { dataDir, host: '127.0.0.1', port: 0, reusePort: false, allowHosts: [], version: 'bench' }
  const main = join(ROOT, 'src/gateway/main.ts')
  const gateways: Gateway[] = []
  try {
    for (let index = 0; index < count; index++) gateways.push(await started(main, JSON.stringify({ ...given, index })))
    return await work(gateways)
  } finally {
    await Promise.all(gateways.map((gateway) => gateway.stop()))
    rmSync(dataDir, { recursive: true, force: true })
  }
}

function inputsOf(row: ScoredRow): Omit<ScoredRow, 'score'> {
  const { distance, temp, dewp, hour, carrier } = row
  return { distance, temp, dewp, hour, carrier }
}

function manyRows(models: ServingModels, endpoint: EndpointRoute, options: Options): Promise<Row> {
  const rows = Array.from({ length: BATCH }, (_, i) => inputsOf(models.rows[i % models.rows.length] as ScoredRow))
  return gatewayWith([endpoint], async (gateway) => {
    const load = { path: '/v1/endpoints/small:predict', bodies: [JSON.stringify({ inputs: rows })], clients: CLIENTS }
    const result = await measured(gateway, load, options)
    return {
      name: `${BATCH} rows of JSON a request, each logged, ${CLIENTS} clients`,
      measured: `${said(result)}: ${thousands(result.perSecond * BATCH)} rows/s`,
      target: '≥ 1,600 req/s',
      beside: '',
      ok: result.perSecond >= 1600 && result.refused === 0,
      figures: { ...result },
    }
  })
}

function binary(models: ServingModels, endpoint: EndpointRoute, options: Options): Promise<Row> {
  const { head, body } = tensorBody(models, endpoint.variants[0]?.inputs ?? [])
  return gatewayWith([endpoint], async (gateway) => {
    const load = {
      path: '/v2/models/small/infer',
      bodies: () => body,
      clients: CLIENTS,
      type: 'application/octet-stream',
      headers: { 'inference-header-content-length': String(head) },
    }
    const result = await measured(gateway, load, options)
    const rows = result.perSecond * TENSOR_ROWS
    return {
      name: `binary tensors of ${TENSOR_ROWS} rows, each logged, ${CLIENTS} clients`,
      measured: `${said(result)}: ${thousands(rows)} rows/s`,
      target: '≥ 400,000 rows/s',
      beside: '',
      ok: rows >= 400_000 && result.refused === 0,
      figures: { ...result, rows_per_second: rows },
    }
  })
}

/** A request of the binary tensor extension, and the bytes of its JSON. */
function tensorBody(models: ServingModels, inputs: readonly InputField[]): { head: number; body: Buffer } {
  const rows = Array.from({ length: TENSOR_ROWS }, (_, i) => models.rows[i % models.rows.length] as ScoredRow)
  const tensors = inputs.map(({ name, kind }) => {
    const values = rows.map((row) => row[name as keyof ScoredRow])
    const data =
      kind === 'string' ? texts(values.map(String)) : numbers(values.map((value) => Number(value ?? Number.NaN)))
    return { name, datatype: kind === 'string' ? 'BYTES' : 'FP64', data }
  })
  const json = Buffer.from(
    JSON.stringify({
      inputs: tensors.map(({ name, datatype, data }) => ({
        name,
        datatype,
        shape: [TENSOR_ROWS, 1],
        parameters: { binary_data_size: data.length },
      })),
      parameters: { binary_data_output: true },
    }),
  )
  return { head: json.length, body: Buffer.concat([json, ...tensors.map(({ data }) => data)]) }
}

function numbers(values: readonly number[]): Buffer {
  return Buffer.from(Float64Array.from(values).buffer)
}

function texts(values: readonly string[]): Buffer {
  return Buffer.concat(
    values.map((text) => {
      const bytes = Buffer.from(text)
      const length = Buffer.alloc(4)
      length.writeUInt32LE(bytes.length)
      return Buffer.concat([length, bytes])
    }),
  )
}

async function graph(options: Options): Promise<Row> {
  const [folder, runtime] = await Promise.all([onnxModels(), onnxRuntime(testEnvFolder())])
  const { inputs } = await readInputs(join(folder, 'trees'), null)
  const file = join(folder, 'trees', 'model.onnx')
  const endpoint = endpointOf('graph', inputs, { kind: 'onnx', file, runtime, sessions: 1 })
  const row = Object.fromEntries(inputs.map(({ name }, i) => [name, i / 4]))
  return gatewayWith([endpoint], async (gateway) => {
    const health = watchHealth(gateway.port)
    const bodies = [JSON.stringify({ inputs: row })]
    const result = await measured(gateway, { path: '/v1/endpoints/graph:predict', bodies, clients: CLIENTS }, options)
    const waits = (await health()).toSorted((a, b) => a - b)
    const p99 = waits[Math.floor(waits.length * 0.99)] ?? 0
    return {
      name: `ONNX, 200 trees of depth 6, ${CLIENTS} clients`,
      measured: `${said(result)}; a health check meanwhile p99 ${ms(p99)}`,
      target: '≥ 15,000 req/s, health p99 ≤ 5 ms',
      beside: '',
      ok: result.perSecond >= 15_000 && p99 <= 5 && result.refused === 0,
      figures: { ...result, health_p99_ms: p99 },
    }
  })
}

/**
 * Two gateways beside one, with the same requests of 100 rows. Where the generator takes a core that a gateway wants, requests a second
 * cannot tell what two gateways could do: what they did in a second of their own CPU can.
 */
async function twoGateways(models: ServingModels, endpoint: EndpointRoute, options: Options): Promise<Row> {
  const rows = Array.from({ length: BATCH }, (_, i) => inputsOf(models.rows[i % models.rows.length] as ScoredRow))
  const load = { path: '/v1/endpoints/small:predict', bodies: [JSON.stringify({ inputs: rows })], clients: CLIENTS }
  const loaded = (count: number): Promise<Loaded[]> =>
    gatewaysWith([endpoint], count, (gateways) => Promise.all(gateways.map((one) => measured(one, load, options))))
  const [[one], pair] = [await loaded(1), await loaded(2)]
  if (one === undefined) throw new Error('no gateway answered')
  const sum = (of: (result: Loaded) => number): number => pair.reduce((total, result) => total + of(result), 0)
  const together = sum((result) => result.perSecond)
  const [gain, capacity] = [together / one.perSecond, sum((result) => one.cpuUs / result.cpuUs)]
  return {
    name: `two gateways on two cores beside one, ${BATCH} rows of JSON a request`,
    measured: `${thousands(together)} req/s beside ${thousands(one.perSecond)}: ${gain.toFixed(2)} ×; a second of CPU in each: ${capacity.toFixed(2)} ×`,
    target: '≥ 1.7 × a second of CPU in each',
    beside: '',
    ok: capacity >= 1.7,
    figures: { one: one.perSecond, two: together, gain, capacity },
  }
}

/** Asks for the gateway's health, apart from the load, until told to stop; resolves to the waits, ms. */
export function watchHealth(port: number): () => Promise<number[]> {
  const script = join(import.meta.dirname, 'health.ts')
  const child = spawn(process.execPath, [script, String(port)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const line = firstLine(child)
  return async () => {
    child.stdin.end()
    return JSON.parse(await line) as number[]
  }
}

/** The same small model fifty times, each from a folder of its own. */
async function manyModels(models: ServingModels, inputs: readonly InputField[]): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-models-'))
  const source = models.files('hgb').native?.dir ?? ''
  const endpoints = Array.from({ length: MODELS }, (_, i) => {
    const dir = join(folder, String(i))
    cpSync(source, dir, { recursive: true })
    return endpointOf(`m${i}`, inputs, { kind: 'native', dir })
  })
  try {
    return await gatewayWith(endpoints, async ({ port, pids }) => {
      const body = JSON.stringify({ inputs: inputsOf(models.rows[0] as ScoredRow) })
      const headers = { 'content-type': 'application/json' }
      for (const { name } of endpoints) {
        const reply = await fetch(`http://127.0.0.1:${port}/v1/endpoints/${name}:predict`, {
          method: 'POST',
          headers,
          body,
        })
        if (reply.status !== 200) throw new Error(`${name}: ${reply.status} ${await reply.text()}`)
        await reply.text()
      }
      const { rss } = memoryOf(pids)
      return {
        name: `a gateway with ${MODELS} native models that have answered`,
        measured: `${megabytes(rss)} RSS`,
        target: '≤ 300 MB',
        beside: '',
        ok: rss <= 300e6,
        figures: { rss },
      }
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** From the call that deploys a version which no gateway has loaded until it answers. */
async function firstAnswers(): Promise<Row[]> {
  return release({ gateways: 1 }, async ({ under }) => {
    const took: number[] = []
    await under(
      async (deploy) => {
        for (const version of ['2', '3']) {
          const asked = performance.now()
          await deploy(version)
          took.push(performance.now() - asked)
        }
      },
      { clients: 1 },
    )
    const [native = 0, python = 0] = took
    return [
      answered('native', native, '≤ 200 ms', native <= 200),
      answered('in Python', python, 'its imports and 500 ms', null),
    ]
  })
}

function answered(name: string, value: number, target: string, ok: boolean | null): Row {
  return {
    name: `a version that was never loaded: deploy to answering, ${name}`,
    measured: ms(value),
    target,
    beside: '',
    ok,
    figures: { ms: value },
  }
}
