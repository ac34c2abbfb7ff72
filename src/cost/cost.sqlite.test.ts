/** The cost room on SQLite. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqlite } from '../store/sqlite/sqlite.ts'
import { costCases } from './cost.cases.ts'
import { ledgerCases } from './ledger.cases.ts'
import { reportCases } from './report.cases.ts'

const open = async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-cost-'))
  const db = openSqlite(join(folder, 'slipway.db'))
  return {
    db,
    close: async () => {
      await db.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

costCases('SQLite', open)
ledgerCases('SQLite', open)
reportCases('SQLite', open)
