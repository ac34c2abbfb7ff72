/** A PostgreSQL whose processes are stopped, and not ended: calls are 503 while it lasts, and answered again when it goes on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startOwnPostgres } from '../postgres.ts'
import { startTestServer } from '../server.ts'
import { until } from '../until.ts'

const GET = '/api/2.0/mlflow/experiments/get?experiment_id=0'
const SEARCH = '/api/2.0/mlflow/experiments/search'

test('a frozen PostgreSQL is 503 before it goes on, for reads, searches and writes', async (t) => {
  const database = await startOwnPostgres()
  const server = await startTestServer({ env: { SLIPWAY_DATABASE_URL: database.url, SLIPWAY_LOG_LEVEL: 'fatal' } })
  let thaw = (): void => undefined
  t.after(async () => {
    thaw()
    await server.stop()
    await database.stop()
  })
  const call = async (path: string, body?: object): Promise<{ status: number; text: string }> => {
    const headers = { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' }
    const more = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
    const reply = await fetch(server.url + path, { headers, ...more })
    return { status: reply.status, text: await reply.text() }
  }
  const all = (name: string) => [
    ...Array.from({ length: 12 }, () => call(GET)),
    call(SEARCH, { max_results: 5 }),
    call('/api/2.0/mlflow/experiments/create', { name }),
  ]
  for (const { status } of await Promise.all(all('before'))) assert.equal(status, 200)
  thaw = database.freeze()
  // it goes on only when each of them has been answered
  for (const { status, text } of await Promise.all(all('frozen'))) assert.equal(status, 503, text)
  thaw()
  await until('an answer', async () => (await call(GET)).status === 200)
  for (const { status, text } of await Promise.all(all('after'))) assert.equal(status, 200, text)
})
