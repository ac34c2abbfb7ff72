/** The cost room on a real PostgreSQL. */
import { emptyPostgres } from '../../test/databases.ts'
import { costCases } from './cost.cases.ts'
import { ledgerCases } from './ledger.cases.ts'
import { reportCases } from './report.cases.ts'

costCases('PostgreSQL', emptyPostgres)
ledgerCases('PostgreSQL', emptyPostgres)
reportCases('PostgreSQL', emptyPostgres)
