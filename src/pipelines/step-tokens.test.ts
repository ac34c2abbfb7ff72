/** Steps get a credential of their project, and no more. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { auditLog } from '../auth/audit.ts'
import { tokens } from '../auth/tokens.ts'
import { makeIds } from '../contract/ids.ts'
import { openTemporaryStore } from '../store/open.ts'
import { stepTokens } from './step-tokens.ts'

test('a token belongs to one project as contributor, is shared for a week and then renewed', async () => {
  const store = await openTemporaryStore()
  let now = 1_000_000
  const clock = (): number => now
  const access = tokens({ db: store.db, clock, ids: makeIds(clock, randomBytes), audit: auditLog(clock) })
  const tokenOf = stepTokens(access, clock)
  const [first, same, other] = await Promise.all([tokenOf('a'), tokenOf('a'), tokenOf('b')])
  assert.equal(first, same)
  assert.notEqual(first, other)
  const who = await access.find(first)
  assert.deepEqual([who.role, who.project], ['contributor', 'a'])
  now += 8 * 86_400_000
  assert.notEqual(await tokenOf('a'), first)
  assert.equal((await access.find(first)).project, 'a', 'a step that still runs keeps its own')
  now += 7 * 86_400_000
  await assert.rejects(access.find(first), /credential/)
  await store.close()
})
