/** Jobs, leases and schedules on a real PostgreSQL. */
import { startPostgres } from '../../test/postgres.ts'
import { openPostgres } from '../store/postgres/postgres.ts'
import { jobCases } from './jobs.cases.ts'
import type { Opened } from './jobs.cases.ts'
import { leaseCases } from './leases.cases.ts'
import { queueCases } from './queue.cases.ts'
import { scheduleCases } from './schedule.cases.ts'

async function openServer(): Promise<Opened> {
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

for (const cases of [jobCases, queueCases, leaseCases, scheduleCases]) cases('PostgreSQL', openServer)
