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
import { firstLink, firstToken } from './first-token.ts'
import { SYSTEM, tokens } from './tokens.ts'
import type { Tokens } from './tokens.ts'

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
    await firstToken(access, file)
    const text = readFileSync(file, 'utf8')
    assert.match(text, /^slw_[a-z0-9]+\.[\w-]+\n$/)
    const who = await access.find(text.trim())
    assert.deepEqual([who.name, who.role, who.project], ['admin', 'admin', null])
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.equal((await access.list()).at(-1)?.created_by, SYSTEM.name)
  })

  test('a database that cannot be asked makes no token, and leaves the one that is there', async () => {
    await firstToken(access, file)
    const first = readFileSync(file, 'utf8')
    const before = await count()
    const fault = problem('unavailable', { what: 'the database', detail: 'it cannot be reached' })
    await assert.rejects(firstToken({ ...access, find: () => Promise.reject(fault) }, file), fault)
    assert.equal(readFileSync(file, 'utf8'), first)
    assert.equal(await count(), before)
  })

  test('one that works is kept, one that was revoked or is none is replaced, in the same private file', async () => {
    await firstToken(access, file)
    const first = readFileSync(file, 'utf8')
    const before = await count()
    await firstToken(access, file)
    assert.equal(readFileSync(file, 'utf8'), first)
    assert.equal(await count(), before)
    await access.revoke(SYSTEM, (await access.find(first.trim())).id)
    chmodSync(file, 0o644)
    await firstToken(access, file)
    const second = readFileSync(file, 'utf8')
    assert.notEqual(second, first)
    assert.equal(statSync(file).mode & 0o777, 0o600)
    writeFileSync(file, 'nonsense')
    await firstToken(access, file)
    assert.equal((await access.find(readFileSync(file, 'utf8').trim())).role, 'admin')
  })

  test('there is no link on a full disk, and any other fault is thrown', async () => {
    await firstToken(access, file)
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
    await firstToken(access, file)
    const link = await firstLink(access, file, 'http://127.0.0.1:4600')
    const [, code = ''] = /^http:\/\/127\.0\.0\.1:4600\/login\/([\w-]+)$/.exec(link ?? '') ?? []
    const { secret } = await access.openSession(code)
    assert.equal((await access.findSession(secret)).name, 'admin')
  })
})
