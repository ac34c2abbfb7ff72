/** The cost room on SQLite. */
import { emptySqlite } from '../../test/databases.ts'
import { costCases } from './cost.cases.ts'
import { ledgerCases } from './ledger.cases.ts'
import { reportCases } from './report.cases.ts'

costCases('SQLite', emptySqlite)
ledgerCases('SQLite', emptySqlite)
reportCases('SQLite', emptySqlite)
