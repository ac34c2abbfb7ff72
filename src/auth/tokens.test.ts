/** Tokens and sessions: found by their text, refused when wrong, old or revoked; links work once. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { makeIds } from '../contract/ids.ts'
import { openTemporaryStore } from '../store/open.ts'
import { auditLog } from './audit.ts'
import { authenticator, COOKIE } from './authenticate.ts'
import { SYSTEM, tokens } from './tokens.ts'
import type { Tokens } from './tokens.ts'

describe('tokens', () => {
  let store: Awaited<ReturnType<typeof openTemporaryStore>>
  let access: Tokens
  let now = 1_700_000_000_000
  const clock = () => now

  before(async () => {
    store = await openTemporaryStore()
    access = tokens({ db: store.db, clock, ids: makeIds(clock, randomBytes), audit: auditLog(clock) })
  })
  after(() => store.close())

  const refused = { code: 'unauthenticated' }

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
    await access.revoke(SYSTEM, row.id)
    await assert.rejects(access.findSession(secret), refused)
  })

  test('a link is too old after 15 minutes', async () => {
    const { token } = await access.create(SYSTEM, { name: 'late', role: 'viewer' })
    const code = await access.createLink(await access.find(token))
    now += 15 * 60_000 + 1
    await assert.rejects(access.openSession(code), refused)
  })

  test('Bearer, Basic with the token as password, and the cookie name the same caller', async () => {
    const { token } = await access.create(SYSTEM, { name: 'three', role: 'service' })
    const { secret } = await access.openSession(await access.createLink(await access.find(token)))
    const who = authenticator(access, false)
    const basic = `Basic ${Buffer.from(`any:${token}`).toString('base64')}`
    for (const headers of [
      { authorization: `Bearer ${token}` },
      { authorization: basic },
      { cookie: `a=b; ${COOKIE}=${secret}` },
    ]) {
      assert.equal((await who({ headers, method: 'GET' }))?.name, 'three')
    }
    assert.equal(await who({ headers: {}, method: 'GET' }), undefined)
    await assert.rejects(who({ headers: { authorization: 'Digest x' }, method: 'GET' }), refused)
  })

  test('without authentication a call without credential is an admin’s, and a wrong token is still refused', async () => {
    const open = authenticator(access, true)
    assert.equal((await open({ headers: {}, method: 'GET' }))?.role, 'admin')
    await assert.rejects(open({ headers: { authorization: 'Bearer nonsense' }, method: 'GET' }), refused)
  })
})
