/** The tracking room on a real PostgreSQL. */
import { startPostgres } from '../../test/postgres.ts'
import { openPostgres } from '../store/postgres/postgres.ts'
import { trackingCases } from './tracking.cases.ts'

trackingCases('PostgreSQL', async () => {
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
