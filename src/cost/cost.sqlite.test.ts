/** The cost room on SQLite. */
import { migratedSqlite } from '../../test/databases.ts'
import { costCases } from './cost.cases.ts'
import { ledgerCases } from './ledger.cases.ts'
import { llmEntryCases } from './llm-entries.cases.ts'
import { reportCases } from './report.cases.ts'

costCases('SQLite', migratedSqlite)
ledgerCases('SQLite', migratedSqlite)
reportCases('SQLite', migratedSqlite)
llmEntryCases('SQLite', migratedSqlite)
