/** The PostgreSQL driver, on a real server. */
import { startPostgres } from '../../test/postgres.ts'
import { databaseCases } from './db.cases.ts'
import { openPostgres } from './postgres.ts'

databaseCases('PostgreSQL', async () => {
  const server = await startPostgres()
  const db = openPostgres(server.url)
  return {
    db,
    close: async () => {
      await db.close()
      await server.stop()
    },
  }
})
