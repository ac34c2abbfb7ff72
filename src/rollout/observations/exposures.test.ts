import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { migrate } from '../../store/migrate.ts'
import { openSqlite } from '../../store/sqlite/sqlite.ts'
import { EXPOSED } from './exposures.ts'

test('a page of exposures reads the index by arrival from its own time on', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-exposures-'))
  const db = openSqlite(join(folder, 'slipway.db'))
  await migrate(db)
  const plan = await db.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${EXPOSED}`, ['e', 1, 9, '1', '2', 1, 'a', 10])
  assert.match(plan[0]?.detail ?? '', /predictions_by_arrival \(endpoint=\? AND at>\? AND at<\?\)/)
  assert.doesNotMatch(
    plan.map((one) => one.detail).join('; '),
    /FOR ORDER BY/,
    'only rows of one millisecond are sorted',
  )
  await db.close()
  rmSync(folder, { recursive: true, force: true })
})
