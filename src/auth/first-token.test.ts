/** The token of the first start: made once, kept private, made anew when the file does not work. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { makeIds } from '../contract/ids.ts'
import { openTemporaryStore } from '../store/open.ts'
import { auditLog } from './audit.ts'
import { problem } from '../contract/errors.ts'
import { knownDamage } from '../store/damage.ts'
import { ifSoundOf } from '../store/if-sound.ts'
import { firstLink, firstToken } from './first-token.ts'
import { SYSTEM, tokens } from './tokens.ts'
import type { Tokens } from './tokens.ts'
import { ifSound } from '../store/if-sound.fixture.ts'

describe('first token', () => {
  let store: Awaited<ReturnType<typeof openTemporaryStore>>
  let access: Tokens
  let file: string
  let files = 0
  const clock = () => 1_700_000_000_000

  before(async () => {
    store = await openTemporaryStore()
    access = tokens({ db: store.db, clock, ids: makeIds(clock, randomBytes), audit: auditLog(clock) })
  })
  beforeEach(() => {
    file = join(store.dataDir, `token-${++files}`)
  })
  after(() => store.close())

  const count = async (): Promise<number> => (await access.list()).length

  test('is an admin’s, on a line of a file that only its owner reads', async () => {
    await firstToken(access, file, ifSound)
    const text = readFileSync(file, 'utf8')
    assert.match(text, /^slw_[a-z0-9]+\.[\w-]+\n$/)
    const who = await access.find(text.trim())
    assert.deepEqual([who.name, who.role, who.project], ['admin', 'admin', null])
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.equal((await access.list()).at(-1)?.created_by, SYSTEM.name)
  })

  test('a database that cannot be asked makes no token, and leaves the one that is there', async () => {
    await firstToken(access, file, ifSound)
    const first = readFileSync(file, 'utf8')
    const before = await count()
    const fault = problem('unavailable', { what: 'the database', detail: 'it cannot be reached' })
    await assert.rejects(firstToken({ ...access, find: () => Promise.reject(fault) }, file, ifSound), fault)
    assert.equal(readFileSync(file, 'utf8'), first)
    assert.equal(await count(), before)
  })

  test('a damaged database gets one that reads, in the file and in this process alone', async () => {
    await firstToken(access, file, ifSound)
    const first = readFileSync(file, 'utf8')
    const before = await count()
    const told: string[] = []
    const damaged = ifSoundOf(knownDamage(), ({ message }) => told.push(message))
    const refused = problem('storage_corrupt', { detail: 'page 7' })
    const unreadable = problem('storage_unreadable', { detail: 'page 7' })
    const make = () => Promise.reject(refused)
    await firstToken({ ...access, create: make }, file, damaged)
    assert.deepEqual([readFileSync(file, 'utf8'), told], [first, []], 'one that is known is kept')
    const asked = { ...access, find: () => Promise.reject(unreadable), create: make }
    await firstToken(asked, file, damaged)
    const lent = readFileSync(file, 'utf8').trim()
    const who = await access.find(lent)
    assert.deepEqual([who.role, who.project, who.token_id], ['viewer', null, null])
    assert.deepEqual(
      told.map((text) => /page 7/.test(text) && text.includes(file)),
      [true, true],
    )
    assert.equal(await count(), before)
    assert.equal(await firstLink(access, file, 'http://h'), null, 'it opens no session')
    const next = tokens({ db: store.db, clock, ids: makeIds(clock, randomBytes), audit: auditLog(clock) })
    await assert.rejects(next.find(lent), { code: 'unauthenticated' })
    await firstToken(next, file, ifSound)
    assert.equal((await next.find(readFileSync(file, 'utf8').trim())).role, 'admin', 'the next start makes one to keep')
  })

  test('one that works is kept, one that was revoked or is none is replaced, in the same private file', async () => {
    await firstToken(access, file, ifSound)
    const first = readFileSync(file, 'utf8')
    const before = await count()
    await firstToken(access, file, ifSound)
    assert.equal(readFileSync(file, 'utf8'), first)
    assert.equal(await count(), before)
    await access.revoke(SYSTEM, (await access.find(first.trim())).id)
    chmodSync(file, 0o644)
    await firstToken(access, file, ifSound)
    const second = readFileSync(file, 'utf8')
    assert.notEqual(second, first)
    assert.equal(statSync(file).mode & 0o777, 0o600)
    writeFileSync(file, 'nonsense')
    await firstToken(access, file, ifSound)
    assert.equal((await access.find(readFileSync(file, 'utf8').trim())).role, 'admin')
  })

  test('there is no link on a full disk, and any other fault is thrown', async () => {
    await firstToken(access, file, ifSound)
    const failing = (error: Error): Tokens => ({
      ...access,
      async createLink() {
        throw error
      },
    })
    assert.equal(await firstLink(failing(problem('storage_full')), file, 'http://h'), null)
    await assert.rejects(firstLink(failing(new Error('broken')), file, 'http://h'), /broken/)
  })

  test('its link opens one session of the admin', async () => {
    await firstToken(access, file, ifSound)
    const link = await firstLink(access, file, 'http://127.0.0.1:4600')
    const [, code = ''] = /^http:\/\/127\.0\.0\.1:4600\/login\/([\w-]+)$/.exec(link ?? '') ?? []
    const { secret } = await access.openSession(code)
    assert.equal((await access.findSession(secret)).name, 'admin')
  })
})
