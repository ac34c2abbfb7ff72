/** Crashes of a process that does jobs, on SQLite and on a real PostgreSQL. */
import { migratedPostgres, migratedSqlite } from '../../test/databases.ts'
import { crashCases } from './crash.cases.ts'

crashCases('SQLite', migratedSqlite)

crashCases('PostgreSQL', migratedPostgres)
