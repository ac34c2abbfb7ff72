/** Steps get a credential of their attempt in their project, and no more; it is gone with the attempt. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { auditLog } from '../auth/audit.ts'
import { tokens } from '../auth/tokens.ts'
import { permits } from '../contract/access.ts'
import type { Resource, Verb } from '../contract/access.ts'
import { makeIds } from '../contract/ids.ts'
import { openTemporaryStore } from '../store/open.ts'
import { stepTokens } from './step-tokens.ts'

test('a token belongs to one attempt of one project, does what steps do, and ends with it', async (t) => {
  const store = await openTemporaryStore()
  t.after(() => store.close())
  let now = 1_000_000
  const clock = (): number => now
  const access = tokens({ db: store.db, clock, ids: makeIds(clock, randomBytes), audit: auditLog(clock) })
  const tokenOf = stepTokens(access, clock)
  const [first, again, other] = await Promise.all([tokenOf('a', 'att_1'), tokenOf('a', 'att_1'), tokenOf('b', 'att_2')])
  assert.equal(new Set([first, again, other]).size, 3)
  const who = await access.find(first)
  assert.deepEqual([who.role, who.project, who.attempt], ['contributor', 'a', 'att_1'])
  const may = (verb: Verb, resource: Resource): boolean => permits(who, { verb, resource })
  assert.deepEqual([may('write', 'runs'), may('write', 'artifacts'), may('write', 'models')], [true, true, true])
  assert.deepEqual([may('read', 'pipelines'), may('predict', 'endpoints')], [true, true])
  assert.equal(may('write', 'pipelines'), false, 'it would start other steps, whose tokens live on')
  await assert.rejects(access.createLink(who), /person or program/, 'a session would live on')

  assert.deepEqual(await access.list(), [], 'they come and go, so nobody has to look after them')
  assert.equal((await access.valid()).length, 3, 'gateways take them')

  // an end that is rolled back ends nothing
  await store.db
    .tx(async (tx) => {
      await access.endAttempt(tx, 'att_1')
      throw new Error('rolled back')
    })
    .catch(() => undefined)
  access.forget()
  assert.equal((await access.find(first)).attempt, 'att_1')

  await store.db.tx((tx) => access.endAttempt(tx, 'att_1'))
  access.forget()
  for (const text of [first, again]) await assert.rejects(access.find(text), /not known/)
  assert.equal((await access.find(other)).project, 'b')
  now += 15 * 86_400_000
  await assert.rejects(access.find(other), /expired/, 'one that never ends by itself')
})

test('what is being looked up while an attempt ends is not remembered', async (t) => {
  const store = await openTemporaryStore()
  t.after(() => store.close())
  const access = tokens({ db: store.db, clock: () => 1, ids: makeIds(() => 1, randomBytes), audit: auditLog(() => 1) })
  const text = await stepTokens(access, () => 1)('a', 'att_1')
  const asked = access.find(text)
  const ended = store.db.tx((tx) => access.endAttempt(tx, 'att_1')).then(() => access.forget())
  await Promise.allSettled([asked, ended])
  await assert.rejects(access.find(text), /not known/)
})
