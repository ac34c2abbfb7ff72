/** Retention and lost runs on a real PostgreSQL. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '../../../test/postgres.ts'
import { openStore } from '../../store/open.ts'
import { lostCases } from './lost.cases.ts'
import { retentionCases } from './retention.cases.ts'

for (const cases of [retentionCases, lostCases]) {
  cases('PostgreSQL', async () => {
    const server = await startPostgres()
    const dataDir = mkdtempSync(join(tmpdir(), 'slipway-retention-'))
    const store = await openStore({ dataDir, databaseUrl: server.url })
    return {
      ...store,
      close: async () => {
        await store.db.close()
        await server.stop()
        rmSync(dataDir, { recursive: true, force: true })
      },
    }
  })
}
