/** Jobs, leases and schedules on a real PostgreSQL. */
import { migratedPostgres } from '../../test/databases.ts'
import { jobCases } from './jobs.cases.ts'
import { leaseCases } from './leases.cases.ts'
import { queueCases } from './queue.cases.ts'
import { scheduleCases } from './schedule.cases.ts'
import { workerCases } from './worker.cases.ts'

for (const cases of [jobCases, queueCases, leaseCases, scheduleCases, workerCases])
  cases('PostgreSQL', migratedPostgres)
