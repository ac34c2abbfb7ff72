/** All models in production on a real server: proved one after the other, rot found without a run, each token its own project. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { CallError, createClient } from '../../src/client/client.ts'
import { authApi } from '../../src/contract/auth.ts'

import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { reproductionsApi, type Reproducible } from '../../src/contract/pipelines/reproductions.ts'
import { registryApi } from '../../src/contract/registry.ts'
import { enqueue } from '../../src/jobs/queue.ts'
import { REPRODUCTIONS } from '../../src/pipelines/reproductions/schedule.ts'
import { openStore } from '../../src/store/open.ts'
import { projectServer, PROVED } from '../fixtures/project-server.ts'
import { startTestServer } from '../server.ts'
import { until } from '../until.ts'

describe('reproduce --all', () => {
  const at = projectServer('reproductions', PROVED)
  const list = async (query: Record<string, unknown> = {}, token?: string): Promise<Reproducible[]> => {
    const client = token === undefined ? at.server.client : createClient({ url: at.server.url, token })
    return (await client.call(reproductionsApi.listReproducible, { query })).items
  }

  test('a model in production is proved by what made it, and its grade kept; nothing else is looked at', async () => {
    const { code, out, said } = await at.slipway('run', at.project)
    assert.equal(code, 0, out + said)
    assert.deepEqual(await list(), [], 'no model is in production yet')
    const params = { name: 'steady', alias: 'production' }
    await at.server.client.call(registryApi.moveAlias, { params, body: { version: '1' } })
    const [one] = await list()
    assert.deepEqual([one?.model, one?.version, one?.verdict, one?.rot, one?.grade], ['steady', '1', 'ready', [], null])
    assert.deepEqual(await list({ alias: 'shadow' }), [])
    const proved = await at.slipway('reproduce', '--all', '--json')
    const { items } = JSON.parse(proved.out) as { items: { reproduction: { grade: string } }[] }
    assert.deepEqual([proved.code, items.map(({ reproduction }) => reproduction.grade)], [0, ['A']], proved.said)
    assert.equal((await list())[0]?.grade, 'A')
    const { items: runs } = await at.server.client.call(pipelinesApi.listPipelineRuns, { query: {} })
    assert.deepEqual(
      runs.map(({ trigger }) => trigger),
      ['reproduce', 'manual'],
    )
  })

  test('a token sees the models of its project alone; a viewer may look', async () => {
    const tokenOf = async (project: string): Promise<string> =>
      (await at.server.client.call(authApi.createToken, { body: { name: project, role: 'viewer', project } })).token
    assert.deepEqual(await list({}, await tokenOf('other')), [])
    assert.deepEqual(
      (await list({}, await tokenOf('proved'))).map(({ verdict }) => verdict),
      ['ready'],
    )
  })

  test('bad input is refused, with the field that is wrong', async () => {
    for (const query of [
      'alias=',
      `alias=${'a'.repeat(256)}`,
      'limit=0',
      'limit=101',
      'limit=many',
      'page_token=a/b',
    ]) {
      const headers = { authorization: `Bearer ${at.server.token}` }
      const answer = await fetch(`${at.server.url}/v1/reproductions?${query}`, { headers })
      assert.equal(answer.status, 400, query)
      assert.match(await answer.text(), new RegExp(`query\\.${query.split('=')[0]}`))
    }
    await assert.rejects(list({}, 'slw_nobody'), (error) => error instanceof CallError && error.status === 401)
  })

  test('what has rotted is named by a dry run, which runs nothing', async () => {
    const [before] = await list()
    const run = await at.server.client.call(pipelinesApi.getPipelineRun, { params: { id: before?.run ?? '' } })
    const digest = run.steps[0]?.outputs['model']?.digest ?? ''
    const hex = digest.replace('sha256:', '')
    rmSync(join(at.server.data, 'blobs', hex.slice(0, 2), hex.slice(2)))
    const dry = await at.slipway('reproduce', '--all', '--dry-run')
    assert.deepEqual(
      [dry.code, dry.out],
      [1, `steady@1: rot\n  output: output "model" of step "train", to compare with (${digest})\n`],
    )
    const { items: runs } = await at.server.client.call(pipelinesApi.listPipelineRuns, { query: {} })
    assert.equal(runs.length, 2)
  })
})

describe('reproductions by schedule', () => {
  const at = projectServer('reproduction-rounds', PROVED)
  const times = { cron: '0 3 * * 0', timezone: 'Europe/Berlin', alias: 'production' }

  test('an admin of the server sets and ends the schedule, and the trail says so; nobody else', async () => {
    const { client } = at.server
    const path = `${at.server.url}/v1/reproductions/schedule`
    assert.deepEqual(await client.call(reproductionsApi.getSchedule), { schedule: null })
    const before = Date.now()
    const { schedule } = await client.call(reproductionsApi.setSchedule, { body: times })
    assert.deepEqual([schedule?.cron, schedule?.alias, schedule?.last_at], [times.cron, 'production', null])
    assert.ok(Date.parse(schedule?.next_at ?? '') > before)
    const put = (body: object, token = at.server.token): Promise<Response> => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
      return fetch(path, { method: 'PUT', headers, body: JSON.stringify(body) })
    }
    for (const [body, field] of [
      [{}, 'cron'],
      [{ cron: 'every night' }, 'cron'],
      [{ cron: '0 0 31 2 *' }, 'cron'],
      [{ ...times, timezone: 'Mars/Olympus' }, 'timezone'],
      [{ ...times, alias: '' }, 'alias'],
      [{ ...times, every: 'day' }, 'every'],
    ] as const) {
      const answer = await put(body)
      assert.equal(answer.status, 400, field)
      assert.match(await answer.text(), new RegExp(field))
    }
    for (const [role, project] of [
      ['maintainer', null],
      ['admin', 'proved'],
    ] as const) {
      const made = await client.call(authApi.createToken, { body: { name: role, role, ...(project && { project }) } })
      assert.equal((await put(times, made.token)).status, 403, role)
    }
    await client.call(reproductionsApi.removeSchedule)
    await assert.rejects(client.call(reproductionsApi.removeSchedule), { code: 'not_found' })
    const { items } = await client.call(authApi.listAudit, { query: { limit: 50 } })
    const told = items.filter(({ resource_id }) => resource_id === 'reproductions')
    assert.deepEqual(
      told.map(({ detail }) => (detail['schedule'] as { cron: string } | null)?.cron),
      [undefined, times.cron],
    )
  })

  test('a round whose server is killed behind the start of a proof is gone on with, and proves once', async () => {
    assert.equal((await at.slipway('run', at.project)).code, 0)
    const params = { name: 'steady', alias: 'production' }
    await at.server.client.call(registryApi.moveAlias, { params, body: { version: '1' } })
    await at.server.kill()
    const store = await openStore({ dataDir: at.data })
    await store.db.tx((t) => enqueue(t, { kind: REPRODUCTIONS, payload: { alias: 'production' } }))
    await store.db.close()
    const env = { SLIPWAY_FAULT: 'pipelines.reproduction_started', SLIPWAY_TEST_HOOKS: '1' }
    // it may be dead before it has said that it is ready
    await startTestServer({ data: at.data, env }).then(
      (server) => server.ended(),
      () => undefined,
    )
    const left = await openStore({ dataDir: at.data })
    const states = await left.db.all<{ state: string }>('SELECT state FROM pipeline_reproductions')
    const runs = await left.db.all("SELECT id FROM pipeline_runs WHERE trigger_kind = 'reproduce'")
    await left.db.close()
    assert.deepEqual([states, runs.length], [[{ state: 'waiting' }], 1], 'it died where it was to')
    at.server = await startTestServer({ data: at.data })
    const last = await until('the grade', async () => {
      const listed = (await at.server.client.call(reproductionsApi.listReproducible)).items[0]?.last
      assert.notEqual(listed?.state, 'skipped', listed?.detail)
      return listed?.state === 'graded' && listed
    })
    assert.deepEqual([last.version, last.grade, last.grade_before, last.fallen], ['1', 'A', null, false])
    const proof = await at.server.client.call(pipelinesApi.getPipelineRun, { params: { id: last.run ?? '' } })
    assert.deepEqual([proof.trigger, proof.priority, proof.reproduction?.grade], ['reproduce', -10, 'A'])
    const { items } = await at.server.client.call(pipelinesApi.listPipelineRuns, { query: {} })
    assert.equal(items.filter(({ trigger }) => trigger === 'reproduce').length, 1)
  })
})
