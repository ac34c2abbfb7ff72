/** `slipway status`: what needs someone first, then the endpoints and the steps; what cannot be read is named, and not said to be nothing. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, it } from 'node:test'
import { SOUND } from '../../contract/needs/storage.fixture.ts'
import { endpointViewApi } from '../../contract/endpoint-view.ts'
import { problem } from '../../contract/errors.ts'
import { imagesApi } from '../../contract/images/images.ts'
import { monitoringApi } from '../../contract/monitoring.ts'
import { pipelinesApi } from '../../contract/pipelines.ts'
import { rolloutApi } from '../../contract/rollout.ts'
import { servingApi } from '../../contract/serving.ts'
import { storageApi, systemApi } from '../../contract/system.ts'
import { AT, endpoint, monitor, pipelineRun, rollout, variant } from '../answers.fixture.ts'
import { startRecorded } from '../recorded-server.fixture.ts'
import type { RecordedServer } from '../recorded-server.fixture.ts'

const NOW = '2026-05-06T12:00:00.000Z'
const stats = {
  window_s: 60,
  rows: 720,
  requests: 720,
  errors: 0,
  requests_per_s: 12,
  p50_ms: 0.2,
  p95_ms: 0.3,
  p99_ms: 0.42,
}

let server: RecordedServer
before(async () => {
  server = await startRecorded()
})
after(() => server.close())
beforeEach(() => {
  server.answer(systemApi.info, {
    version: '0.1.0',
    url: 'http://127.0.0.1:4600',
    gateway_url: 'http://127.0.0.1:4601',
    grpc_address: null,
    database: 'sqlite',
    isolation: { mode: 'auto', layers: [], held: [], open: [], detail: '' },
    started_at: AT,
    now: NOW,
  })
  server.answer(storageApi.state, SOUND)
  const share = { taken: 2, total: 8 }
  server.answer(pipelinesApi.stepQueue, {
    cpus: share,
    memory_bytes: share,
    running: 1,
    waiting: 3,
    oldest_wait_ms: 40_000,
    failed_last_day: 1,
    slow_starts: null,
    clusters: [],
  })
  server.answer(imagesApi.listEnvironments, { items: [], faults: [] })
  server.answer(monitoringApi.listIncidents, { items: [] })
  server.answer(rolloutApi.list, { items: [] })
  server.answer(pipelinesApi.listPipelineRuns, { items: [] })
  server.answer(servingApi.listEndpoints, { items: [] })
  server.answer(endpointViewApi.listWatched, { items: [] })
})

const HEAD = 'Slipway 0.1.0 at http://127.0.0.1:4600, predictions at http://127.0.0.1:4601; SQLite, up for 3 d 2 h'
const STEPS = 'Steps: 1 running, 3 waiting (the oldest for 40 s); 2 of 8 cores taken; 1 attempt failed in 24 hours'

it('says of a quiet server that nothing needs attention', async () => {
  const { code, lines, tables } = await server.slipway('status')
  assert.equal(code, 0)
  assert.deepEqual(lines, [HEAD, 'Nothing needs attention.', STEPS])
  assert.deepEqual(tables, [])
})

it('names what waits for a person with the command that shows it, then each endpoint', async () => {
  const state = { state: 'canary', awaits: { before: 5000, role: 'maintainer' } } as const
  // two pages: what waits on the second is not missing
  server.answer(
    rolloutApi.list,
    { items: [rollout({ id: 'r0' })], next_page_token: 'more' },
    { items: [rollout({ ...state, endpoint: 'flights', version: '8', reason: 'every gate holds' })] },
  )
  const failed = { state: 'failed', outcome: 'failed', message: 'step train: KeyError', finished_at: NOW } as const
  server.answer(pipelinesApi.listPipelineRuns, {
    items: [{ ...pipelineRun({ ...failed, id: 'pr_1', project: 'churn' }), steps: {} }],
  })
  const not_judged = [{ gate: 'quality', reason: 'no labels yet' }]
  const deployment = { number: 2, version: '7', previous_version: '6', at: AT, by: 'slipway', reason: '', rollout: 'r' }
  server.answer(servingApi.listEndpoints, {
    items: [
      endpoint({
        name: 'flights',
        variants: [variant({ role: 'stable', version: '7', weight: 10_000, stats })],
        deployment: { ...deployment, way: 'promoted', not_judged },
      }),
      endpoint({ name: 'new', variants: [] }),
    ],
  })
  server.answer(endpointViewApi.listWatched, {
    items: [{ endpoint: 'flights', watched: monitor({ state: 'watched' }).watched }],
  })
  const { code, lines, tables } = await server.slipway('status')
  assert.equal(code, 0)
  assert.deepEqual(lines.slice(1), [
    '3 items need attention:',
    '  waiting: The rollout of version 8 on flights waits for an approval before 50 %',
    '    Every gate holds, 3 d ago: slipway rollout approve flights --reason "…"',
    '  failed: The latest run of churn failed',
    '    Step train: KeyError, just now: slipway runs pr_1',
    '  low: The quality of version 7 on flights was never judged',
    '    Its rollout promoted it without: no labels yet, 3 d ago: slipway endpoints flights',
    STEPS,
  ])
  assert.deepEqual(tables[0]?.rows, [
    ['flights', 'healthy', '7 100 %', '12.0', '0.42 ms', '0 %', 'watched'],
    ['new', 'no version', '', '0.0', '–', '–', ''],
  ])
})

it('names what it could not read, and does not say then that nothing needs attention', async () => {
  server.answer(
    monitoringApi.listIncidents,
    problem('forbidden', { role: 'step', verb: 'read', resource: 'incidents' }),
  )
  const { code, lines } = await server.slipway('status')
  assert.equal(code, 0)
  assert.deepEqual(lines, [HEAD, 'Not read: the incidents: role step may not read incidents', STEPS])
  const { data } = await server.slipway('status', '--json')
  assert.partialDeepStrictEqual(data[0], {
    server: { version: '0.1.0' },
    needs: [],
    endpoints: [],
    steps: { waiting: 3 },
    unread: [{ what: 'the incidents' }],
  })
})

it('says which lists it has not read to their end', async () => {
  server.answer(pipelinesApi.listPipelineRuns, { items: [], next_page_token: 'more' })
  const { lines, data } = await server.slipway('status')
  assert.deepEqual(lines, [HEAD, 'Only the newest 100 projects are read here.', STEPS])
  assert.partialDeepStrictEqual(data[0], { cut: ['projects'] })
})

it('lists ten needs and counts the others', async () => {
  const items = Array.from({ length: 12 }, (_, i) => rollout({ id: `r${i}`, state: 'paused', reason: 'a gate fails' }))
  server.answer(rolloutApi.list, { items })
  const { lines } = await server.slipway('status')
  assert.equal(lines[1], '12 items need attention:')
  assert.equal(lines.at(-2), '  and 2 more')
})
