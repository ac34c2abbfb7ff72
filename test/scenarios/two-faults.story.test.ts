/** Two faults under one incident as a server shows and tells them: API, figures, command line, and each webhook by its severity. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { monitoringApi } from '../../src/contract/monitoring.ts'
import { addEndpoint } from '../../src/monitoring/endpoint.cases.ts'
import { FIRST, kilometres, utc, watch } from '../../src/monitoring/rounds/feed.fixture.ts'
import { openStore } from '../../src/store/open.ts'
import { startTestServer } from '../server.ts'
import { until } from '../until.ts'

/** Nine in the morning of the third live day. */
const FAULT = FIRST + 2 * 24 + 9

interface Message {
  readonly status: string
  readonly commonLabels: { readonly severity: string }
  readonly commonAnnotations: { readonly summary: string; readonly causes: string }
}

test('the second fault is seen wherever people look, and wakes who is woken', async (t) => {
  const heard: [path: string, Message][] = []
  const receiver = http.createServer((request, reply) => {
    let text = ''
    request.on('data', (part) => (text += String(part)))
    request.on('end', () => {
      heard.push([request.url ?? '', JSON.parse(text) as Message])
      reply.end()
    })
  })
  await new Promise<void>((done) => receiver.listen(0, '127.0.0.1', done))
  const { port } = receiver.address() as AddressInfo
  const data = mkdtempSync(join(tmpdir(), 'slipway-two-faults-'))
  let end = async (): Promise<unknown> => undefined
  t.after(async () => {
    await end()
    receiver.close()
    rmSync(data, { recursive: true, force: true })
  })

  // the evaluator that found them is gone before anything was sent
  const store = await openStore({ dataDir: data })
  const to = `http://127.0.0.1:${port}`
  await addEndpoint(store.db, 'e', {
    webhook: `${to}/pager`,
    webhooks: [{ name: 'chat', url: `${to}/chat`, from: 'low' }],
  })
  const metrics = { 'importance.sched_hour': 0.05, 'importance.distance': 0.0001 }
  const watched = await watch(store.db, { metrics })
  await watched.live(FIRST, FAULT)
  await watched.live(FAULT, FAULT + 6, kilometres)
  await watched.live(FAULT + 6, FAULT + 12, (row) => utc(kilometres(row)))
  const { id } = await watched.only()
  await store.db.close()

  const server = await startTestServer({ data, env: { SLIPWAY_EGRESS_ALLOW: '127.0.0.1' } })
  end = () => server.stop()
  const incident = await server.client.call(monitoringApi.getIncident, { params: { id } })
  assert.deepEqual([incident.severity, incident.times_paged, incident.causes.length], ['high', 1, 2])
  assert.match(incident.title, /^sched_hour moved by \+5 h/)
  const [grave, mild] = incident.causes
  assert.deepEqual([grave?.severity, mild?.severity, mild?.title], ['high', 'low', 'unit changed mi → km, distance'])
  assert.ok((mild?.began_event_time ?? '') < (grave?.began_event_time ?? ''), 'each has its own beginning')
  const figures = await (await server.client.open(monitoringApi.metrics)).text()
  for (const severity of ['high', 'low'])
    assert.ok(figures.includes(`slipway_incident_causes_open{endpoint="e",severity="${severity}"} 1`), figures)
  const main = resolve(import.meta.dirname, '../../src/cli/main.ts')
  const env = { ...process.env, SLIPWAY_DATA: data }
  const { stdout } = spawnSync(process.execPath, [main, 'incidents', id], { env, encoding: 'utf8', timeout: 120_000 })
  assert.match(
    stdout,
    /1\. sched_hour moved by \+5 h.*, high, since .*\n.*2\. unit changed mi → km, distance .*, low, since /,
  )

  await until(
    () => `three messages: ${JSON.stringify(heard)}`,
    () => heard.length >= 3,
  )
  const told = (path: string) =>
    heard
      .filter(([at]) => at === path)
      .map(([, { status, commonLabels, commonAnnotations }]) => [
        status,
        commonLabels.severity,
        commonAnnotations.causes,
      ])
  const hour = 'sched_hour moved by +5 h: another time zone or UTC'
  const km = 'unit changed mi → km, distance'
  assert.deepEqual(told('/chat'), [
    ['firing', 'low', km],
    ['firing', 'high', `${hour}; ${km}`],
  ])
  assert.deepEqual(told('/pager'), [['firing', 'high', `${hour}; ${km}`]])
})
