/** The audit chain: whole after normal use, broken by any later change, one end under concurrency. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openTemporaryStore } from '../store/open.ts'
import { auditLog, GENESIS, verifyAudit } from './audit.ts'
import { SYSTEM } from './tokens.ts'

describe('audit chain', () => {
  let store: Awaited<ReturnType<typeof openTemporaryStore>>
  const audit = auditLog(() => 1_700_000_000_000)
  const add = (id: string) =>
    store.db.tx((t) => audit.record(t, SYSTEM, { verb: 'write', resource: 'models', id, detail: { id } }))

  before(async () => {
    store = await openTemporaryStore()
    await Promise.all(Array.from({ length: 50 }, (_, i) => add(`m${i}`)))
  })
  after(() => store.close())

  test('50 concurrent entries form one whole chain', async () => {
    const verdict = await verifyAudit(store.db)
    assert.equal(verdict.ok, true)
    assert.equal(verdict.ok && verdict.rows, 50)
    const first = await store.db.get<{ prev: string }>('SELECT prev FROM audit WHERE seq = 1')
    assert.equal(first?.prev, GENESIS)
  })

  test('an entry of a transaction that fails is not kept', async () => {
    const failing = store.db.tx(async (t) => {
      await audit.record(t, SYSTEM, { verb: 'write', resource: 'models', id: 'never' })
      throw new Error('no')
    })
    await assert.rejects(failing, /no/)
    const verdict = await verifyAudit(store.db)
    assert.equal(verdict.ok && verdict.rows, 50)
  })

  test('a clock that is set back does not break the chain: its order is its own', async () => {
    let now = 1_700_000_000_000
    const moved = auditLog(() => now)
    for (const step of [0, 3_600_000, -7_200_000, 1, -86_400_000]) {
      now += step
      await store.db.tx((t) => moved.record(t, SYSTEM, { verb: 'write', resource: 'models', id: `at ${step}` }))
    }
    const verdict = await verifyAudit(store.db)
    assert.equal(verdict.ok && verdict.rows, 55)
  })

  for (const [what, sql, seq] of [
    ['changed content', `UPDATE audit SET detail = '{}' WHERE seq = 7`, 7],
    ['a row taken out', 'DELETE FROM audit WHERE seq = 5', 5],
  ] as const) {
    test(`${what} is found`, async () => {
      await store.db.tx((t) => t.run(sql))
      const verdict = await verifyAudit(store.db)
      assert.equal(verdict.ok, false)
      assert.equal(!verdict.ok && verdict.seq, seq)
    })
  }
})
