/** Leases on SQLite. */
import { leaseCases } from './leases.cases.ts'
import { openJobs } from './sqlite.fixture.ts'

leaseCases('SQLite', openJobs)
