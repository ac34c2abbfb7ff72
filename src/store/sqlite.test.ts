/** The SQLite driver: the contract, and what is its own: group commit, crashes, a full disk, other processes. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { databaseCases } from './db.cases.ts'
import { openSqlite } from './sqlite.ts'

databaseCases('SQLite', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-sqlite-'))
  const db = openSqlite(join(folder, 'test.db'))
  return {
    db,
    close: async () => {
      await db.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
})
