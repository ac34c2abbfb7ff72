/** Pools on a real PostgreSQL, with two control processes. */
import type { TestContext } from 'node:test'
import { startPostgres } from '../../../test/postgres.ts'
import { poolCases, poolRaces } from './pools.cases.ts'

async function database(t: TestContext): Promise<string> {
  const server = await startPostgres()
  t.after(() => server.stop())
  return server.url
}

poolCases('PostgreSQL', database)
poolRaces(database)
