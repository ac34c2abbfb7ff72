/** A saved search that the UI and the command line know is watched by a monitor: real runs open an incident, and end it. */
import assert from 'node:assert/strict'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { monitoringApi, MonitorSettings } from '../../src/contract/monitoring.ts'
import { searchesApi } from '../../src/contract/tracking/searches.ts'
import { servingApi } from '../../src/contract/serving.ts'
import { startTestServer } from '../server.ts'
import { until } from '../until.ts'

test('runs that a watched search finds are an incident, told to the webhook', async (t) => {
  const heard: string[] = []
  const receiver = http.createServer((request, reply) => {
    request.on('data', (part) => heard.push(String(part)))
    request.on('end', () => reply.end())
  })
  await new Promise<void>((done) => receiver.listen(0, '127.0.0.1', done))
  const server = await startTestServer({ env: { SLIPWAY_EGRESS_ALLOW: '127.0.0.1' } })
  t.after(async () => {
    receiver.close()
    await server.stop()
  })
  const { client } = server
  const mlflow = async (path: string, body: unknown): Promise<{ run: { info: { run_id: string } } }> => {
    const reply = await fetch(`${server.url}/api/2.0/mlflow/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    assert.equal(reply.status, 200, path)
    return (await reply.json()) as { run: { info: { run_id: string } } }
  }
  const failed = async (run_name: string): Promise<string> => {
    const { run_id } = (await mlflow('runs/create', { experiment_id: '0', run_name, start_time: Date.now() })).run.info
    await mlflow('runs/update', { run_id, status: 'FAILED', end_time: Date.now() })
    return run_id
  }
  const incident = (state: string, title: RegExp) =>
    until(`an incident that is ${state}, with ${title}`, async () => {
      const { items } = await client.call(monitoringApi.listIncidents, { query: {} })
      return items.find((each) => each.state === state && title.test(each.title))
    })
  const params = { name: 'watched' }
  await client.call(servingApi.putEndpoint, { params, body: { project: 'default', model: 'm' } })
  const { port } = receiver.address() as AddressInfo
  const settings = (searches: { search: string; more_than: number }[]) =>
    MonitorSettings.parse({ searches, webhook: `http://127.0.0.1:${port}/` })
  const watch = (search: string, more_than = 1) =>
    client.call(monitoringApi.putMonitor, { params, body: settings([{ search, more_than }]) })

  await assert.rejects(watch('failures'), { status: 404 })
  await client.call(searchesApi.create, { body: { name: 'tries', entity: 'experiments' } })
  await assert.rejects(watch('tries'), { status: 400 })
  await client.call(searchesApi.create, { body: { name: 'failures', filter: "attributes.status = 'FAILED'" } })
  assert.deepEqual((await watch('failures')).searches, [{ search: 'failures', more_than: 1 }])
  const [one, two] = [await failed('night-1'), await failed('night-2')]
  const found = await incident('open', /^2 runs, more than 1, found by "failures": night-2, night-1$/)
  assert.equal(found.endpoint, 'watched')
  assert.deepEqual(
    found.timeline.flatMap(({ href }) => href ?? []),
    [`/runs/${two}`, `/runs/${one}`],
  )
  await mlflow('runs/delete', { run_id: one })
  await incident('resolved', /^2 runs/)
  await until('two messages', () => heard.length >= 2)
  assert.match(heard[0] ?? '', /"alertname":"slipway_search".*night-2, night-1/)
  assert.match(heard.at(-1) ?? '', /"status":"resolved"/)
})
