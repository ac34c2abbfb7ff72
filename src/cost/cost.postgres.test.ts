/** The cost room on a real PostgreSQL. */
import { startPostgres } from '../../test/postgres.ts'
import { openPostgres } from '../store/postgres/postgres.ts'
import { costCases } from './cost.cases.ts'
import { ledgerCases } from './ledger.cases.ts'
import { reportCases } from './report.cases.ts'

const open = async () => {
  const server = await startPostgres()
  const db = openPostgres(server.url)
  return {
    db,
    close: async () => {
      await db.close()
      await server.stop()
    },
  }
}

costCases('PostgreSQL', open)
ledgerCases('PostgreSQL', open)
reportCases('PostgreSQL', open)
