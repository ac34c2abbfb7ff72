/** The registry on a real PostgreSQL. */
import { startPostgres } from '../../test/postgres.ts'
import { openPostgres } from '../store/postgres/postgres.ts'
import { registryCases } from './registry.cases.ts'

registryCases('PostgreSQL', async () => {
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
