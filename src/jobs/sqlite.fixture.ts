/** A SQLite database in a folder of its own, for tests of jobs. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqlite } from '../store/sqlite/sqlite.ts'
import type { Opened } from './jobs.cases.ts'

/** An empty database; `close` removes it. */
export async function openJobs(): Promise<Opened & { readonly where: string }> {
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
}
