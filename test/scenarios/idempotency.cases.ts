/** `Idempotency-Key` over HTTP on SQLite and PostgreSQL: repeated, at once, across restarts and kills at the worst moments. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { authApi } from '../../src/contract/auth.ts'
import { searchesApi } from '../../src/contract/tracking/searches.ts'
import { openPostgres } from '../../src/store/postgres/postgres.ts'
import { startTestServer, type TestServer } from '../server.ts'

interface Answer {
  readonly status: number
  readonly body: string
  readonly replayed: string | null
  readonly retryAfter: string | null
}

async function post(server: TestServer, path: string, key: string, body: unknown): Promise<Answer> {
  const reply = await fetch(server.url + path, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${server.token}`,
      'content-type': 'application/json',
      'idempotency-key': key,
    },
    body: JSON.stringify(body),
  })
  return {
    status: reply.status,
    body: await reply.text(),
    replayed: reply.headers.get('idempotency-replayed'),
    retryAfter: reply.headers.get('retry-after'),
  }
}

const search = (name: string): object => ({ name, filter: 'metrics.rmse < 1' })

const names = async (server: TestServer): Promise<string[]> =>
  (await server.client.call(searchesApi.list, {})).items.map((each) => each.name).sort()

/** The cases on one engine, on a database at that address; without one on the file of the data folder. */
export function idempotencyCases(engine: string, databaseUrl: () => Promise<string | undefined>): void {
  describe(`idempotency keys on ${engine}`, () => {
    test('a repetition gets the first reply, at once and after a restart', async (t) => {
      const data = mkdtempSync(join(tmpdir(), 'slipway-keys-'))
      const url = await databaseUrl()
      const env: Record<string, string> = url === undefined ? {} : { SLIPWAY_DATABASE_URL: url }
      let server = await startTestServer({ data, env })
      const again = async (more: Record<string, string> = {}): Promise<void> => {
        server = await startTestServer({ data, env: { ...env, ...more } })
      }
      /** Makes a search with this key on a server that dies at the fault, and starts the next one. */
      const killedAt = async (fault: string, key: string, name: string): Promise<void> => {
        await server.stop()
        await again({ SLIPWAY_TEST_HOOKS: '1', SLIPWAY_FAULT: fault })
        await assert.rejects(post(server, '/v1/searches', key, search(name)))
        await server.ended()
        await again()
        await awaitDeath(server, url, key, search(name))
      }
      t.after(async () => {
        await server.stop()
        rmSync(data, { recursive: true, force: true })
      })
      const first = await post(server, '/v1/searches', 'k1', search('good'))
      assert.deepEqual([first.status, first.replayed], [201, null], first.body)
      const repeated = { ...first, replayed: 'true' }
      assert.deepEqual(await post(server, '/v1/searches', 'k1', search('good')), repeated)
      const other = await post(server, '/v1/searches', 'k1', search('other'))
      assert.equal(other.status, 422)
      assert.match(other.body, /Idempotency-Key \\"k1\\" was used for another request/)
      const without = await post(server, '/v1/searches', 'k2', search('good'))
      assert.equal(without.status, 409)
      assert.match(without.body, /already_exists/)
      for (const bad of ['a b', 'x'.repeat(256)]) {
        assert.match((await post(server, '/v1/searches', bad, search('bad'))).body, /headers\.idempotency-key/)
      }
      const many = await Promise.all(
        Array.from({ length: 8 }, () => post(server, '/v1/tokens', 'k3', { name: 'many', role: 'viewer' })),
      )
      assert.equal(many.filter((each) => each.status === 200).length, 1)
      for (const each of many.filter(({ status }) => status !== 200)) assert.equal(each.status, 409, each.body)
      const tokens = await server.client.call(authApi.listTokens, {})
      const [made, ...others] = tokens.items.filter((each) => each.name === 'many')
      assert.deepEqual(others, [])
      const text = (JSON.parse(many.find(({ status }) => status === 200)?.body ?? '{}') as { token: string }).token

      await server.stop()
      await again()
      const told = await post(server, '/v1/tokens', 'k3', { name: 'many', role: 'viewer' })
      assert.deepEqual([told.status, told.retryAfter], [409, null])
      assert.match(told.body, new RegExp(`it made the token ${made?.id}, whose secret was shown once`))
      assert.ok(!told.body.includes(text.split('.')[1] ?? 'x'))
      assert.deepEqual(
        (await server.client.call(authApi.listTokens, {})).items.filter((each) => each.name === 'many'),
        [made],
      )
      assert.deepEqual(await post(server, '/v1/searches', 'k1', search('good')), repeated)
      assert.deepEqual(await names(server), ['good'])

      // killed with the key taken and nothing written
      await killedAt('replies.taken', 'k4', 'second')
      const carried = await post(server, '/v1/searches', 'k4', search('second'))
      assert.deepEqual([carried.status, carried.replayed], [201, null], carried.body)

      // killed with the search written and the reply unsaid
      await killedAt('replies.answered', 'k5', 'third')
      const lost = await post(server, '/v1/searches', 'k5', search('third'))
      assert.equal(lost.status, 409)
      assert.match(lost.body, /was carried out, and its reply was lost/)
      assert.deepEqual(await names(server), ['good', 'second', 'third'])
    })
  })
}

/** Replicas of a PostgreSQL wait a minute before they believe a holder dead; the wait is told, and cut short here. */
async function awaitDeath(server: TestServer, url: string | undefined, key: string, body: unknown): Promise<void> {
  if (url === undefined) return
  const waiting = await post(server, '/v1/searches', key, body)
  assert.deepEqual([waiting.status, waiting.retryAfter], [409, '1'], waiting.body)
  assert.match(waiting.body, /is under way/)
  const db = openPostgres(url)
  await db.tx((t) => t.run('UPDATE kept_replies SET held_until = 0 WHERE status IS NULL'))
  await db.close()
}
