/** Endpoints that answer flights of six rows an hour, with the reference tables that their versions have: a real server, gateway and model. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { auditLog } from '../../src/auth/audit.ts'
import { SYSTEM } from '../../src/auth/tokens.ts'
import type { Watched } from '../../src/contract/endpoint-view.ts'
import { HOUR_MS, makeIds } from '../../src/contract/ids.ts'
import { monitoringApi } from '../../src/contract/monitoring.ts'
import { servingApi } from '../../src/contract/serving.ts'
import { requestOf } from '../../src/envs/request.ts'
import { envsRoom } from '../../src/envs/room.ts'
import { registerVersion } from '../../src/registry/versions/register.ts'
import { prng } from '../../src/stats/prng.ts'
import type { Prng } from '../../src/stats/prng.ts'
import { putTree } from '../../src/store/blobs/trees.ts'
import { openStore } from '../../src/store/open.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { PACKAGES, servingModels } from '../serving-models.ts'
import { until as waits } from '../until.ts'

/** A Monday; 20 weeks of training rows, then live ones. Hours are counted from it. */
export const START = Date.UTC(2025, 0, 6)
export const TRAINED = 20 * 7 * 24

const CARRIERS = ['AA', 'B6', 'DL', 'EV', 'UA']

export interface Row {
  readonly distance: number
  readonly temp: number | null
  readonly dewp: number
  readonly hour: number
  readonly carrier: string
}

/** About six rows of each of so many hours: fewer at night, weather of one value an hour. The same at each call. */
export function flights(hours: number): Row[][] {
  const random = prng(4711)
  const fronts = Array.from({ length: 200 }, () => 4 * random.normal())
  return Array.from({ length: hours }, (_, hour) => rowsOf(hour, random, fronts))
}

function rowsOf(hour: number, random: Prng, fronts: readonly number[]): Row[] {
  const day = hour / 24
  const busy = 6 * (1 + 0.7 * Math.sin(((hour % 24) - 9) * (Math.PI / 12)))
  const n = Math.floor(busy + random.uniform())
  const [a = 0, b = 0] = [fronts[Math.floor(day)], fronts[Math.floor(day) + 1]]
  const air =
    50 + 18 * Math.sin((day - 100) / 58) + 8 * Math.sin(((hour % 24) - 9) * (Math.PI / 12)) + a + (b - a) * (day % 1)
  return Array.from({ length: n }, () => {
    const temp = Math.round(10 * (air + random.normal())) / 10
    return {
      distance: 100 * (1 + random.below(20)),
      temp: random.uniform() < 0.02 ? null : temp,
      dewp: Math.round(10 * (temp - 12)) / 10,
      hour: hour % 24,
      carrier: CARRIERS[random.below(5)] ?? 'AA',
    }
  })
}

const cells = (row: Row): string => [row.distance, row.temp ?? '', row.dewp, row.hour, row.carrier].join(',')
const HEADER = 'distance,temp,dewp,hour,carrier'

/** A reference table of the last of the training hours, with their times. */
export function timed(trained: readonly (readonly Row[])[]): string {
  const from = TRAINED - trained.length
  const lines = trained.flatMap((rows, i) =>
    rows.map((row, k) => `${START + (from + i) * HOUR_MS + k * 60_000},${cells(row)}`),
  )
  return `event_time,${HEADER}\n${lines.join('\n')}\n`
}

/** A reference table without times. */
export function untimed(rows: readonly Row[]): string {
  return `${HEADER}\n${rows.map(cells).join('\n')}\n`
}

export interface WatchedHouse {
  readonly server: TestServer
  readonly data: string
  monitor(name: string): ReturnType<typeof monitorOf>
  watched(name: string): Promise<Watched>
  incidents(endpoint: string): ReturnType<typeof incidentsOf>
  /** Sends rows in one request; without times when they came counts. Times are ms. */
  predict(name: string, inputs: readonly Row[], event_time?: readonly number[]): Promise<void>
  /** Sends hours of rows, a day a request; `from` is the first hour. */
  send(name: string, hours: readonly (readonly Row[])[], from: number): Promise<void>
  judgedUntil(name: string, hour: number): Promise<void>
  /** As the one of all tests, and tells what the server has written as well. */
  until(what: string, holds: () => Promise<boolean>): Promise<unknown>
  close(): Promise<void>
}

const monitorOf = ({ client }: TestServer, name: string) => client.call(monitoringApi.getMonitor, { params: { name } })
const incidentsOf = async ({ client }: TestServer, endpoint: string) =>
  (await client.call(monitoringApi.listIncidents, { query: { endpoint } })).items

/** Starts the house with an endpoint for each reference table (null: a version without one), each of which answers. */
export async function watchedHouse(tables: Readonly<Record<string, string | null>>): Promise<WatchedHouse> {
  const data = mkdtempSync(join(tmpdir(), 'slipway-watched-'))
  await register(data, tables)
  const server = await startTestServer({ data, gateways: 1 })
  const until: WatchedHouse['until'] = (what, holds) => waits(() => `${what}\n${server.errors().slice(-2000)}`, holds)
  async function predict(name: string, inputs: readonly Row[], event_time?: readonly number[]): Promise<void> {
    const reply = await fetch(`${server.gatewayUrl}/v1/endpoints/${name}:predict`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ inputs, event_time }),
    })
    assert.equal(reply.status, 200, await reply.text())
  }
  for (const name of Object.keys(tables))
    await until(`${name} to answer`, async () => {
      const { items } = await server.client.call(servingApi.listEndpoints)
      const isStable = items.some(
        (one) => one.name === name && one.variants.some(({ role, fault }) => role === 'stable' && fault === null),
      )
      // a moment passes until the gateway has heard of it
      return isStable && (await isReady(server, name))
    })
  const monitor = (name: string) => monitorOf(server, name)
  return {
    server,
    data,
    until,
    predict,
    monitor,
    watched: async (name) => (await monitor(name)).watched,
    incidents: (endpoint) => incidentsOf(server, endpoint),
    async send(name, hours, from) {
      for (let i = 0; i < hours.length; i += 24) {
        const day = hours.slice(i, i + 24)
        await predict(
          name,
          day.flat(),
          day.flatMap((rows, k) => rows.map((_, n) => START + (from + i + k) * HOUR_MS + n * 60_000)),
        )
      }
    },
    async judgedUntil(name, hour) {
      const time = new Date(START + hour * HOUR_MS).toISOString()
      const isJudged = async (): Promise<boolean> => ((await monitor(name)).evaluated_until ?? '') >= time
      await until(`${name} to be judged until ${time}`, isJudged)
    },
    async close() {
      await server.stop()
      rmSync(data, { recursive: true, force: true })
    },
  }
}

async function isReady({ gatewayUrl, token }: TestServer, name: string): Promise<boolean> {
  const headers = { authorization: `Bearer ${token}` }
  return (await fetch(`${gatewayUrl}/v2/models/${name}/ready`, { headers })).ok
}

/** A version for each endpoint as a pipeline leaves it, with a hold-out of the outcomes 0 and 1. */
async function register(data: string, tables: Readonly<Record<string, string | null>>): Promise<void> {
  const models = await servingModels()
  const store = await openStore({ dataDir: data })
  const clock = Date.now
  const { envs } = envsRoom({ db: store.db, clock })
  const lock = await envs.resolve(
    await requestOf({ requires: '>=3.10', packages: PACKAGES }, () => Promise.resolve(undefined)),
  )
  const ids = makeIds(clock, randomBytes)
  const room = { ...store, clock, ids, audit: auditLog(clock), modelsDir: join(data, 'models') }
  const file = join(data, 'table.csv')
  const tree = async (text: string): Promise<string> => {
    writeFileSync(file, text)
    return (await putTree(store.blobs, file)).digest
  }
  const holdout = `y,score\n${Array.from({ length: 100 }, (_, i) => `${i % 2},0.${(i % 9) + 1}\n`).join('')}`
  for (const [name, table] of Object.entries(tables))
    await registerVersion(room, SYSTEM, {
      project: 'flights',
      model: name,
      tree: (await putTree(store.blobs, models.dir('hgb'))).digest,
      run_id: null,
      pipeline_run_id: null,
      metrics: { roc_auc: 0.8 },
      data: [],
      environment: lock.digest,
      evaluation: await tree(holdout),
      holdout: null,
      reference: table === null ? null : await tree(table),
      gates: [],
      deployment: { endpoint: name, project: 'flights', plan: null, monitor: {} },
    })
  // the native form is there already: to lower the same model anew for each endpoint would cost more than all that is tested here
  const native = (await putTree(store.blobs, `${models.dir('hgb')}.native`)).digest
  await store.db.tx((t) =>
    t.run(
      "UPDATE model_versions SET lowering_state = 'native', lowering_probes = 1000, lowering_ulp = 0, lowering_tree = ?",
      [native],
    ),
  )
  await store.db.close()
}
