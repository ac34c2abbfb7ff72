/** Traces on SQLite. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqlite } from '../store/sqlite/sqlite.ts'
import { traceCases } from './traces.cases.ts'

traceCases('SQLite', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-traces-'))
  const db = openSqlite(join(folder, 'slipway.db'))
  return {
    db,
    close: async () => {
      await db.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
})
