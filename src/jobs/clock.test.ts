/** Jobs, schedules and leases under a clock that is set, on SQLite and on a real PostgreSQL. */
import { emptyPostgres, emptySqlite } from '../../test/databases.ts'
import { clockCases } from './clock.cases.ts'

clockCases('SQLite', emptySqlite)

clockCases('PostgreSQL', emptyPostgres)
