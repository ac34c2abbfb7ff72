/** What one prediction costs: the gateway with routing and prediction log beside the floor of node:http, in the same run. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readInputs } from '../../src/scoring/model/inputs.ts'
import { asTable, BREAKER } from '../../src/gateway/table/table.ts'
import type { BackendRoute, EndpointRoute, RoutingTable } from '../../src/gateway/table/table.ts'
import type { InputField } from '../../src/scoring/rows/fields.ts'
import { prng } from '../../src/stats/prng.ts'
import type { Prng } from '../../src/stats/prng.ts'
import { servingModels } from '../../test/serving-models.ts'
import type { ServingModels } from '../../test/serving-models.ts'
import { measured, ROOT, said, started } from '../load/loaded.ts'
import type { Loaded } from '../load/loaded.ts'
import type { Options, Row } from '../table.ts'

const CORES_TARGET = 12_000

/** One endpoint under load. */
interface Case {
  readonly name: string
  readonly endpoint: string
  readonly clients: number
  readonly bodies: readonly string[]
  readonly target: string
  readonly reached: (result: Loaded) => boolean | null
}

/** Rows of the floor, native, the flights model where it was shipped, and the Python scorer. */
export async function predict(options: Options): Promise<Row[]> {
  const models = await servingModels()
  const bodies = models.rows.map((row) => {
    const { score: _, ...inputs } = row
    return JSON.stringify({ inputs })
  })
  const shipped = options.data === undefined ? undefined : shippedEndpoint(options.data)
  const dataDir = await routing(models, shipped)
  try {
    const floor = await floorOf(bodies, options)
    const rows: Row[] = [row('floor: node:http and JSON.parse', floor, {}, '')]
    const given = { dataDir, index: 0, host: '127.0.0.1', port: 0, reusePort: false, allowHosts: [], version: 'bench' }
    for (const one of cases(bodies, shipped)) {
      const gateway = await started(join(ROOT, 'src/gateway/main.ts'), JSON.stringify(given))
      try {
        const path = `/v1/endpoints/${one.endpoint}:predict`
        const result = await measured(gateway, { path, bodies: one.bodies, clients: one.clients }, options)
        rows.push(row(one.name, result, one, `${(result.cpuUs / floor.cpuUs).toFixed(1)} × the floor's CPU`))
      } finally {
        await gateway.stop()
      }
    }
    return rows
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
}

async function floorOf(bodies: readonly string[], options: Options): Promise<Loaded> {
  const server = await started(join(import.meta.dirname, '../load/floor.ts'))
  try {
    return await measured(server, { path: '/', bodies, clients: 16 }, options)
  } finally {
    await server.stop()
  }
}

function cases(bodies: readonly string[], shipped: EndpointRoute | undefined): Case[] {
  const native = {
    clients: 16,
    target: '≤ 70 µs CPU, ≥ 12,000 req/s, p99 ≤ 5 ms',
    reached: (result: Loaded) => result.cpuUs <= 70 && result.perSecond >= CORES_TARGET && result.p99 <= 5,
  }
  const informs = { target: '', reached: () => null }
  const small = { endpoint: 'native', bodies }
  const main: Case[] =
    shipped === undefined
      ? [{ ...small, ...native, name: 'native, small model, 16 clients' }]
      : [
          {
            ...native,
            endpoint: 'shipped',
            bodies: likelyRows(shipped),
            name: `native, ${shipped.model} as shipped, 16 clients`,
          },
          { ...small, ...informs, clients: 16, name: 'native, small model, 16 clients' },
        ]
  return [
    ...main,
    { ...small, ...informs, clients: 1, name: 'native, small model, 1 client' },
    {
      name: 'Python scorer, small model, 64 clients',
      endpoint: 'python',
      bodies,
      clients: 64,
      target: '≥ 3,000 req/s',
      reached: (result) => result.perSecond >= 3000,
    },
  ]
}

function row(name: string, result: Loaded, of: Partial<Pick<Case, 'target' | 'reached'>>, beside: string): Row {
  const reached = of.reached?.(result) ?? null
  return {
    name,
    measured: said(result),
    target: of.target ?? '',
    beside,
    ok: reached === null ? null : reached && result.refused === 0,
    figures: { ...result },
  }
}

/** The first endpoint of a data folder whose stable version is native. Throws when there is none. */
function shippedEndpoint(data: string): EndpointRoute {
  const file = join(data, 'run/routing.json')
  const { endpoints } = asTable(JSON.parse(readFileSync(file, 'utf8')))
  for (const endpoint of endpoints) {
    const stable = endpoint.variants.find((variant) => variant.role === 'stable' && variant.backend.kind === 'native')
    if (stable !== undefined) return { ...endpoint, name: 'shipped', variants: [stable], standby: [] }
  }
  throw new Error(`${file} has no endpoint with a native stable version; ship examples/flights with --data first`)
}

/** Bodies with numbers by chance. */
function likelyRows(endpoint: EndpointRoute): string[] {
  const random = prng(1)
  const inputs = endpoint.variants[0]?.inputs ?? []
  return Array.from({ length: 500 }, () =>
    JSON.stringify({ inputs: Object.fromEntries(inputs.map((input) => [input.name, likely(input, random)])) }),
  )
}

function likely({ kind }: InputField, random: Prng): unknown {
  return { number: random.below(1000), integer: random.below(24), boolean: false, string: 'AA' }[kind]
}

/** A data folder whose routing table has the same model twice: native and in Python. */
export async function routing(from: ServingModels, shipped: EndpointRoute | undefined): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-predict-'))
  const { inputs, tensor } = await readInputs(from.dir('hgb'), null)
  const native: BackendRoute = { kind: 'native', dir: from.files('hgb').native?.dir ?? '' }
  const python: BackendRoute = {
    kind: 'python',
    dir: from.dir('hgb'),
    python: from.python,
    tensor,
    workers: 1,
    memory_mb: 2048,
  }
  const endpoint = (name: string, backend: BackendRoute): EndpointRoute => ({
    name,
    project: 'bench',
    model: 'hgb',
    salt: 's',
    threshold: null,
    breaker: BREAKER,
    variants: [{ role: 'stable', version: '1', weight: 0, since: 1, inputs, backend }],
    standby: [],
  })
  const endpoints = [
    endpoint('native', native),
    endpoint('python', python),
    ...(shipped === undefined ? [] : [shipped]),
  ]
  const whole: RoutingTable = { format: 'slipway.routing/1', epoch: 1, open: true, endpoints, tokens: [] }
  mkdirSync(join(folder, 'run'))
  writeFileSync(join(folder, 'run/routing.json'), JSON.stringify(whole))
  return folder
}
