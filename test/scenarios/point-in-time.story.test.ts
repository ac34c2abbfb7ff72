/** PostgreSQL brought back to a moment by its archived log: the server answers as it did then, and what came later is gone and told. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { authApi } from '../../src/contract/auth.ts'
import { servingApi } from '../../src/contract/serving.ts'
import { answers, furnish, models, register, scores, slipway } from '../fixtures/two-endpoints.ts'
import { startArchivingPostgres } from '../postgres.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'

const folder = mkdtempSync(join(tmpdir(), 'slipway-moment-'))
after(() => rmSync(folder, { recursive: true, force: true }))

async function call(server: TestServer, path: string, body: object): Promise<Record<string, unknown>> {
  const reply = await fetch(`${server.url}/api/2.0/mlflow/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  assert.equal(reply.status, 200, await reply.clone().text())
  return (await reply.json()) as Record<string, unknown>
}

async function names(server: TestServer): Promise<string[]> {
  const { experiments } = await call(server, 'experiments/search', { max_results: 100 })
  return (experiments as { name: string }[]).map(({ name }) => name).sort()
}

test('base copy, archived log, a moment: predictions and runs are those of the moment', async (t) => {
  const postgres = await startArchivingPostgres()
  const data = join(folder, 'data')
  const env = { SLIPWAY_DATABASE_URL: postgres.url, SLIPWAY_LOG_LEVEL: 'error' }
  const first = await startTestServer({ data, gateways: 1, env })
  t.after(() => first.stop())
  await call(first, 'experiments/create', { name: 'before the copy' })
  await postgres.copy()
  const told = await furnish(first)
  await call(first, 'experiments/create', { name: 'before the moment' })
  const then = await names(first)
  const signed = JSON.parse(await slipway({}, 'audit', 'checkpoint', '--json', '--data', data)) as { line: string }
  const { rows } = JSON.parse(signed.line) as { rows: number }
  const moment = await postgres.now()

  await call(first, 'experiments/create', { name: 'after the moment' })
  const second = await register(first, 'native', models.dir('hgb2'))
  await first.client.call(servingApi.deploy, { params: { name: 'native' }, body: { version: second } })
  assert.notDeepEqual(await scores(first, 'native'), told.native)
  await first.stop()

  await postgres.recoverTo(moment)
  const back = await startTestServer({ data, gateways: 1, env })
  t.after(() => back.stop())
  assert.deepEqual(await answers(back), told)
  assert.deepEqual(await names(back), then)
  const alarm = await back.client.call(authApi.verifyAudit)
  assert.equal(alarm.ok, false)
  assert.equal(alarm.seq, rows + 1, 'the first row that the log was not brought up to')
  await slipway({}, 'audit', 'checkpoint', '--restored', `to ${moment}`, '--data', data)
  const calm = await back.client.call(authApi.verifyAudit)
  assert.deepEqual([calm.ok, calm.restored.map(({ rows, note }) => [rows, note])], [true, [[rows, `to ${moment}`]]])
  await call(back, 'experiments/create', { name: 'goes on' })
})
