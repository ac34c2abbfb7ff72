/** The cost room on a real PostgreSQL. */
import { migratedPostgres } from '../../test/databases.ts'
import { costCases } from './cost.cases.ts'
import { ledgerCases } from './ledger.cases.ts'
import { llmEntryCases } from './llm-entries.cases.ts'
import { reportCases } from './report.cases.ts'

costCases('PostgreSQL', migratedPostgres)
ledgerCases('PostgreSQL', migratedPostgres)
reportCases('PostgreSQL', migratedPostgres)
llmEntryCases('PostgreSQL', migratedPostgres)
