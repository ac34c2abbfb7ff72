/** Rollouts on SQLite. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqlite } from '../store/sqlite/sqlite.ts'
import { modeCases } from './modes.cases.ts'
import { rolloutCases } from './rollout.cases.ts'

async function open() {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-rollout-'))
  const db = openSqlite(join(folder, 'slipway.db'))
  return {
    db,
    close: async () => {
      await db.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

rolloutCases('SQLite', open)
modeCases('SQLite', open)
