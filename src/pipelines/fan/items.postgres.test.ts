/** Items of steps on a real PostgreSQL. */
import type { TestContext } from 'node:test'
import { startPostgres } from '../../../test/postgres.ts'
import { fanCases } from './items.cases.ts'

async function database(t: TestContext): Promise<string> {
  const server = await startPostgres()
  t.after(() => server.stop())
  return server.url
}

fanCases('PostgreSQL', database)
