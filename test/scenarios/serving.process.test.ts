/** Serving over HTTP: deploy, predict, read the log, roll back; and control killed with -9 under load. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createClient } from '../../src/client/client.ts'
import type { Client } from '../../src/client/client.ts'
import { servingApi } from '../../src/contract/serving.ts'
import type { ControlArguments, ControlReady } from '../fixtures/serving-control.ts'
import { startLoad } from '../predict-load.ts'
import { servingModels } from '../serving-models.ts'
import type { ServingModels } from '../serving-models.ts'
import { until } from '../until.ts'

let models: ServingModels
let child: ChildProcess
let ready: ControlReady
const dataDir = mkdtempSync(join(tmpdir(), 'serving-'))
const name = 'flight-delay'

before(async () => {
  models = await servingModels()
  ready = await startControl()
})
after(async () => {
  child.kill('SIGTERM')
  await new Promise((resolve) => child.once('exit', resolve))
  rmSync(dataDir, { recursive: true, force: true })
})

async function startControl(): Promise<ControlReady> {
  const given: ControlArguments = { dataDir, versions: { '1': models.files('hgb'), '2': models.files('hgb2') } }
  const script = join(import.meta.dirname, '../fixtures/serving-control.ts')
  const started = spawn(process.execPath, [script, JSON.stringify(given)], { stdio: ['ignore', 'pipe', 'inherit'] })
  child = started
  let said = ''
  for await (const chunk of started.stdout as AsyncIterable<Buffer>) {
    said += chunk.toString('utf8')
    if (said.includes('\n')) break
  }
  return JSON.parse(said) as ControlReady
}

function as(role: keyof ControlReady['tokens']): Client {
  return createClient({ url: ready.url, token: ready.tokens[role] })
}

function inputsOf(i: number): Record<string, unknown> {
  const { score: _, ...inputs } = models.rows[i % models.rows.length] ?? { score: 0 }
  return inputs
}

async function predict(body: unknown, role: keyof ControlReady['tokens'] = 'service'): Promise<Response> {
  return fetch(`${ready.gatewayUrl}/v1/endpoints/${name}:predict`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ready.tokens[role]}` },
    body: JSON.stringify(body),
  })
}

/** The ids in the log of a span of event time, once there are so many. */
async function logged(count: number, span: { readonly from: string; readonly until: string }): Promise<Set<string>> {
  const ids = new Set<string>()
  await until(
    () => `${count} predictions in the log; there are ${ids.size}`,
    async () => {
      let page_token: string | undefined
      do {
        const query = { limit: 1000, ...span, ...(page_token !== undefined && { page_token }) }
        const page = await as('admin').call(servingApi.listPredictions, { params: { name }, query })
        for (const one of page.items) ids.add(one.id)
        page_token = page.next_page_token
      } while (page_token !== undefined)
      return ids.size >= count
    },
  )
  return ids
}

test('an endpoint is made, a version deployed, rows predicted and read back; roles hold', async () => {
  const admin = as('admin')
  const params = { name }
  await assert.rejects(as('viewer').call(servingApi.putEndpoint, { params, body: { project: 'p', model: 'm' } }), {
    code: 'forbidden',
  })
  await admin.call(servingApi.putEndpoint, { params, body: { project: 'p', model: 'm', threshold: 0.5 } })
  await assert.rejects(as('viewer').call(servingApi.deploy, { params, body: { version: '1' } }), { code: 'forbidden' })
  const deployed = await admin.call(servingApi.deploy, { params, body: { version: '1' } })
  assert.deepEqual(
    deployed.variants.map(({ role, version, weight, backend }) => ({ role, version, weight, backend })),
    [{ role: 'stable', version: '1', weight: 10_000, backend: 'native' }],
  )
  assert.equal((await predict({ inputs: inputsOf(0) }, 'viewer')).status, 403)
  const answered = await predict({ inputs: inputsOf(0), id: 'first', event_time: '2013-07-01T12:00:00Z' })
  assert.equal(answered.status, 200)
  const { scores } = (await answered.json()) as { scores: number[] }
  await assert.rejects(as('service').call(servingApi.getPrediction, { params: { name, id: 'first' } }), {
    code: 'forbidden',
  })
  const found = await until('the record', () =>
    admin.call(servingApi.getPrediction, { params: { name, id: 'first' } }).catch(() => undefined),
  )
  assert.equal(found.score, scores[0])
  assert.equal(found.event_time, '2013-07-01T12:00:00.000Z')
  assert.deepEqual(found.inputs, inputsOf(0))
})

test('pages of the log follow each other without gap or double', async () => {
  const count = 45
  const rows = Array.from({ length: count }, (_, i) => inputsOf(i))
  const sent = await predict({ inputs: rows, id: rows.map((_, i) => `page-${i}`), event_time: '2013-08-01T00:00:00Z' })
  assert.equal(sent.status, 200)
  const span = { from: '2013-08-01T00:00:00Z', until: '2013-08-01T00:00:01Z' }
  const listed = await logged(count, span)
  assert.equal(listed.size, count)
  const seen: string[] = []
  let page_token: string | undefined
  do {
    const query = { limit: 10, ...span, ...(page_token && { page_token }) }
    const page = await as('admin').call(servingApi.listPredictions, { params: { name }, query })
    seen.push(...page.items.map((one) => one.id))
    page_token = page.next_page_token
  } while (page_token !== undefined)
  assert.equal(seen.length, count)
  assert.equal(new Set(seen).size, count)
  await assert.rejects(
    as('admin').call(servingApi.listPredictions, { params: { name }, query: { page_token: 'nonsense' } }),
    { code: 'invalid_field' },
  )
})

test('the stream of an endpoint tells a deploy', async () => {
  const gone = new AbortController()
  const response = await fetch(`${ready.url}/v1/endpoints/${name}/events`, {
    headers: { authorization: `Bearer ${ready.tokens.admin}` },
    signal: gone.signal,
  })
  await as('admin').call(servingApi.deploy, { params: { name }, body: { version: '2' } })
  let said = ''
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    said += Buffer.from(chunk).toString('utf8')
    if (/"role":"stable","version":"2"/.test(said)) break
  }
  gone.abort()
  assert.match(said, /event: endpoint\ndata: .*"role":"stable","version":"2"/)
  const back = await as('admin').call(servingApi.rollbackEndpoint, { params: { name }, body: { reason: 'a test' } })
  assert.equal(back.variants[0]?.version, '1')
})

test('control killed with -9 under load: no failed prediction, and afterwards every answer is in the log once', async () => {
  const load = startLoad({
    url: () => `${ready.gatewayUrl}/v1/endpoints/${name}:predict`,
    body: (i) => JSON.stringify({ inputs: inputsOf(i), event_time: '2013-09-01T00:00:00Z' }),
    headers: { authorization: `Bearer ${ready.tokens.service}` },
    clients: 4,
    retries: 0,
  })
  await until('200 answers', () => load.count() >= 200)
  child.kill('SIGKILL')
  await new Promise((resolve) => child.once('exit', resolve))
  const atKill = load.count()
  await until('200 answers without control', () => load.count() >= atKill + 200)
  const { gatewayUrl } = ready
  ready = await startControl()
  assert.equal(ready.gatewayUrl, gatewayUrl, 'the same gateway answers on')
  const atStart = load.count()
  await until('200 answers with the other', () => load.count() >= atStart + 200)
  const { answers, failed, broken } = await load.stop()
  assert.deepEqual([failed, broken], [[], 0])
  const ids = await logged(answers.length, { from: '2013-09-01T00:00:00Z', until: '2013-09-01T00:00:01Z' })
  assert.deepEqual(
    answers.filter((one) => !ids.has(one.id)).map((one) => one.id),
    [],
  )
  assert.equal(ids.size, answers.length)
})
