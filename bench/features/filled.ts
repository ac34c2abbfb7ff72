/** Predictions whose twenty inputs the gateway looks up beside the same predictions whose inputs the request brings, by one load in turns. */
import { execFile } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Service, View } from '../../src/features/definitions/definitions.ts'
import { onlinePath } from '../../src/features/online/path.ts'
import { OnlineStore } from '../../src/features/online/store.ts'
import { endpointRoute, openTable, writeTable } from '../../src/gateway/gateway.fixture.ts'
import { readInputs } from '../../src/scoring/model/inputs.ts'
import { cachedFolder } from '../../test/cached-folder.ts'
import { testEnv } from '../../test/python-env.ts'
import { PACKAGES } from '../../test/serving-models.ts'
import { measured, ROOT, said, started, type Loaded, type Target } from '../load/loaded.ts'
import type { Options, Row } from '../table.ts'
import { median } from './figures.ts'
import { SERVICE, VIEW } from './stats.ts'

const CUSTOMERS = 10_000
const CLIENTS = 16
const TURNS = 5
/** What is to be reached, µs of CPU. */
const MOST_US = 60

const NAMES = Array.from({ length: 20 }, (_, i) => `f${i}`)
const TWENTY: View = {
  ...VIEW,
  created_time: null,
  features: NAMES.map((name) => ({ name, type: 'float', column: name })),
}
const ALL: Service = {
  ...SERVICE,
  columns: NAMES.map((name) => ({ name, type: 'float', of: { view: 'stats', feature: name } })),
}

/** The value of a feature, with as many digits as most have. */
const valueOf = (customer: number, feature: number): number =>
  ((customer * 7919 + feature * 104_729) % 1_000_003) / 1000

const run = promisify(execFile)

/** One row: what a prediction costs more where the gateway looks its inputs up. */
export async function filled(options: Options): Promise<Row[]> {
  const dataDir = mkdtempSync(join(tmpdir(), 'bench-filled-'))
  try {
    await prepare(dataDir)
    const asked = { dataDir, index: 0, host: '127.0.0.1', port: 0, reusePort: false, allowHosts: [], version: 'bench' }
    const gateway = await started(join(ROOT, 'src/gateway/main.ts'), JSON.stringify(asked))
    try {
      await requireSame(gateway)
      return [await beside(gateway, options)]
    } finally {
      await gateway.stop()
    }
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
}

/** A data folder with two endpoints of one model, and the features of all customers. */
async function prepare(dataDir: string): Promise<void> {
  const dir = await model()
  const { inputs } = await readInputs(join(dir, 'model'), null)
  const backend = { kind: 'native', dir: join(dir, 'native') } as const
  const features = { service: ALL.name, version: 1, definition: ALL, views: { stats: TWENTY } }
  const given = endpointRoute('given', inputs, backend)
  const looked = endpointRoute('looked', inputs, backend)
  const variants = looked.variants.map((variant) => ({ ...variant, features }))
  writeTable(dataDir, openTable([given, { ...looked, variants }]))
  mkdirSync(dirname(onlinePath(dataDir)), { recursive: true })
  const store = new OnlineStore(onlinePath(dataDir))
  try {
    const now = BigInt(Date.now()) * 1_000_000n
    const rows = Array.from({ length: CUSTOMERS }, (_, id) => ({
      entity: String(id),
      event: now,
      created: now,
      values: NAMES.map((_name, i) => valueOf(id, i)),
    }))
    store.push({ project: given.project, view: 'stats', version: 1 }, TWENTY, rows, now)
  } finally {
    store.close()
  }
}

/** The model, trained and lowered on first use. */
async function model(): Promise<string> {
  const python = await testEnv(PACKAGES)
  const program = join(import.meta.dirname, 'model.py')
  const root = join(ROOT, 'python')
  const scripts = [program, ...globSync(join(root, 'slipway/lower/**/*.py')).sort()]
  return cachedFolder({
    name: 'bench-features',
    python,
    scripts,
    async make(fresh) {
      mkdirSync(join(fresh, 'native'), { recursive: true })
      const env = { ...process.env, PYTHONPATH: root }
      await run(python, ['-B', program, join(fresh, 'model')], { env })
      await run(python, ['-B', '-m', 'slipway.lower', join(fresh, 'model'), join(fresh, 'native')], { env })
    },
  })
}

type Endpoint = 'given' | 'looked'

const pathOf = (endpoint: Endpoint): string => `/v1/endpoints/${endpoint}:predict`

const INPUTS: Readonly<Record<Endpoint, (customer: number) => Record<string, number>>> = {
  given: (customer) => Object.fromEntries(NAMES.map((name, i) => [name, valueOf(customer, i)])),
  looked: (customer) => ({ customer_id: customer }),
}

const bodyOf = (endpoint: Endpoint, customer: number): string => JSON.stringify({ inputs: INPUTS[endpoint](customer) })

/** Throws where both do not answer the same. */
async function requireSame({ port }: Target): Promise<void> {
  const [given, looked] = await Promise.all(
    (['given', 'looked'] as const).map(async (endpoint) => {
      const response = await fetch(`http://127.0.0.1:${port}${pathOf(endpoint)}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: bodyOf(endpoint, 42),
      })
      const text = await response.text()
      if (!response.ok) throw new Error(`${endpoint}: ${response.status} ${text.slice(0, 200)}`)
      return JSON.stringify((JSON.parse(text) as { predictions: unknown }).predictions)
    }),
  )
  if (given !== looked) throw new Error(`with given inputs ${given} is predicted, and with those looked up ${looked}`)
}

/** In short turns, for what the machine does beside is to meet both; the difference of each pair counts. */
async function beside(gateway: Target, options: Options): Promise<Row> {
  const load = (endpoint: Endpoint): Promise<Loaded> => {
    const bodies = Array.from({ length: 500 }, (_, i) => bodyOf(endpoint, (i * 7919) % CUSTOMERS))
    return measured(gateway, { path: pathOf(endpoint), bodies, clients: CLIENTS }, options)
  }
  const pairs: { given: Loaded; looked: Loaded }[] = []
  for (let turn = 0; turn < TURNS; turn++) pairs.push({ given: await load('given'), looked: await load('looked') })
  const more = median(pairs.map(({ given, looked }) => looked.cpuUs - given.cpuUs))
  const last = pairs.at(-1) as (typeof pairs)[number]
  return {
    name: `predict with 20 features looked up, ${CLIENTS} clients`,
    measured: `${more.toFixed(0)} µs CPU more (${said(last.looked)})`,
    target: `≤ ${MOST_US} µs CPU more than with values given`,
    beside: `with values given: ${said(last.given)}`,
    ok: more <= MOST_US && pairs.every(({ given, looked }) => given.refused + looked.refused === 0),
    figures: { more_us: more, pairs },
  }
}
