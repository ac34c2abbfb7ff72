/** A PostgreSQL that is stopped while the server runs, and started again. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startOwnPostgres } from '../postgres.ts'
import type { OwnPostgres } from '../postgres.ts'
import { everyRoute } from '../route-tables.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { assertDatabaseOutage } from './database.cases.ts'
import { isFault, shown } from './outage.ts'
import { askAll, requestOf } from './requests.ts'
import { makeWorld } from './world.ts'
import type { Values } from './values.ts'

let database: OwnPostgres
/** Lets everyone in. */
let open: TestServer
/** Asks for tokens. */
let closed: TestServer
let values: Values

before(async () => {
  database = await startOwnPostgres()
  const env = { SLIPWAY_DATABASE_URL: database.url, SLIPWAY_LOG_LEVEL: 'silent' }
  open = await startTestServer({ args: ['--no-auth'], env })
  closed = await startTestServer({ env })
  values = await makeWorld(open.url)
})
after(async () => {
  await Promise.all([open.stop(), closed.stop()])
  await database.stop()
})

test('PostgreSQL stopped: every route tells a fault, and answers as before once it runs', async () => {
  await assertDatabaseOutage({ url: open.url, values, begin: () => database.down(), end: () => database.up() })
})

test('PostgreSQL stopped: nobody is logged out by it, and nobody unknown, whatever credential is sent', async (t) => {
  // those of attempts refuse all but a node, by the token alone
  const routes = (await everyRoute()).filter(
    ({ access, path }) => access !== 'public' && access.resource !== 'attempts' && !path.startsWith('/ajax-api/'),
  )
  const requests = routes.map((route) => requestOf(route, closed.url, values))
  const cookie = await session(closed)
  const whoAmI = (headers: Record<string, string>): Promise<Response> => fetch(`${closed.url}/v1/me`, { headers })
  const known = [
    { authorization: `Bearer ${closed.token}` },
    { authorization: `Basic ${Buffer.from(`a:${closed.token}`).toString('base64')}` },
    { cookie },
  ]
  // who is that? only the database could tell
  const unknown = [{ authorization: `Bearer slw_${'a'.repeat(20)}.${'b'.repeat(32)}` }, { cookie: `${cookie}x` }]
  for (const headers of known) assert.equal((await whoAmI(headers)).status, 200)
  for (const headers of unknown) assert.equal((await whoAmI(headers)).status, 401)

  await database.down()
  t.after(() => database.up())
  for (const headers of known) {
    const asked = await askAll(requests, values, headers)
    const wrong = asked.filter((one) => !isFault(one) && [401, 403, 500, 502, 504].includes(one.answer.status))
    assert.deepEqual(wrong.map(shown), [])
    const faults = asked.filter(isFault).length
    assert.ok(faults > 0.9 * asked.length, `only ${faults} faults`)
  }
  for (const headers of unknown) {
    const asked = await askAll(requests, values, headers)
    assert.deepEqual(asked.filter((one) => !isFault(one)).map(shown), [])
  }
})

/** The cookie of a session. */
async function session(server: TestServer): Promise<string> {
  const reply = await fetch(server.loginUrl, { redirect: 'manual' })
  const [cookie = ''] = reply.headers.getSetCookie()
  assert.match(cookie, /slipway_session=/)
  return cookie.split(';')[0] ?? ''
}
