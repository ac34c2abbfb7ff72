/** Look-ups: little is read at once, much as a long read, and the rows are the same. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Db } from '../db.ts'
import { openTemporaryStore } from '../open.ts'
import { insertRows, lookUp, sql } from './sql.ts'

test('up to 2,000 rows come at once, more of them by a reader, all of them in order', async (t) => {
  const store = await openTemporaryStore()
  t.after(() => store.close())
  const rows = Array.from({ length: 2005 }, (_, i) => [`r${i % 5}`, `k${String(i).padStart(5, '0')}`, `${i}`])
  await store.db.tx(async (tx) => {
    await tx.run('CREATE TABLE looked_up (run TEXT, key TEXT, value TEXT, PRIMARY KEY (run, key))')
    await insertRows(tx, 'INSERT INTO looked_up (run, key, value)', rows)
  })
  let long = 0
  const db: Db = {
    kind: store.db.kind,
    all: (text, params) => store.db.all(text, params),
    get: (text, params) => store.db.get(text, params),
    tx: (work) => store.db.tx(work),
    search: (query) => {
      long++
      return store.db.search(query)
    },
    searchColumns: (query) => store.db.searchColumns(query),
    close: () => store.db.close(),
  }
  const of = (runs: readonly string[], least: string) =>
    lookUp<{ key: string; value: string }>(
      db,
      sql`SELECT key, value FROM looked_up WHERE run IN (${runs[0] ?? ''}, ${runs[1] ?? ''}, 'r2', 'r3', 'r4') AND key >= ${least} ORDER BY run, key`,
    )
  const wanted = (least: number) =>
    rows.filter((_, i) => i >= least).sort(([a = '', k = ''], [b = '', l = '']) => (a + k < b + l ? -1 : 1))
  for (const [least, searches] of [
    [5, 0],
    [4, 1],
    [0, 2],
  ] as const) {
    const found = await of(['r0', 'r1'], `k${String(least).padStart(5, '0')}`)
    assert.deepEqual(
      found.map(({ value }) => value),
      wanted(least).map(([, , value]) => value),
    )
    assert.equal(long, searches, `${found.length} rows`)
  }
})
