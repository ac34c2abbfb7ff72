/** The audit chain: whole after normal use, broken by any later change, one end under concurrency. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { awaited } from '../store/awaited.fixture.ts'
import type { SqlValue } from '../store/db.ts'
import { openTemporaryStore } from '../store/open.ts'
import { auditLog, GENESIS, verifyAudit } from './audit.ts'
import type { AuditRow, Certified } from './audit.ts'
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

/** The hash as the format says it: sha256 of the fields but the hash, in the order of the table, as a JSON array. */
function hashed(row: Omit<AuditRow, 'hash'>): string {
  const { seq, at, actor, token_id, verb, resource, resource_id, detail, prev } = row
  const text = JSON.stringify([seq, at, actor, token_id, verb, resource, resource_id, detail, prev])
  return createHash('sha256').update(text).digest('hex')
}

describe('rows beside the audit chain', () => {
  for (const seq of [0, -1, null]) {
    test(`a row with the number ${seq} is found, though the chain itself is whole`, async () => {
      const store = await openTemporaryStore()
      try {
        const audit = auditLog(() => 1)
        await store.db.tx((t) => audit.record(t, SYSTEM, { verb: 'write', resource: 'models', id: 'm' }))
        assert.equal((await verifyAudit(store.db)).ok, true)
        await store.db.tx((t) =>
          t.run(
            `INSERT INTO audit SELECT ?, at, 'mallory', token_id, verb, resource, resource_id, detail, prev, hash FROM audit`,
            [seq],
          ),
        )
        const reason = 'there is a row before the first, or without a number'
        assert.deepEqual(await verifyAudit(store.db), { ok: false, seq: 0, reason })
      } finally {
        await store.close()
      }
    })
  }
})

describe('audit chain, row by row', () => {
  let store: Awaited<ReturnType<typeof openTemporaryStore>>
  const who = { ...SYSTEM, name: 'ann', token_id: 'tok' }
  const rows = () => store.db.all<AuditRow>('SELECT * FROM audit ORDER BY seq')
  const change = (sql: string, values: readonly SqlValue[] = []) => store.db.tx((t) => t.run(sql, values))

  before(async () => {
    store = await openTemporaryStore()
  })
  after(() => store.close())

  test('an empty chain is whole', async () => {
    assert.deepEqual(await verifyAudit(store.db), { ok: true, rows: 0, head: GENESIS })
    assert.match(GENESIS, /^0{64}$/)
  })

  test('each row says who did what to what and when, and has the hash of the one before and its own', async () => {
    let now = 5
    const audit = auditLog(() => now++)
    await awaited(store.db).tx(async (t) => {
      await audit.record(t, who, { verb: 'write', resource: 'models', id: 'm', detail: { to: ['ü', 1] } })
      await audit.record(t, SYSTEM, { verb: 'read', resource: 'runs', id: 'r' })
    })
    const found = await rows()
    const first = {
      seq: 1,
      at: 5,
      actor: 'ann',
      token_id: 'tok',
      verb: 'write',
      resource: 'models',
      resource_id: 'm',
      detail: '{"to":["ü",1]}',
      prev: GENESIS,
    }
    const second = {
      seq: 2,
      at: 6,
      actor: 'slipway',
      token_id: null,
      verb: 'read',
      resource: 'runs',
      resource_id: 'r',
      detail: '{}',
      prev: hashed(first),
    }
    assert.deepEqual(found, [
      { ...first, hash: hashed(first) },
      { ...second, hash: hashed(second) },
    ])
    assert.deepEqual(await verifyAudit(store.db), { ok: true, rows: 2, head: hashed(second) })
  })

  test('a chain of more rows than are read at once is walked to its end', async () => {
    const audit = auditLog(() => 7)
    await store.db.tx(async (t) => {
      for (let i = 0; i < 1998; i++) await audit.record(t, who, { verb: 'write', resource: 'models', id: `${i}` })
    })
    const last = (await rows()).at(-1)
    assert.deepEqual(await verifyAudit(store.db), { ok: true, rows: 2000, head: last?.hash })
    await store.db.tx((t) => audit.record(t, who, { verb: 'write', resource: 'models', id: 'one more' }))
    await change("UPDATE audit SET actor = 'eve' WHERE seq = 2001")
    assert.deepEqual(await verifyAudit(store.db), { ok: false, seq: 2001, reason: 'its content was changed' })
    await change("UPDATE audit SET actor = 'ann' WHERE seq = 2001")
  })

  test('a row whose hash was made anew no longer leads to the next; the first and the last are told too', async () => {
    const [first, second] = await rows()
    assert.ok(first && second)
    const forged = { ...first, actor: 'eve' }
    await change('UPDATE audit SET actor = ?, hash = ? WHERE seq = 1', [forged.actor, hashed(forged)])
    assert.deepEqual(await verifyAudit(store.db), {
      ok: false,
      seq: 2,
      reason: 'it does not follow the row before',
    })
    await change('UPDATE audit SET prev = ? WHERE seq = 1', ['1'.repeat(64)])
    assert.deepEqual(await verifyAudit(store.db), {
      ok: false,
      seq: 1,
      reason: 'it does not follow the row before',
    })
    await change('DELETE FROM audit WHERE seq IN (1, 2)')
    assert.deepEqual(await verifyAudit(store.db), { ok: false, seq: 1, reason: 'row 1 is missing' })
  })

  for (const field of ['at', 'actor', 'token_id', 'verb', 'resource', 'resource_id', 'detail'] as const) {
    test(`a changed ${field} is found`, async () => {
      await store.db.tx((t) => t.run('DELETE FROM audit'))
      await store.db.tx((t) =>
        auditLog(() => 9).record(t, who, { verb: 'write', resource: 'models', id: 'm', detail: { a: 1 } }),
      )
      await change(`UPDATE audit SET ${field} = ?`, [field === 'at' ? 10 : 'other'])
      assert.deepEqual(await verifyAudit(store.db), { ok: false, seq: 1, reason: 'its content was changed' })
    })
  }
})

describe('a chain and what is certified of it', () => {
  let store: Awaited<ReturnType<typeof openTemporaryStore>>
  let heads: string[]
  before(async () => {
    store = await openTemporaryStore()
    const audit = auditLog(() => 1)
    for (const id of ['a', 'b', 'c', 'd', 'e'])
      await store.db.tx((t) => audit.record(t, SYSTEM, { verb: 'write', resource: 'models', id }))
    heads = (await store.db.all<{ hash: string }>('SELECT hash FROM audit ORDER BY seq')).map(({ hash }) => hash)
  })
  after(() => store.close())

  const right = (rows: number) => ({ rows, head: heads[rows - 1] ?? '', at: `time ${rows}` })
  const wrong = (rows: number) => ({ rows, head: GENESIS, at: `time ${rows}` })
  const verify = (...certified: readonly Certified[]) => verifyAudit(store.db, certified)
  const told = (seq: number, rows: string, at: number) => ({
    ok: false,
    seq,
    reason: `${rows} not what the checkpoint of time ${at} has signed`,
  })

  test('is whole where each certified row is there with its hash', async () => {
    const whole = { ok: true, rows: 5, head: heads.at(-1) }
    assert.deepEqual(await verify(), whole)
    assert.deepEqual(await verify(right(1), right(3), right(3), right(5)), whole)
  })

  test('that was made anew is told from the first row on that nothing certifies', async () => {
    assert.deepEqual(await verify(wrong(1)), told(1, 'row 1 is', 1))
    assert.deepEqual(await verify(wrong(2)), told(1, 'rows 1 to 2 are', 2))
    assert.deepEqual(await verify(right(1), right(2), wrong(3)), told(3, 'row 3 is', 3))
    assert.deepEqual(await verify(right(2), wrong(5)), told(3, 'rows 3 to 5 are', 5))
    assert.deepEqual(await verify(wrong(2), wrong(4)), told(1, 'rows 1 to 2 are', 2))
  })

  test('is told at the row on which two that have signed it differ', async () => {
    assert.deepEqual(await verify(right(3), wrong(3)), told(3, 'row 3 is', 3))
    assert.deepEqual(await verify(wrong(3), right(3)), told(1, 'rows 1 to 3 are', 3))
  })

  test('that ends before what was signed lacks its next row', async () => {
    const lacks = (rows: number) => ({
      ok: false,
      seq: 6,
      reason: `row 6 is missing: the chain ends before it, and the checkpoint of time ${rows} has signed ${rows} rows`,
    })
    assert.deepEqual(await verify(right(4), wrong(6)), lacks(6))
    assert.deepEqual(await verify(wrong(6), wrong(9)), lacks(9))
  })
})
