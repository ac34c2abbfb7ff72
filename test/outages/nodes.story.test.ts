/** Machines of a cluster while PostgreSQL is stopped: each of their routes tells a fault, and answers as before once it runs. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

import { submitProject } from '../../src/cli/project/files.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { nodesApi } from '../../src/contract/pipelines/nodes.ts'
import { WELL } from '../../src/pipelines/drivers/remote/attempts.fixture.ts'
import { startRayHead, type RayHead } from '../../src/pipelines/drivers/remote/ray-head.fixture.ts'
import { endedRun } from '../fixtures/runs-of.ts'
import { startOwnPostgres, type OwnPostgres } from '../postgres.ts'
import { startTestServer, type TestServer } from '../server.ts'
import { until } from '../until.ts'

const folder = mkdtempSync(join(tmpdir(), 'slipway-nodes-'))
let database: OwnPostgres
let head: RayHead
let server: TestServer

before(async () => {
  database = await startOwnPostgres()
  head = await startRayHead(folder)
  // a job is remembered and not started: the test is its machine
  head.starts = false
  const env = { SLIPWAY_DATABASE_URL: database.url, SLIPWAY_RAY_URL: head.url, SLIPWAY_LOG_LEVEL: 'silent' }
  server = await startTestServer({ env })
})
after(async () => {
  await server.stop()
  await head.stop()
  await database.stop()
  rmSync(folder, { recursive: true, force: true })
})

const NO_CHECKPOINT = { last: null, made: 0, resumed: null, damaged: 0, failed: null }

interface Ask {
  readonly route: string
  readonly token: string
  readonly path: string
  readonly body?: string | Uint8Array
}

async function ask({ route, token, path, body }: Ask): Promise<{ status: number; text: string }> {
  const [method = ''] = route.split(' ')
  const type = typeof body === 'string' ? 'application/json' : 'application/octet-stream'
  const headers = { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': type }) }
  const sent = body === undefined ? {} : { body: typeof body === 'string' ? body : Buffer.from(body) }
  const reply = await fetch(`${server.url}/v1/attempts/${path}`, { method, headers, ...sent })
  return { status: reply.status, text: await reply.text() }
}

/** The attempt that waits in the cluster, with its token to take it up. */
async function waiting(): Promise<{ attempt: string; token: string }> {
  const steps = 'a: {run: [python, -c, "print(1)"], on: ray, outputs: [out]}'
  writeFileSync(join(folder, 'slipway.yaml'), `project: far\npython: {packages: []}\npipeline: {steps: {${steps}}}\n`)
  const version = await submitProject(server.client, folder)
  await server.client.call(pipelinesApi.createPipelineRun, { body: { pipeline_version: version.id } })
  const { job } = await until('a job in the cluster', () => [...head.jobs.values()][0])
  const { SLIPWAY_NODE_ATTEMPT: attempt = '', SLIPWAY_NODE_TOKEN: token = '' } = job.runtime_env.env_vars
  return { attempt, token }
}

test('PostgreSQL stopped: every route of a machine tells a fault, changes nothing, and answers once it runs', async () => {
  const { attempt, token: claims } = await waiting()
  const claim: Ask = {
    route: 'POST /v1/attempts/:attempt/claim',
    token: claims,
    path: `${attempt}/claim`,
    body: JSON.stringify({ claimant: 'a'.repeat(32), host: 'far' }),
  }
  const taken = await ask(claim)
  assert.equal(taken.status, 200, taken.text)
  const { fence, token, work } = JSON.parse(taken.text) as { fence: string; token: string; work: string }
  const { code } = JSON.parse(work) as { code: string }
  const bytes = Buffer.from('made')
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  const files = '/v1/attempts/:attempt/files/:digest'
  const exit = { ...WELL, log_bytes: 4 }
  const asks: Ask[] = [
    { route: 'GET /v1/attempts/:attempt/program', token: claims, path: `${attempt}/program` },
    claim,
    {
      route: 'POST /v1/attempts/:attempt/beats',
      token,
      path: `${attempt}/beats`,
      body: JSON.stringify({ fence, beat: null }),
    },
    { route: 'POST /v1/attempts/:attempt/log', token, path: `${attempt}/log?fence=${fence}&from=0`, body: bytes },
    { route: `GET ${files}`, token, path: `${attempt}/files/${code}?fence=${fence}` },
    { route: `PUT ${files}`, token, path: `${attempt}/files/${digest}?fence=${fence}`, body: bytes },
    {
      route: 'POST /v1/attempts/:attempt/checkpoint',
      token,
      path: `${attempt}/checkpoint`,
      body: JSON.stringify({ fence, at: 1005, state: NO_CHECKPOINT, files: null }),
    },
    {
      route: 'POST /v1/attempts/:attempt/end',
      token,
      path: `${attempt}/end`,
      body: JSON.stringify({ fence, at: 1010, exit, outputs: { out: [['', bytes.length, digest, false]] } }),
    },
  ]
  const known = Object.values(nodesApi).map(({ method, path }) => `${method} ${path}`)
  assert.deepEqual(asks.map(({ route }) => route).toSorted(), known.toSorted())

  await database.down()
  const during = await Promise.all(asks.map(ask))
  await database.up()
  // the program is in no database: who was known a moment ago is given it
  const [program, ...others] = during
  assert.ok([200, 503].includes(program?.status ?? 0), String(program?.status))
  const wrong = others.flatMap(({ status, text }, i) =>
    status === 503 ? [] : [`${asks[i + 1]?.route}: ${status} ${text.slice(0, 300)}`],
  )
  assert.deepEqual(wrong, [])
  for (const one of asks) {
    const answer = await until(`an answer to ${one.route}`, async () => {
      const said = await ask(one)
      return said.status !== 503 && said
    })
    assert.equal(answer.status, 200, `${one.route}: ${answer.text}`)
  }
  const { items } = await server.client.call(pipelinesApi.listPipelineRuns, { query: {} })
  const id = items[0]?.id ?? ''
  const run = await endedRun(server, id)
  assert.deepEqual([run.state, run.steps[0]?.attempts.length], ['succeeded', 1], JSON.stringify(run.steps))
})
