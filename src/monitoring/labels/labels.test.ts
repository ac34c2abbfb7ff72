/** Labels on SQLite, and the plan by which it finds their predictions. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTemporaryStore } from '../../store/open.ts'
import { labelCases } from './labels.cases.ts'
import { eventTimesSql } from '../../serving/records/queries.ts'
import { fetchAll, sql } from '../../store/sql/sql.ts'

labelCases('SQLite', openTemporaryStore)

for (const n of [1, 20, 200]) {
  test(`the predictions of ${n} labels are looked up one by one, however many there are`, async () => {
    const store = await openTemporaryStore()
    const ids = Array.from({ length: n }, (_, i) => `p${i}`)
    const plan = await fetchAll<{ detail: string }>(store.db, sql`EXPLAIN QUERY PLAN ${eventTimesSql('e', ids)}`)
    await store.close()
    const steps = plan.map((step) => step.detail).join('; ')
    assert.match(steps, /SEARCH p USING INDEX \S+ \(endpoint=\? AND id=\?\)/)
  })
}
