/** Messages about incidents over real HTTP: they survive kills, arrive under one id, and the secret of their address is nowhere to be read. */
import assert from 'node:assert/strict'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { monitoringApi, MonitorSettings } from '../../src/contract/monitoring.ts'
import { searchesApi } from '../../src/contract/searches.ts'
import { servingApi } from '../../src/contract/serving.ts'
import { startPostgres } from '../postgres.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'

const SECRET = 'T0AAAAAAAsecretB0BBBB'
const TOKEN = 'tok3nOfTheQuery'
const NAME = 'told'
const params = { name: NAME }

interface Heard {
  readonly key: string
  readonly body: {
    readonly status: string
    readonly externalURL: string
    readonly alerts: readonly { readonly generatorURL: string }[]
  }
}

async function receiver(t: TestContext): Promise<{ url: string; heard: Heard[]; status: number }> {
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

async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (let tries = 0; tries < 900; tries++) {
    const found = await look()
    if (found !== undefined) return found
    await delay(100)
  }
  throw new Error(`waited in vain for ${what}`)
}

/** A run that failed: what the watched search finds. */
async function fail(server: TestServer, run_name: string): Promise<string> {
  const call = async (path: string, body: object) =>
    (
      await fetch(`${server.url}/api/2.0/mlflow/${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    ).json() as Promise<{ run: { info: { run_id: string } } }>
  const { run_id } = (await call('runs/create', { experiment_id: '0', run_name, start_time: Date.now() })).run.info
  await call('runs/update', { run_id, status: 'FAILED', end_time: Date.now() })
  return run_id
}

/** What a command of the command line prints. */
function slipway(server: TestServer, args: readonly string[]): string {
  const env = { ...process.env, SLIPWAY_DATA: server.data }
  const main = resolve(import.meta.dirname, '../../src/cli/main.ts')
  const { stdout, stderr } = spawnSync(process.execPath, [main, ...args], { env, encoding: 'utf8', timeout: 60_000 })
  return stdout + stderr
}

/** An endpoint whose monitor watches failed runs and tells a webhook of them. */
async function watchFailures({ client }: TestServer, webhook: string): Promise<void> {
  await client.call(servingApi.putEndpoint, { params, body: { project: 'default', model: 'm' } })
  await client.call(searchesApi.create, { body: { name: 'failures', filter: "attributes.status = 'FAILED'" } })
  const body = MonitorSettings.parse({ searches: [{ search: 'failures', more_than: 0 }], webhook })
  await client.call(monitoringApi.putMonitor, { params, body })
}

const route = async ({ client }: TestServer) =>
  (await client.call(monitoringApi.getMonitor, { params })).webhooks.find((one) => one.name === 'webhook')

for (const database of ['SQLite', 'PostgreSQL'] as const) {
  describe(`messages on ${database}`, { timeout: 300_000 }, () => {
    const env = { SLIPWAY_EGRESS_ALLOW: '127.0.0.1', SLIPWAY_PAGES_URL: 'https://slipway.example.org/base/' }

    /** Starts servers on one data folder, one after the other. */
    async function house(t: TestContext): Promise<(more?: Record<string, string>) => Promise<TestServer>> {
      const data = mkdtempSync(join(tmpdir(), 'slipway-messages-'))
      const postgres = database === 'PostgreSQL' ? await startPostgres() : undefined
      const started: TestServer[] = []
      t.after(async () => {
        for (const server of started) await server.kill()
        await postgres?.stop()
        rmSync(data, { recursive: true, force: true })
      })
      return async (more = {}) => {
        const url = postgres === undefined ? {} : { SLIPWAY_DATABASE_URL: postgres.url }
        const server = await startTestServer({ data, env: { ...env, ...url, ...more } })
        started.push(server)
        return server
      }
    }

    test('a dead webhook is seen, its messages outlive a kill and arrive when it is back', async (t) => {
      const to = await receiver(t)
      const start = await house(t)
      let server = await start()
      await watchFailures(server, to.url)
      to.status = 500
      await fail(server, 'night-1')
      const failing = await until('the webhook to fail', async () => {
        const state = await route(server)
        return state?.state === 'failing' ? state : undefined
      })
      assert.ok(failing.waiting >= 1 && failing.to.endsWith('/***'), JSON.stringify(failing))
      const alarm = await until('the incident of the webhook', async () => {
        const { items } = await server.client.call(monitoringApi.listIncidents, { query: { endpoint: NAME } })
        return items.find((one) => one.kind === 'notification')
      })
      assert.match(alarm.title, /^the webhook takes no messages: it answered with status 500/)
      const metrics = await (await server.client.open(monitoringApi.metrics)).text()
      assert.match(metrics, /slipway_webhook_failing\{endpoint="told",webhook="webhook"\} 1/)
      assert.match(metrics, /slipway_messages\{endpoint="told",webhook="webhook",state="waiting"\} [1-9]/)
      assert.match(slipway(server, ['doctor']), /FAIL Webhooks: these take no messages: webhook of told/)
      assert.match(
        slipway(server, ['messages', NAME]),
        /failing, [1-9]\d* waiting, 0 given up: it answered with status 500/,
      )
      await nothingTells(server)
      await server.kill()
      to.status = 200
      server = await start()
      const first = await until('the message', () => to.heard[0])
      assert.equal(first.body.status, 'firing')
      assert.match(first.body.alerts[0]?.generatorURL ?? '', /^https:\/\/slipway\.example\.org\/base\/incidents\/inc_/)
      await until('the end of the alarm', async () => {
        const { items } = await server.client.call(monitoringApi.listIncidents, { query: { endpoint: NAME } })
        return items.find((one) => one.kind === 'notification' && one.state === 'resolved')
      })
      assert.equal((await route(server))?.state, 'ok')
      assert.equal(new Set(to.heard.map(({ key }) => key)).size, to.heard.length, 'no change was told twice')
      await delay(3000)
      assert.equal(to.heard.length, 1, 'and none without a change')
    })

    test('a refused message is listed, and sent again on demand', async (t) => {
      const to = await receiver(t)
      const server = await (await house(t))()
      await watchFailures(server, to.url)
      to.status = 410
      await fail(server, 'night-1')
      const dead = await until('the dead letter', async () => {
        const { items } = await server.client.call(monitoringApi.listNotices, { params, query: { state: 'dead' } })
        return items[0]
      })
      assert.equal(dead.last_status, 410)
      to.status = 200
      await server.client.call(monitoringApi.resendNotice, { params: { ...params, id: dead.id }, body: {} })
      const heard = await until('the message', () => to.heard[0])
      assert.equal(heard.key, dead.id)
      await nothingTells(server)
    })

    for (const [point, times] of [
      // killed after the change was committed and before anything was sent
      ['jobs.claimed', 1],
      // killed after the receiver had it and before that was noted
      ['notices.sent', 2],
      ['notices.noted', 1],
    ] as const) {
      test(`a kill at ${point} loses no message, and a copy has its id`, async (t) => {
        const to = await receiver(t)
        const start = await house(t)
        const calm = await start()
        await watchFailures(calm, to.url)
        await calm.stop()
        const doomed = await start({ SLIPWAY_TEST_HOOKS: '1', SLIPWAY_FAULT: point })
        await fail(doomed, 'night-1').catch((error: unknown) => assert.ok(error instanceof TypeError, String(error)))
        await doomed.ended()
        const server = await start()
        await until('the message', () => to.heard[times - 1])
        await until('nothing to wait', async () => ((await route(server))?.waiting === 0 ? true : undefined))
        assert.deepEqual([to.heard.length, new Set(to.heard.map(({ key }) => key)).size], [times, 1])
      })
    }

    /** Neither the path nor the query of the address is in any answer, page, log or list. */
    async function nothingTells(server: TestServer): Promise<void> {
      const { items } = await server.client.call(servingApi.listEndpoints)
      const { client } = server
      const said: unknown[] = [
        items,
        await client.call(servingApi.getEndpoint, { params }),
        await client.call(monitoringApi.getMonitor, { params }),
        await client.call(monitoringApi.listIncidents, { query: {} }),
        await client.call(monitoringApi.listNotices, { params, query: {} }),
        await (await client.open(monitoringApi.metrics)).text(),
        server.errors(),
      ]
      for (const path of ['/v1/audit', `/endpoints/${NAME}`, '/v1/server'])
        said.push(
          await (await fetch(server.url + path, { headers: { authorization: `Bearer ${server.token}` } })).text(),
        )
      const backup = join(server.data, '..', `${server.pid}.backup`)
      for (const args of [['doctor'], ['endpoints'], ['incidents'], ['messages', NAME], ['backup', backup]])
        said.push(slipway(server, args))
      rmSync(backup, { recursive: true, force: true })
      for (const one of said) assert.doesNotMatch(JSON.stringify(one), new RegExp(`${SECRET}|${TOKEN}`))
      // settings that are given back as they were shown keep the address
      const { settings } = await client.call(monitoringApi.getMonitor, { params })
      await client.call(monitoringApi.putMonitor, { params, body: settings })
      assert.equal((await route(server))?.to, settings.webhook)
      await assert.rejects(
        client.call(monitoringApi.putMonitor, {
          params,
          body: { ...settings, webhook: 'https://other.example.org/***' },
        }),
        { code: 'invalid_field' },
      )
    }
  })
}
