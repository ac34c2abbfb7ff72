/** Rollouts on a real PostgreSQL. */
import { startPostgres } from '../../test/postgres.ts'
import { openPostgres } from '../store/postgres/postgres.ts'
import { modeCases } from './modes.cases.ts'
import { rolloutCases } from './rollout.cases.ts'

async function open() {
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

rolloutCases('PostgreSQL', open)
modeCases('PostgreSQL', open)
