/** A PostgreSQL whose processes are stopped, and not ended: calls are 503 within half a minute, and answered again when it goes on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startOwnPostgres } from '../postgres.ts'
import { startTestServer } from '../server.ts'

const GET = '/api/2.0/mlflow/experiments/get?experiment_id=0'
const SEARCH = '/api/2.0/mlflow/experiments/search'

test('a frozen PostgreSQL is 503 within 30 s, for reads, searches and writes', { timeout: 180_000 }, async (t) => {
  const database = await startOwnPostgres()
  const server = await startTestServer({ env: { SLIPWAY_DATABASE_URL: database.url, SLIPWAY_LOG_LEVEL: 'fatal' } })
  let thaw = (): void => undefined
  t.after(async () => {
    thaw()
    await server.stop()
    await database.stop()
  })
  const call = async (path: string, body?: object): Promise<{ status: number; ms: number; text: string }> => {
    const started = performance.now()
    const headers = { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' }
    const more = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
    const reply = await fetch(server.url + path, { headers, ...more })
    return { status: reply.status, ms: performance.now() - started, text: await reply.text() }
  }
  const all = (name: string) => [
    ...Array.from({ length: 12 }, () => call(GET)),
    call(SEARCH, { max_results: 5 }),
    call('/api/2.0/mlflow/experiments/create', { name }),
  ]
  for (const { status } of await Promise.all(all('before'))) assert.equal(status, 200)
  thaw = database.freeze()
  for (const { status, ms, text } of await Promise.all(all('frozen'))) {
    assert.equal(status, 503, text)
    assert.ok(ms < 30_000, `${Math.round(ms)} ms`)
  }
  thaw()
  for (const end = performance.now() + 60_000; (await call(GET)).status !== 200; await sleep(100))
    assert.ok(performance.now() < end, 'it answers again')
  for (const { status, text } of await Promise.all(all('after'))) assert.equal(status, 200, text)
})
