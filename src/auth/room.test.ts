/** The auth room over HTTP: tokens of all projects and of one, login by link, logout, the audit trail page by page. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { pino } from 'pino'
import { createClient } from '../client/client.ts'
import { makeIds } from '../contract/ids.ts'
import { machinesApi } from '../contract/identity/machines.ts'
import { startServer } from '../http/server.ts'
import type { RunningServer } from '../http/server.ts'
import type { Db } from '../store/db.ts'
import { openTemporaryStore } from '../store/open.ts'
import { createTrust } from './machine-trusts.ts'
import { authRoom } from './room.ts'
import type { AuthRoom } from './room.ts'
import { SYSTEM } from './tokens.ts'
import { ifSound } from '../store/if-sound.fixture.ts'

const START = Date.parse('2026-03-01T00:00:00Z')
const DAY = 86_400_000

interface Asked {
  readonly as?: string
  readonly body?: object
  readonly cookie?: string
  readonly headers?: Readonly<Record<string, string>>
}

interface Reply {
  readonly status: number
  readonly body: Record<string, unknown>
  readonly headers: Headers
}

describe('auth over HTTP', () => {
  let store: Awaited<ReturnType<typeof openTemporaryStore>>
  let server: RunningServer
  let room: AuthRoom
  let admin: string
  let now = START
  const clock = () => now

  before(async () => {
    store = await openTemporaryStore()
    const { db, dataDir } = store
    const deps = { db, clock, ids: makeIds(clock, randomBytes), ifSound, dataDir, open: false }
    room = authRoom(deps)
    await room.start()
    admin = readFileSync(room.tokenFile, 'utf8').trim()
    const logger = pino({ level: 'silent' })
    const { routes, authenticate } = room
    server = await startServer({ host: '127.0.0.1', port: 0, logger, routes, authenticate })
  })
  after(async () => {
    await server.stop()
    await store.close()
  })

  async function call(method: string, path: string, options: Asked = {}) {
    const { as = admin, body, cookie, headers } = options
    const response = await fetch(server.url + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(cookie === undefined ? { authorization: `Bearer ${as}` } : { cookie }),
        ...headers,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    const reply: Reply = {
      status: response.status,
      body: text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {},
      headers: response.headers,
    }
    return reply
  }

  const make = async (body: object, as = admin): Promise<{ token: string; row: Record<string, unknown> }> => {
    now += 1
    const reply = await call('POST', '/v1/tokens', { as, body })
    assert.equal(reply.status, 200, JSON.stringify(reply.body))
    return reply.body as { token: string; row: Record<string, unknown> }
  }
  const names = async (as = admin): Promise<unknown[]> =>
    ((await call('GET', '/v1/tokens', { as })).body['items'] as { name: string }[]).map((one) => one.name)

  test('a token’s text is told once; its row says who made it, for what and until when', async () => {
    const { token, row } = await make({ name: 'ci', role: 'contributor', project: 'flights', expires_in_days: 30 })
    assert.match(token, /^slw_/)
    const { id, ...rest } = row
    assert.equal(token.startsWith(`slw_${String(id)}.`), true)
    assert.deepEqual(rest, {
      name: 'ci',
      role: 'contributor',
      project: 'flights',
      created_at: '2026-03-01T00:00:00.001Z',
      created_by: 'admin',
      expires_at: '2026-03-31T00:00:00.001Z',
      revoked_at: null,
    })
    assert.deepEqual((await call('GET', '/v1/me', { as: token })).body, {
      id,
      name: 'ci',
      role: 'contributor',
      project: 'flights',
    })
    const listed = await call('GET', '/v1/tokens')
    assert.equal(JSON.stringify(listed.body).includes(token.split('.')[1] ?? '?'), false)
  })

  test('one that is made for a day is refused a day later; without an end it has none', async () => {
    const always = await make({ name: 'always', role: 'viewer' })
    const day = await make({ name: 'day', role: 'viewer', expires_in_days: 1 })
    assert.equal(always.row['expires_at'], null)
    now += DAY - 1
    assert.equal((await call('GET', '/v1/me', { as: day.token })).status, 200)
    now += 1
    assert.equal((await call('GET', '/v1/me', { as: day.token })).status, 401)
    assert.equal((await call('GET', '/v1/me', { as: always.token })).status, 200)
  })

  test('an admin of one project makes, sees and revokes the tokens of that project alone', async () => {
    const own = await make({ name: 'own admin', role: 'admin', project: 'loans' })
    const other = await make({ name: 'other', role: 'viewer', project: 'flights' })
    const one = await make({ name: 'implied', role: 'viewer' }, own.token)
    assert.equal(one.row['project'], 'loans')
    assert.equal((await make({ name: 'named', role: 'viewer', project: 'loans' }, own.token)).row['project'], 'loans')
    assert.deepEqual(await names(own.token), ['own admin', 'implied', 'named'])
    for (const [project, what] of [
      ['flights', 'tokens of project flights'],
      [null, 'tokens of all projects'],
    ]) {
      const refused = await call('POST', '/v1/tokens', { as: own.token, body: { name: 'x', role: 'viewer', project } })
      assert.equal(refused.status, 403)
      assert.ok(JSON.stringify(refused.body).includes(`${what}`), JSON.stringify(refused.body))
      assert.ok(JSON.stringify(refused.body).includes('admin of project loans'))
    }
    assert.equal((await call('DELETE', `/v1/tokens/${String(other.row['id'])}`, { as: own.token })).status, 404)
    assert.equal((await call('DELETE', `/v1/tokens/${String(one.row['id'])}`, { as: own.token })).status, 200)
    assert.equal((await call('GET', '/v1/me', { as: one.token })).status, 401)
    assert.equal((await call('GET', '/v1/me', { as: other.token })).status, 200)
  })

  test('an admin of all makes tokens of one project and of all', async () => {
    assert.equal((await make({ name: 'a', role: 'viewer', project: null })).row['project'], null)
    assert.equal((await make({ name: 'b', role: 'viewer' })).row['project'], null)
    assert.equal((await make({ name: 'c', role: 'viewer', project: 'p' })).row['project'], 'p')
  })

  test('a revoked token says since when', async () => {
    const { row } = await make({ name: 'short', role: 'viewer' })
    now += 1000
    assert.equal((await call('DELETE', `/v1/tokens/${String(row['id'])}`)).status, 200)
    const items = (await call('GET', '/v1/tokens')).body['items'] as Record<string, unknown>[]
    assert.equal(items.find((one) => one['id'] === row['id'])?.['revoked_at'], new Date(now).toISOString())
    assert.equal((await call('DELETE', `/v1/tokens/${String(row['id'])}`)).status, 404)
  })

  test('a link logs in once by a cookie for twelve hours, and logout ends it', async () => {
    const made = await call('POST', '/v1/login-links')
    const url = String(made.body['url'])
    assert.ok(url.startsWith(`${server.url}/login/`), url)
    const path = url.slice(server.url.length)
    for (const [method, headers] of [
      ['HEAD', {}],
      ['GET', { 'sec-purpose': 'prefetch;prerender' }],
      ['GET', { purpose: 'prefetch' }],
      ['GET', { 'x-moz': 'prefetch' }],
    ] as const) {
      const looked = await fetch(server.url + path, { method, headers, redirect: 'manual' })
      assert.deepEqual([looked.status, looked.headers.get('set-cookie')], [200, null], 'who looks uses nothing up')
    }
    const login = await call('GET', path)
    assert.deepEqual(
      [login.status, login.headers.get('location'), login.headers.get('cache-control')],
      [303, '/', 'no-store'],
    )
    const set = login.headers.get('set-cookie') ?? ''
    assert.match(set, /^slipway_session=[\w-]{32}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/)
    assert.equal((await call('GET', path)).status, 401)
    const shown = await fetch(server.url + path, { headers: { accept: 'text/html,*/*;q=0.8' }, redirect: 'manual' })
    assert.deepEqual([shown.status, shown.headers.get('location')], [303, '/login?link=used'])
    assert.equal(shown.headers.get('set-cookie'), null)
    const cookie = set.split(';')[0] ?? ''
    assert.equal((await call('GET', '/v1/me', { cookie })).body['name'], 'admin')
    const logout = await call('POST', '/v1/logout', { cookie })
    assert.deepEqual(
      [logout.status, logout.headers.get('set-cookie'), logout.headers.get('content-type')],
      [200, 'slipway_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0', 'application/json'],
    )
    assert.equal((await call('GET', '/v1/me', { cookie })).status, 401)
    assert.equal((await call('POST', '/v1/logout', { cookie: 'a=b' })).status, 200, 'without a session it is no fault')
  })

  test('behind https the cookie is never sent over http', async () => {
    const headers = { 'x-forwarded-proto': 'https' }
    const link = String((await call('POST', '/v1/login-links', { headers })).body['url'])
    assert.ok(link.startsWith('https://'), link)
    const login = await call('GET', new URL(link).pathname, { headers })
    assert.match(login.headers.get('set-cookie') ?? '', /; Max-Age=43200; Secure$/)
    const logout = await call('POST', '/v1/logout', { headers, cookie: 'a=b' })
    assert.match(logout.headers.get('set-cookie') ?? '', /Max-Age=0; Secure$/)
  })

  test('a checkpoint is signed when it is asked for, with the note that is given; a restore has to have one', async () => {
    const sign = async (body: object) => {
      const { status, body: reply } = await call('POST', '/v1/audit/checkpoints', { body })
      assert.equal(status, 200, JSON.stringify(reply))
      const { kind, note } = JSON.parse(String(reply['line'])) as Record<string, unknown>
      return [kind, note]
    }
    assert.deepEqual(await sign({}), ['checkpoint', 'asked'])
    assert.deepEqual(await sign({ note: 'of mine' }), ['checkpoint', 'of mine'])
    assert.deepEqual(await sign({ note: 'not one', restored: false }), ['checkpoint', 'not one'])
    const refused = await call('POST', '/v1/audit/checkpoints', { body: { restored: true } })
    assert.equal(refused.status, 400)
    assert.ok(JSON.stringify(refused.body).includes('a text that says what was restored'), JSON.stringify(refused.body))
    assert.deepEqual(await sign({ note: 'of May', restored: true }), ['restored', 'of May'])
    const [entry] = (await call('GET', '/v1/audit?limit=1')).body['items'] as Record<string, unknown>[]
    assert.deepEqual([entry?.['actor'], entry?.['detail']], ['admin', { note: 'of May' }])
    const { restored } = (await call('POST', '/v1/audit/verify')).body as { restored: { note: string }[] }
    assert.deepEqual(
      restored.map(({ note }) => note),
      ['of May'],
    )
  })

  test('the link of the first start logs in as the admin', async () => {
    const link = (await room.firstLink(server.url)) ?? ''
    const login = await call('GET', link.slice(server.url.length))
    assert.equal(login.status, 303)
  })

  test('the audit trail is newest first, page by page, and by what was changed', async () => {
    const { row } = await make({ name: 'traced', role: 'viewer', project: 'p' })
    await call('DELETE', `/v1/tokens/${String(row['id'])}`)
    const all = (await call('GET', '/v1/audit?limit=1000')).body['items'] as Record<string, unknown>[]
    const seqs = all.map((one) => Number(one['seq']))
    assert.deepEqual(
      seqs,
      seqs.map((_, i) => seqs.length - i),
    )
    const { hash: _hash, prev: _prev, seq: _seq, token_id, ...newest } = all[0] ?? {}
    assert.deepEqual(newest, {
      at: new Date(now).toISOString(),
      actor: 'admin',
      verb: 'manage',
      resource: 'tokens',
      resource_id: row['id'],
      detail: { action: 'revoke' },
    })
    assert.equal(token_id, admin.slice(4, admin.indexOf('.')))
    assert.deepEqual(all[1]?.['detail'], {
      action: 'create',
      name: 'traced',
      role: 'viewer',
      project: 'p',
      expires_at: null,
    })
    const paged: number[] = []
    let next = ''
    do {
      const page = (await call('GET', `/v1/audit?limit=3${next}`)).body as {
        items: { seq: number }[]
        next_page_token?: string
      }
      assert.ok(page.items.length <= 3)
      paged.push(...page.items.map((one) => one.seq))
      next = page.next_page_token === undefined ? '' : `&page_token=${page.next_page_token}`
    } while (next !== '')
    assert.deepEqual(paged, seqs)
    const exact = await call('GET', `/v1/audit?limit=${seqs.length}`)
    assert.equal(exact.body['next_page_token'], undefined, 'a page that ends with the first entry is the last')
    const own = (await call('GET', `/v1/audit?resource=tokens&resource_id=${String(row['id'])}`)).body
    assert.equal((own['items'] as unknown[]).length, 2)
    assert.deepEqual((await call('GET', '/v1/audit?resource=models')).body['items'], [])
    assert.deepEqual((await call('GET', '/v1/audit?page_token=nonsense')).body['items'], [])
    const verified = await call('POST', '/v1/audit/verify')
    const { checkpoints, ...chain } = verified.body
    const { restored, ...verdict } = chain
    assert.deepEqual(verdict, { ok: true, rows: seqs.length, head: all[0]?.['hash'] })
    const { count, copied } = checkpoints as Record<string, unknown>
    assert.deepEqual([(restored as unknown[]).length, count, copied], [1, 5, 0])
  })
})

describe('the room', () => {
  async function opened(t: TestContext, more: { readonly egressAllow?: readonly string[] } = {}) {
    const store = await openTemporaryStore()
    const clock = (): number => START
    const { db, dataDir } = store
    const deps = { db, clock, ids: makeIds(clock, randomBytes), ifSound, dataDir, open: false }
    const room = authRoom({ ...deps, ...more })
    t.after(async () => {
      await room.stop()
      await store.close()
    })
    return { ...store, room }
  }
  const entries = (db: Db) =>
    db.all<{ actor: string; resource_id: string; detail: string }>('SELECT * FROM audit ORDER BY seq')

  test('tells a restore before it adds anything, and has its token and checkpoint when it has started', async (t) => {
    const { db, dataDir, room } = await opened(t)
    const note = { created_at: '2026-02-01T00:00:00.000Z', restored_at: '', left_out: [], missing: [] }
    writeFileSync(join(dataDir, 'restored.json'), JSON.stringify(note))
    await room.start()
    assert.match(readFileSync(room.tokenFile, 'utf8'), /^slw_/)
    assert.deepEqual(
      (await entries(db)).map(({ detail }) => (JSON.parse(detail) as { action?: string }).action ?? 'restored'),
      ['restored', 'create'],
    )
    await room.stop()
    const lines = readFileSync(join(dataDir, 'audit-checkpoints.jsonl'), 'utf8').trim().split('\n')
    assert.deepEqual(
      lines.map((line) => (JSON.parse(line) as { note: string }).note),
      ['restored from the backup of 2026-02-01T00:00:00.000Z', 'start'],
    )
  })

  test('notes an address that is held back at most once a minute, whatever the address', async (t) => {
    let now = 5
    t.mock.method(performance, 'now', () => now)
    const { db, room } = await opened(t)
    const noted = async (address: string): Promise<number> => {
      await room.throttled(address)
      return (await entries(db)).length
    }
    assert.equal(await noted('10.0.0.1'), 1)
    now += 59_999
    assert.equal(await noted('10.0.0.2'), 1)
    now += 1
    assert.equal(await noted('10.0.0.3'), 2)
    assert.equal(await noted('10.0.0.3'), 2)
    assert.deepEqual(
      (await entries(db)).map(({ actor, resource_id, detail }) => [actor, resource_id, detail]),
      ['10.0.0.1', '10.0.0.3'].map((address) => ['nobody', address, '{"action":"throttle"}']),
    )
  })

  for (const [allowed, message] of [
    [undefined, /private one that SLIPWAY_EGRESS_ALLOW does not name/],
    [['127.0.0.1:9'], /ECONNREFUSED/],
  ] as const)
    test(`asks issuers at private addresses that are allowed: ${allowed?.join() ?? 'none'}`, async (t) => {
      const { db, room } = await opened(t, { ...(allowed !== undefined && { egressAllow: allowed }) })
      const issuer = 'http://127.0.0.1:9'
      const audit = room.audit
      const body = { name: 'a', issuer, audience: 'h', subject: 's', claims: { id: '1' }, project: 'p', minutes: 1 }
      const deps = { db, clock: () => START, ids: () => 'mt_1', audit }
      await createTrust(deps, SYSTEM, { ...body, role: 'viewer' })
      const server = await startServer({
        host: '127.0.0.1',
        port: 0,
        logger: pino({ level: 'silent' }),
        routes: room.routes,
        authenticate: room.authenticate,
      })
      t.after(() => server.stop())
      const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
      const id_token = `${part({ alg: 'RS256' })}.${part({ iss: issuer })}.${part({})}`
      const exchange = createClient({ url: server.url }).call(machinesApi.exchange, { body: { id_token } })
      await assert.rejects(exchange, { code: 'unavailable', message })
    })
})
