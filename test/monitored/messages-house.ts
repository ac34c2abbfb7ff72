/** A house for messages about incidents: a receiver of webhooks, an endpoint that tells it of failed runs, on either database. */
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

import { monitoringApi, MonitorSettings } from '../../src/contract/monitoring.ts'
import { searchesApi } from '../../src/contract/tracking/searches.ts'
import { servingApi } from '../../src/contract/serving.ts'
import { startPostgres } from '../postgres.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'

/** What nobody may read: the path and the query of the address. */
export const SECRET = 'T0AAAAAAAsecretB0BBBB'
export const TOKEN = 'tok3nOfTheQuery'
/** The endpoint. */
export const NAME = 'told'
export const params = { name: NAME }

export interface Heard {
  readonly key: string
  readonly body: {
    readonly status: string
    readonly externalURL: string
    readonly alerts: readonly { readonly generatorURL: string }[]
  }
}

/** Takes messages with `status`, and keeps those that it took. */
export async function receiver(t: TestContext): Promise<{ url: string; heard: Heard[]; status: number }> {
  const server = http.createServer((request, reply) => {
    let text = ''
    request.on('data', (part) => (text += String(part)))
    request.on('end', () => {
      reply.statusCode = made.status
      if (made.status === 200)
        made.heard.push({ key: String(request.headers['idempotency-key']), body: JSON.parse(text) as Heard['body'] })
      // as a receiver does that repeats what it was asked for
      reply.end(`cannot ${request.method} ${request.url}`)
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  t.after(() => void server.close())
  const { port } = server.address() as AddressInfo
  const made = { url: `http://127.0.0.1:${port}/services/${SECRET}?token=${TOKEN}`, heard: [] as Heard[], status: 200 }
  return made
}

async function mlflow(server: TestServer, path: string, body: object) {
  const reply = await fetch(`${server.url}/api/2.0/mlflow/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return (await reply.json()) as { run: { info: { run_id: string } } }
}

/** A run that failed: what the watched search finds. Resolves to its id. */
export async function fail(server: TestServer, run_name: string): Promise<string> {
  const begun = await mlflow(server, 'runs/create', { experiment_id: '0', run_name, start_time: Date.now() })
  const { run_id } = begun.run.info
  await mlflow(server, 'runs/update', { run_id, status: 'FAILED', end_time: Date.now() })
  await lookAtOnce(server)
  return run_id
}

/** Takes a run away that failed. */
export async function forget(server: TestServer, run_id: string): Promise<void> {
  await mlflow(server, 'runs/delete', { run_id })
  await lookAtOnce(server)
}

/** An endpoint whose monitor watches failed runs and tells a webhook of them. */
export async function watchFailures({ client }: TestServer, webhook: string): Promise<void> {
  await client.call(servingApi.putEndpoint, { params, body: { project: 'default', model: 'm' } })
  await client.call(searchesApi.create, { body: { name: 'failures', filter: "attributes.status = 'FAILED'" } })
  const body = MonitorSettings.parse({ searches: [{ search: 'failures', more_than: 0 }], webhook })
  await client.call(monitoringApi.putMonitor, { params, body })
}

/** How the webhook does. */
export const route = async ({ client }: TestServer) =>
  (await client.call(monitoringApi.getMonitor, { params })).webhooks.find((one) => one.name === 'webhook')

/** Has watched searches and webhooks looked at now, and not within ten seconds: settings that are set again do that. */
export async function lookAtOnce({ client }: TestServer): Promise<void> {
  const { settings } = await client.call(monitoringApi.getMonitor, { params })
  await client.call(monitoringApi.putMonitor, { params, body: settings })
}

export type Database = 'SQLite' | 'PostgreSQL'

/** Servers on one data folder and one database, one after the other. */
export interface DataHouse {
  readonly data: string
  /** Undefined with SQLite. */
  readonly postgres: string | undefined
  readonly start: (env?: Record<string, string>) => Promise<TestServer>
}

export async function dataHouse(t: TestContext, database: Database): Promise<DataHouse> {
  const data = mkdtempSync(join(tmpdir(), 'slipway-messages-'))
  const postgres = database === 'PostgreSQL' ? await startPostgres() : undefined
  const started: TestServer[] = []
  t.after(async () => {
    for (const server of started) await server.kill()
    await postgres?.stop()
    rmSync(data, { recursive: true, force: true })
  })
  const url = postgres === undefined ? {} : { SLIPWAY_DATABASE_URL: postgres.url }
  return {
    data,
    postgres: postgres?.url,
    async start(env = {}) {
      const server = await startTestServer({ data, env: { SLIPWAY_EGRESS_ALLOW: '127.0.0.1', ...url, ...env } })
      started.push(server)
      return server
    },
  }
}

/** Starts servers on one data folder, one after the other. */
export async function house(
  t: TestContext,
  database: Database,
): Promise<(more?: Record<string, string>) => Promise<TestServer>> {
  const { start } = await dataHouse(t, database)
  return (more = {}) => start({ SLIPWAY_PAGES_URL: 'https://slipway.example.org/base/', ...more })
}
