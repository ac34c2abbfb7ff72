/** Jobs on SQLite and on a real PostgreSQL. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '../../test/postgres.ts'
import { openPostgres } from '../store/postgres/postgres.ts'
import { openSqlite } from '../store/sqlite/sqlite.ts'
import { jobCases } from './jobs.cases.ts'

jobCases('SQLite', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-jobs-'))
  const db = openSqlite(join(folder, 'test.db'))
  return {
    db,
    close: async () => {
      await db.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
})

jobCases('PostgreSQL', async () => {
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
