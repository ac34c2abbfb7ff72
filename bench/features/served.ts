/** Features over HTTP: read from a `slipway serve` of its own and from `feast serve`, by the same load. */
import { setTimeout as sleep } from 'node:timers/promises'
import { join } from 'node:path'
import { featuresApi } from '../../src/contract/features/catalogue.ts'
import { featureJobsApi } from '../../src/contract/features/jobs.ts'
import { FeaturesSection } from '../../src/contract/features/section.ts'
import { startTestServer, type TestServer } from '../../test/server.ts'
import { measured, said, type Loaded, type Target } from '../load/loaded.ts'
import type { Options, Row } from '../table.ts'
import { FEAST, type Feasts, type Peer } from './feast.ts'
import { faultOf } from './figures.ts'
import { post } from './post.ts'
import { pushRow } from './pushed.ts'
import { CUSTOMERS, NAMES } from './stats.ts'

const MANY = 100
/** It answers so few requests that a shorter load says nothing. */
const FEAST_SECONDS = 4
/** A job that is not over by then has failed. */
const JOB_MS = 120_000

const floats = Object.fromEntries(NAMES.map((name) => [name, 'float'] as const))
const SECTION = FeaturesSection.parse({
  entities: { customer: { keys: { customer_id: 'int' } } },
  views: {
    stats: {
      entities: ['customer'],
      source: 'stats',
      event_time: 'event_timestamp',
      created_time: 'created',
      features: floats,
    },
    pushed: { entities: ['customer'], push: true, event_time: 'at', features: floats },
  },
  services: { all: { features: ['stats'] }, pushed: { features: ['pushed'] } },
})

/** How rows are asked for, of customers with these numbers. */
interface Form {
  readonly path: string
  readonly body: (customers: readonly number[]) => unknown
}

const OURS: Form = {
  path: '/v1/features:read',
  body: (customers) => ({ service: 'all', entities: customers.map((id) => ({ customer_id: id })) }),
}
const asFeast = (path: string): Form => ({
  path,
  body: (customers) => ({ features: NAMES.map((name) => `stats:${name}`), entities: { customer_id: customers } }),
})
const OUR_FEAST = asFeast('/feast/default/get-online-features')
const FEASTS = asFeast('/get-online-features')

interface Case {
  readonly name: string
  readonly form: Form
  readonly rows: number
  readonly clients: number
  readonly target: string
  /** Null where there is nothing to reach. */
  readonly reached: (result: Loaded) => boolean | null
  /** Beside the peer that has the same load. */
  readonly beside: boolean
}

const informs = { target: '', reached: () => null, beside: true, form: OURS, rows: 1 }
const one = 'read 1 row × 10 features over HTTP'
const CASES: readonly Case[] = [
  { ...informs, name: `${one}, 1 client`, clients: 1 },
  {
    ...informs,
    name: `${one}, 16 clients`,
    clients: 16,
    target: '≥ 5,000 req/s, p99 ≤ 5 ms',
    reached: ({ perSecond, p99 }) => perSecond >= 5000 && p99 <= 5,
  },
  { ...informs, name: `${one}, 64 clients`, clients: 64, target: 'no error', reached: () => true },
  { ...informs, name: `${one} as Feast asks for them, 16 clients`, clients: 16, form: OUR_FEAST, beside: false },
  {
    ...informs,
    name: `read ${MANY} rows × 10 features over HTTP, 16 clients`,
    rows: MANY,
    clients: 16,
    target: '≥ 500 req/s',
    reached: ({ perSecond }) => perSecond >= 500,
  },
]

/** Reads and pushes; `folder` has the rows, of which the peer has materialised the same. */
export async function served(folder: string, peer: Peer, options: Options): Promise<Row[]> {
  const server = await startTestServer({ env: { SLIPWAY_SOURCE_FOLDERS: folder, SLIPWAY_LOG_LEVEL: 'fatal' } })
  try {
    await fill(server, folder)
    await requireValues(server)
    const feast = await feastServer(peer)
    try {
      const rows: Row[] = []
      for (const of of CASES) rows.push(await readRow(of, server, feast, options))
      return [...rows, await pushRow(server, feast)]
    } finally {
      await feast.server?.stop()
    }
  } finally {
    await server.stop()
  }
}

/** The definitions, and the rows in the online store. */
async function fill({ client }: TestServer, folder: string): Promise<void> {
  const sources = { stats: { file: join(folder, 'stats.parquet'), table: 'parquet' } }
  await client.call(featuresApi.applyFeatures, { body: { features: SECTION, sources } })
  const { id } = await client.call(featureJobsApi.materialiseFeatures, { params: { name: 'stats' }, body: {} })
  const deadline = performance.now() + JOB_MS
  while (performance.now() < deadline) {
    const { state, reason } = await client.call(featureJobsApi.getFeatureJob, { params: { id } })
    if (state === 'done') return
    if (state === 'failed' || state === 'canceled') throw new Error(`the rows were not materialised: ${reason}`)
    await sleep(100)
  }
  throw new Error(`the rows were not materialised within ${JOB_MS} ms`)
}

/** Throws where customers have no features: then nothing would be measured. */
async function requireValues({ url, token }: TestServer): Promise<void> {
  const customers = Array.from({ length: MANY }, (_, i) => i)
  const answers = [OURS, OUR_FEAST].map(({ path, body }) =>
    post(`${url}${path}`, body(customers), { authorization: `Bearer ${token}` }),
  )
  const [own, feasts] = (await Promise.all(answers)) as [
    { rows: { features: { f9?: unknown } }[] },
    { results: { values: unknown[] }[] },
  ]
  const columns = [own.rows.map(({ features }) => features.f9), feasts.results.at(-1)?.values ?? []]
  for (const column of columns) {
    const found = column.filter((value) => typeof value === 'number').length
    if (found < MANY / 2) throw new Error(`only ${found} of ${MANY} customers have values`)
  }
}

async function feastServer({ feast, fault }: Peer): Promise<Feasts> {
  if (feast === undefined) return { fault }
  try {
    return { server: await feast.serve(), fault: '' }
  } catch (error) {
    return { fault: faultOf(error) }
  }
}

/** Bodies of other customers each. */
function bodiesOf({ body }: Form, rows: number): string[] {
  return Array.from({ length: 500 }, (_, i) =>
    JSON.stringify(body(Array.from({ length: rows }, (_row, j) => (i * 7919 + j * 104_729) % CUSTOMERS))),
  )
}

async function readRow(of: Case, server: TestServer, feast: Feasts, options: Options): Promise<Row> {
  const { name, form, rows, clients, target } = of
  const own = { port: Number(new URL(server.url).port), pids: [server.pid] }
  const headers = { authorization: `Bearer ${server.token}` }
  const result = await measured(own, { path: form.path, bodies: bodiesOf(form, rows), clients, headers }, options)
  const other = of.beside ? await feastLoad(of, feast, options) : undefined
  const reached = of.reached(result)
  return {
    name,
    measured: said(result),
    target,
    beside: besideOf(other, result),
    ok: reached === null ? null : reached && result.refused === 0,
    figures: { ...result, feast: other },
  }
}

function besideOf(other: Loaded | string | undefined, { perSecond }: Loaded): string {
  if (other === undefined) return ''
  if (typeof other === 'string') return `${FEAST}: ${other}`
  return `\`feast serve\`: ${said(other)} (ours ${Number((perSecond / other.perSecond).toPrecision(2))} times as many)`
}

/** The same load on Feast's server; a text where it could not be measured. */
async function feastLoad(
  { rows, clients }: Case,
  { server, fault }: Feasts,
  options: Options,
): Promise<Loaded | string> {
  if (server === undefined) return fault
  const target: Target = { port: server.port, pids: server.pids() }
  const load = { path: FEASTS.path, bodies: bodiesOf(FEASTS, rows), clients }
  try {
    return await measured(target, load, { ...options, seconds: Math.max(FEAST_SECONDS, options.seconds) })
  } catch (error) {
    return `with ${clients} clients: ${faultOf(error)}`
  }
}
