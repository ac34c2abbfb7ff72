/** Labels on a real PostgreSQL. */
import { startPostgres } from '../../../test/postgres.ts'
import { migrate } from '../../store/migrate.ts'
import { openPostgres } from '../../store/postgres/postgres.ts'
import { labelCases } from './labels.cases.ts'

labelCases('PostgreSQL', async () => {
  const server = await startPostgres()
  const db = openPostgres(server.url)
  await migrate(db)
  return {
    db,
    close: async () => {
      await db.close()
      await server.stop()
    },
  }
})
