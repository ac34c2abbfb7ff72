/** Crashes of a process that does jobs, on SQLite and on a real PostgreSQL. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '../../test/postgres.ts'
import { openPostgres } from '../store/postgres/postgres.ts'
import { openSqlite } from '../store/sqlite/sqlite.ts'
import { crashCases } from './crash.cases.ts'

crashCases('SQLite', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-jobs-'))
  const where = join(folder, 'test.db')
  const db = openSqlite(where)
  return {
    db,
    where,
    close: async () => {
      await db.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
})

crashCases('PostgreSQL', async () => {
  const server = await startPostgres()
  const db = openPostgres(server.url)
  return {
    db,
    where: server.url,
    close: async () => {
      await db.close()
      await server.stop()
    },
  }
})
