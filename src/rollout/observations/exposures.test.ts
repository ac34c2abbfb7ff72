import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { migrate } from '../../store/migrate.ts'
import { openSqlite } from '../../store/sqlite/sqlite.ts'
import { arrivalsSql } from '../../serving/records/queries.ts'
import { fetchAll, sql } from '../../store/sql/sql.ts'

test('a page of exposures reads the index by arrival from its own time on', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-exposures-'))
  const db = openSqlite(join(folder, 'slipway.db'))
  await migrate(db)
  const page = { endpoint: 'e', from: 1, until: 9, versions: ['1', '2'], after: [1, 'a'], limit: 10 } as const
  const plan = await fetchAll<{ detail: string }>(db, sql`EXPLAIN QUERY PLAN ${arrivalsSql(page)}`)
  assert.match(plan[0]?.detail ?? '', /predictions_by_arrival \(endpoint=\? AND at>\? AND at<\?\)/)
  assert.doesNotMatch(
    plan.map((one) => one.detail).join('; '),
    /FOR ORDER BY/,
    'only rows of one millisecond are sorted',
  )
  await db.close()
  rmSync(folder, { recursive: true, force: true })
})
