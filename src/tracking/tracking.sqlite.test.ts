/** The tracking room on SQLite. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqlite } from '../store/sqlite/sqlite.ts'
import { trackingCases } from './tracking.cases.ts'

trackingCases('SQLite', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-tracking-'))
  const db = openSqlite(join(folder, 'slipway.db'))
  return {
    db,
    close: async () => {
      await db.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
})
