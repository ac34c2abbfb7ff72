/** Jobs, schedules and leases under a clock that is set, on SQLite and on a real PostgreSQL. */
import { migratedPostgres, migratedSqlite } from '../../test/databases.ts'
import { clockCases } from './clock.cases.ts'

clockCases('SQLite', migratedSqlite)

clockCases('PostgreSQL', migratedPostgres)
