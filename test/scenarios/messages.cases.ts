/** Messages about incidents over real HTTP: a dead webhook is seen and catches up, and the secret of its address is nowhere to be read. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, test } from 'node:test'
import { monitoringApi } from '../../src/contract/monitoring.ts'
import { servingApi } from '../../src/contract/serving.ts'
import {
  fail,
  forget,
  house,
  lookAtOnce,
  NAME,
  params,
  receiver,
  route,
  SECRET,
  TOKEN,
  watchFailures,
} from '../monitored/messages-house.ts'
import type { Database } from '../monitored/messages-house.ts'
import type { TestServer } from '../server.ts'
import { until } from '../until.ts'

/** What a command of the command line prints. */
function slipway(server: TestServer, args: readonly string[]): string {
  const env = { ...process.env, SLIPWAY_DATA: server.data }
  const main = resolve(import.meta.dirname, '../../src/cli/main.ts')
  const { stdout, stderr } = spawnSync(process.execPath, [main, ...args], { env, encoding: 'utf8', timeout: 120_000 })
  return stdout + stderr
}

/** The cases on one kind of database. */
export function messageCases(database: Database): void {
  describe(`messages on ${database}`, () => {
    test('a dead webhook is seen, its messages outlive a kill and arrive when it is back', async (t) => {
      const to = await receiver(t)
      const start = await house(t, database)
      let server = await start()
      await watchFailures(server, to.url)
      to.status = 500
      const run = await fail(server, 'night-1')
      const failing = await until('the webhook to fail', async () => {
        const state = await route(server)
        return state?.state === 'failing' ? state : undefined
      })
      await lookAtOnce(server)
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
      await lookAtOnce(server)
      await until('the end of the alarm', async () => {
        const { items } = await server.client.call(monitoringApi.listIncidents, { query: { endpoint: NAME } })
        return items.find((one) => one.kind === 'notification' && one.state === 'resolved')
      })
      assert.equal((await route(server))?.state, 'ok')
      assert.equal(new Set(to.heard.map(({ key }) => key)).size, to.heard.length, 'no change was told twice')
      await lookAtOnce(server)
      await forget(server, run)
      await until('the next message', () => to.heard[1])
      const told = to.heard.map(({ body }) => body.status)
      assert.deepEqual(told, ['firing', 'resolved'], 'and none without a change')
    })

    test('a refused message is listed, and sent again on demand', async (t) => {
      const to = await receiver(t)
      const server = await (await house(t, database))()
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
