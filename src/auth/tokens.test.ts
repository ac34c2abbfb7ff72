/** Tokens and sessions: found by their text, refused when wrong, old or revoked; links work once. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { makeIds } from '../contract/ids.ts'
import { awaited, dbWith } from '../store/awaited.fixture.ts'
import type { Db, SqlValue } from '../store/db.ts'
import { openTemporaryStore } from '../store/open.ts'
import { auditLog } from './audit.ts'
import { SYSTEM, tokens } from './tokens.ts'
import type { Tokens } from './tokens.ts'

describe('tokens', () => {
  let store: Awaited<ReturnType<typeof openTemporaryStore>>
  let access: Tokens
  let now = 1_700_000_000_000
  const clock = () => now
  const tokensOf = (db: Db) => tokens({ db, clock, ids: makeIds(clock, randomBytes), audit: auditLog(clock) })

  before(async () => {
    store = await openTemporaryStore()
    access = tokensOf(awaited(store.db))
  })
  after(() => store.close())

  const refused = { code: 'unauthenticated' }
  const make = (name: string) => access.create(SYSTEM, { name, role: 'viewer' })

  test('a token is found by its text and kept only as a hash', async () => {
    const { token, row } = await access.create(SYSTEM, { name: 'ci', role: 'contributor', project: 'flights' })
    const who = await access.find(token)
    assert.deepEqual([who.name, who.role, who.project], ['ci', 'contributor', 'flights'])
    assert.equal(JSON.stringify(await access.list()).includes(token.split('.')[1] ?? '?'), false)
    assert.match(row.hash, /^[0-9a-f]{64}$/)
  })

  for (const wrong of [
    '',
    'slw_',
    'slw_abc.def',
    'Bearer x',
    `slw_abc.${'a'.repeat(32)}`,
    "slw_x.' OR 1=1 --aaaaaaaaaaaa",
  ]) {
    test(`the text ${JSON.stringify(wrong)} is refused`, () => assert.rejects(access.find(wrong), refused))
  }

  test('a token of a step is not in the trail, which has its attempt; every other is', async () => {
    const told = async (attempt?: string): Promise<number> => {
      const { row } = await access.create(SYSTEM, {
        name: 'step',
        role: 'viewer',
        ...(attempt !== undefined && { attempt }),
      })
      return (await store.db.all('SELECT seq FROM audit WHERE resource_id = ?', [row.id])).length
    }
    assert.deepEqual([await told('attempt'), await told()], [0, 1])
  })

  test('a code that leads nowhere costs no transaction', async () => {
    const tx = async (): Promise<never> => assert.fail('a transaction')
    const db = Object.assign(Object.create(store.db) as typeof store.db, { get: store.db.get.bind(store.db), tx })
    const poor = tokensOf(db)
    const who = await access.find((await make('linked')).token)
    const [used, old] = [await access.createLink(who), await access.createLink(who)]
    await access.openSession(used)
    now += 15 * 60_000
    const open = await access.createLink(who)
    for (const code of ['nothing', used, old]) await assert.rejects(poor.openSession(code), refused)
    await assert.rejects(poor.openSession(open), /a transaction/)
  })

  test('a link opens the session of its own holder, and leaves the others', async () => {
    const codes: string[] = []
    for (const name of ['left', 'right'])
      codes.push(await access.createLink(await access.find((await make(name)).token)))
    const opened: string[] = []
    for (const code of codes) opened.push((await access.findSession((await access.openSession(code)).secret)).name)
    assert.deepEqual(opened, ['left', 'right'])
  })

  test('of two that open a link at once one is refused', async () => {
    const code = await access.createLink(await access.find((await make('hurried')).token))
    const [one, two] = await Promise.allSettled([access.openSession(code), access.openSession(code)])
    assert.deepEqual([one.status, two.status].sort(), ['fulfilled', 'rejected'])
    const { reason } = [one, two].find(({ status }) => status === 'rejected') as PromiseRejectedResult
    assert.equal((reason as { code?: string }).code, 'unauthenticated')
  })

  test('a session whose token is no longer there has ended', async () => {
    const { token, row } = await make('deleted')
    const { secret } = await access.openSession(await access.createLink(await access.find(token)))
    await store.db.tx((t) => t.run('DELETE FROM tokens WHERE id = ?', [row.id]))
    access.forget()
    await assert.rejects(access.findSession(secret), { ...refused, message: /the session has ended/ })
  })

  test('the tokens of an attempt end with it, once they are let go of; those of others stay', async () => {
    const step = (attempt: string) => access.create(SYSTEM, { name: attempt, role: 'viewer', attempt })
    const [ended, other, person] = [await step('ended'), await step('other'), await make('beside')]
    await access.find(ended.token)
    await awaited(store.db).tx((t) => access.endAttempt(t, 'ended'))
    access.forget()
    await assert.rejects(access.find(ended.token), refused)
    assert.equal((await access.find(other.token)).attempt, 'other')
    assert.equal((await access.find(person.token)).name, 'beside')
    const names = (await access.list()).map(({ name }) => name)
    assert.deepEqual([names.includes('other'), names.includes('beside')], [false, true])
  })

  test('a database that could not be asked is asked again by the next', async () => {
    const { token } = await make('asked twice')
    const fault = new Error('the database is away')
    let isAway = true
    const get: Db['get'] = (sql, params) => (isAway ? Promise.reject(fault) : store.db.get(sql, params))
    const access = tokensOf(dbWith(store.db, { get }))
    await assert.rejects(access.find(token), fault)
    isAway = false
    assert.equal((await access.find(token)).name, 'asked twice')
  })

  test('what was read before it was let go of is not kept after', async () => {
    const { token, row } = await make('read')
    const read = Promise.withResolvers<void>()
    const go = Promise.withResolvers<void>()
    const slow = tokensOf(
      dbWith(store.db, {
        async get<T>(sql: string, params?: readonly SqlValue[]) {
          const found = await store.db.get<T>(sql, params)
          read.resolve()
          await go.promise
          return found
        },
      }),
    )
    const finding = slow.find(token)
    await read.promise
    await store.db.tx((t) => t.run('UPDATE tokens SET revoked_at = ? WHERE id = ?', [now, row.id]))
    slow.forget()
    go.resolve()
    assert.equal((await finding).name, 'read')
    await assert.rejects(slow.find(token), /the token was revoked/)
  })

  test('an expired and a revoked token are refused', async () => {
    const old = await access.create(SYSTEM, { name: 'old', role: 'viewer', expires_at: now + 1000 })
    now += 1001
    await assert.rejects(access.find(old.token), refused)
    const bad = await access.create(SYSTEM, { name: 'bad', role: 'viewer' })
    await access.find(bad.token)
    await access.revoke(SYSTEM, bad.row.id)
    await assert.rejects(access.find(bad.token), refused)
    await assert.rejects(access.revoke(SYSTEM, bad.row.id), { code: 'not_found' })
  })

  test('a clock that is set back does not keep a token alive that another replica revoked', async () => {
    const { token, row } = await access.create(SYSTEM, { name: 'gone', role: 'viewer' })
    await access.find(token)
    await store.db.tx((t) => t.run('UPDATE tokens SET revoked_at = ? WHERE id = ?', [now, row.id]))
    now -= 86_400_000
    await assert.rejects(access.find(token), refused)
    now += 86_400_000
  })

  test('a caller of one project sees and revokes the tokens of that project alone', async () => {
    const mine = await access.create(SYSTEM, { name: 'mine', role: 'viewer', project: 'own' })
    const other = await access.create(SYSTEM, { name: 'other', role: 'viewer', project: 'other' })
    const who = { ...SYSTEM, project: 'own' }
    assert.deepEqual(
      (await access.list('own')).map(({ name }) => name),
      ['mine'],
    )
    await assert.rejects(access.revoke(who, other.row.id), { code: 'not_found' })
    await access.find(other.token)
    await access.revoke(who, mine.row.id)
    await assert.rejects(access.find(mine.token), refused)
  })

  test('a login link opens one session; revoking the token ends it', async () => {
    const { token, row } = await access.create(SYSTEM, { name: 'me', role: 'maintainer' })
    const code = await access.createLink(await access.find(token))
    const { secret } = await access.openSession(code)
    assert.equal((await access.findSession(secret)).name, 'me')
    await assert.rejects(access.openSession(code), refused)
    const sessions = () => store.db.all('SELECT hash FROM sessions WHERE token_id = ?', [row.id])
    assert.equal((await sessions()).length, 1)
    await access.revoke(SYSTEM, row.id)
    await assert.rejects(access.findSession(secret), refused)
    assert.deepEqual(await sessions(), [])
  })

  test('a link is too old after 15 minutes', async () => {
    const { token } = await access.create(SYSTEM, { name: 'late', role: 'viewer' })
    const code = await access.createLink(await access.find(token))
    now += 15 * 60_000 + 1
    await assert.rejects(access.openSession(code), refused)
  })

  test('the text has the id and 192 random bits; the row has the hash of the secret alone', async () => {
    const [one, two] = [await make('one'), await make('two')]
    const [, id, secret = ''] = /^slw_([a-z0-9]{20})\.([\w-]{32})$/.exec(one.token) ?? []
    assert.equal(id, one.row.id)
    assert.equal(one.row.hash, createHash('sha256').update(secret).digest('hex'))
    assert.notEqual(two.token.split('.')[1], secret)
    assert.deepEqual(await access.find(one.token), {
      id,
      name: 'one',
      role: 'viewer',
      project: null,
      token_id: id,
    })
  })

  test('a right id with another’s secret is refused', async () => {
    const [one, two] = [await make('one'), await make('two')]
    const mixed = `${one.token.split('.')[0]}.${two.token.split('.')[1]}`
    await assert.rejects(access.find(mixed), /the token is not known/)
    await access.find(one.token)
    await assert.rejects(access.find(mixed), /the token is not known/)
  })

  test('each refusal says what is wrong', async () => {
    const { token, row } = await make('told')
    await assert.rejects(access.find(`${token}!`), /a token looks like slw_ID.SECRET/)
    await assert.rejects(access.find(`x${token}`), /a token looks like slw_ID.SECRET/)
    await assert.rejects(access.find(`slw_unknown.${token.split('.')[1]}`), /the token is not known/)
    const short = await access.create(SYSTEM, { name: 'short', role: 'viewer', expires_at: now + 10 })
    now += 9
    await access.find(short.token)
    now += 1
    await assert.rejects(access.find(short.token), /the token has expired/)
    await access.revoke(SYSTEM, row.id)
    await assert.rejects(access.find(token), /the token was revoked/)
    await assert.rejects(access.revoke(SYSTEM, 'nobody'), /nobody/)
  })

  test('a token that another replica revoked stops working within five seconds', async () => {
    const { token, row } = await make('elsewhere')
    await access.find(token)
    await store.db.tx((t) => t.run('UPDATE tokens SET revoked_at = ? WHERE id = ?', [now, row.id]))
    now += 4999
    assert.equal((await access.find(token)).name, 'elsewhere')
    now += 1
    await assert.rejects(access.find(token), /the token was revoked/)
  })

  test('a lookup of five seconds does not ask the database again, one after that does', async () => {
    let asked = 0
    const get: typeof store.db.get = (sql, values) => {
      asked++
      return store.db.get(sql, values)
    }
    const db = new Proxy(store.db, { get: (of, name) => (name === 'get' ? get : Reflect.get(of, name)) as unknown })
    const counted = tokensOf(db)
    const { token } = await make('asked')
    for (let i = 0; i < 3; i++) await counted.find(token)
    assert.equal(asked, 1)
    now += 4999
    await counted.find(token)
    assert.equal(asked, 1)
    now += 2
    await counted.find(token)
    assert.equal(asked, 2)
    const { secret } = await access.openSession(await access.createLink(await access.find(token)))
    now += 5001
    asked = 0
    await counted.findSession(secret)
    assert.equal(asked, 2, 'the session and its token')
    await counted.findSession(secret)
    assert.equal(asked, 3, 'the session alone')
  })

  test('more texts than are remembered are found all the same', async () => {
    const { token } = await make('many')
    await access.find(token)
    const others = await Promise.all(Array.from({ length: 20 }, (_, i) => make(`other ${i}`)))
    for (let i = 0; i < 1001; i++) await access.find(others[i % 20]?.token ?? '')
    assert.equal((await access.find(token)).name, 'many')
  })

  test('tokens are listed oldest first, all of them or those of one project', async () => {
    now += 1
    await access.create(SYSTEM, { name: 'z first', role: 'viewer', project: 'listed' })
    now += 1
    await access.create(SYSTEM, { name: 'a second', role: 'viewer', project: 'listed' })
    const named = (rows: readonly { name: string }[]): string[] => rows.map((row) => row.name)
    assert.deepEqual(named(await access.list('listed')), ['z first', 'a second'])
    const all = await access.list()
    assert.deepEqual(named(all.slice(-2)), ['z first', 'a second'])
    assert.deepEqual(
      all.map((row) => row.created_at),
      all.map((row) => row.created_at).toSorted((a, b) => a - b),
    )
    assert.deepEqual(named(await access.list(null)), named(all))
  })

  test('those that are valid now: neither revoked nor past their end', async () => {
    const rows = { kept: await make('v kept'), gone: await make('v gone') }
    const ends = await access.create(SYSTEM, { name: 'v ends', role: 'viewer', expires_at: now + 100 })
    await access.revoke(SYSTEM, rows.gone.row.id)
    const valid = async (): Promise<string[]> =>
      (await access.valid())
        .map((row) => row.name)
        .filter((name) => name.startsWith('v '))
        .sort()
    now += 99
    assert.deepEqual(await valid(), ['v ends', 'v kept'])
    now += 1
    assert.deepEqual(await valid(), ['v kept'])
    await assert.rejects(access.find(ends.token), refused)
  })

  test('who made and who revoked a token is in the audit chain', async () => {
    const who = { ...SYSTEM, name: 'boss', token_id: 'tok' }
    const { row } = await access.create(who, { name: 'traced', role: 'admin', project: 'p', expires_at: now + 5000 })
    await access.revoke({ ...who, name: 'other boss' }, row.id)
    const entries = await store.db.all<{ actor: string; verb: string; resource: string; detail: string }>(
      'SELECT actor, verb, resource, detail FROM audit WHERE resource_id = ? ORDER BY seq',
      [row.id],
    )
    assert.deepEqual(
      entries.map(({ detail, ...entry }) => ({ ...entry, detail: JSON.parse(detail) as unknown })),
      [
        {
          actor: 'boss',
          verb: 'manage',
          resource: 'tokens',
          detail: { action: 'create', name: 'traced', role: 'admin', project: 'p', expires_at: now + 5000 },
        },
        { actor: 'other boss', verb: 'manage', resource: 'tokens', detail: { action: 'revoke' } },
      ],
    )
    const { created_by } = (await access.list('p')).find((one) => one.id === row.id) ?? {}
    assert.equal(created_by, 'boss')
  })

  test('a session lasts twelve hours, and ends with its token or when it is closed', async () => {
    const ends = await access.create(SYSTEM, { name: 'ends', role: 'viewer', expires_at: now + 3600_000 })
    const opened = async (token: string): Promise<{ secret: string; maxAgeS: number }> =>
      access.openSession(await access.createLink(await access.find(token)))
    const [long, short, closed] = [
      await opened((await make('long')).token),
      await opened(ends.token),
      await opened((await make('closed')).token),
    ]
    assert.equal(long.maxAgeS, 12 * 3600)
    await access.closeSession(closed.secret)
    await assert.rejects(access.findSession(closed.secret), /the session has ended/)
    await assert.rejects(access.findSession('unknown'), /the session has ended/)
    assert.equal((await access.findSession(short.secret)).name, 'ends')
    now += 3600_000
    await assert.rejects(access.findSession(short.secret), /the token has expired/)
    now += 11 * 3600_000 - 1
    assert.equal((await access.findSession(long.secret)).name, 'long')
    now += 1
    await assert.rejects(access.findSession(long.secret), /the session has ended/)
  })

  test('a gateway takes the token of an attempt for five to ten minutes that nobody tells it of, and is told anew before that', async () => {
    const end = now + 86_400_000
    await access.create(SYSTEM, { name: 'person', role: 'viewer', expires_at: end })
    const { row } = await access.create(SYSTEM, { name: 'step', role: 'contributor', expires_at: end, attempt: 'at_1' })
    const told = async () => (await access.valid()).find(({ id }) => id === row.id)?.expires_at ?? 0
    const ends = new Set<number>()
    for (let minute = 0; minute < 60; minute++, now += 60_000) {
      const until = (await told()) - now
      assert.ok(until > 300_000 && until <= 600_000, `minute ${minute}: ${until}`)
      ends.add(await told())
    }
    assert.ok(ends.size >= 12 && ends.size <= 13, 'the table changes each five minutes, and not each second')
    assert.equal((await access.valid()).find(({ name }) => name === 'person')?.expires_at, end)
    now = end - 1000
    assert.equal(await told(), end, 'and never longer than the token itself')
    now = end - 86_400_000
  })

  test('a link works until its fifteenth minute has passed, and only for the holder of a token', async () => {
    const who = await access.find((await make('in time')).token)
    const [early, late] = [await access.createLink(who), await access.createLink(who)]
    assert.notEqual(early, late)
    assert.match(early, /^[\w-]{32}$/)
    now += 15 * 60_000 - 1
    assert.match((await access.openSession(early)).secret, /^[\w-]{32}$/)
    now += 1
    await assert.rejects(access.openSession(late), /was used or is too old/)
    await assert.rejects(access.openSession(early), /was used or is too old/)
    await assert.rejects(access.createLink(SYSTEM), /a login link is made with a token/)
    const step = await access.create(SYSTEM, { name: 'step', role: 'admin', attempt: 'at_2' })
    await assert.rejects(access.createLink(await access.find(step.token)), /a token of a person or program/)
  })
})

describe('tokens that cannot be written', () => {
  const clock = () => 1_700_000_000_000

  /** A store that has lost a table, and tokens in it whose ids are all the same. */
  async function broken(lost: string) {
    const store = await openTemporaryStore()
    const access = tokens({ db: store.db, clock, ids: () => 't_same', audit: auditLog(clock) })
    const { token, row } = await access.create(SYSTEM, { name: 'one', role: 'viewer' })
    const code = await access.createLink(await access.find(token))
    await store.db.tx((t) => t.run(`DROP TABLE ${lost}`))
    const fresh = tokens({ db: store.db, clock, ids: () => 't_other', audit: auditLog(clock) })
    return { store, access, fresh, token, row, code }
  }

  test('a change without its entry in the audit chain is not made', async () => {
    const { store, fresh, token, row } = await broken('audit')
    await assert.rejects(fresh.create(SYSTEM, { name: 'two', role: 'viewer' }))
    assert.equal((await fresh.list()).length, 1)
    await assert.rejects(fresh.revoke(SYSTEM, row.id))
    assert.equal((await fresh.find(token)).name, 'one')
    await store.close()
  })

  test('without a place for sessions a link stays unused, and its token is not revoked', async () => {
    const { store, fresh, token, row, code } = await broken('sessions')
    await assert.rejects(fresh.openSession(code))
    const links = await store.db.all<{ used_at: number | null }>('SELECT used_at FROM login_links')
    assert.deepEqual(links, [{ used_at: null }])
    await assert.rejects(fresh.revoke(SYSTEM, row.id))
    await assert.rejects(fresh.closeSession('any'))
    assert.equal((await fresh.find(token)).name, 'one')
    await store.close()
  })

  test('an id that is taken makes no second token', async () => {
    const { store, access } = await broken('login_links')
    await assert.rejects(access.create(SYSTEM, { name: 'two', role: 'viewer' }))
    await assert.rejects(access.createLink({ ...SYSTEM, token_id: 'same' }))
    assert.deepEqual(
      (await access.list()).map((row) => row.name),
      ['one'],
    )
    await store.close()
  })
})
