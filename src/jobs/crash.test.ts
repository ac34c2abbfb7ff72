/** Crashes of a process that does jobs, on SQLite and on a real PostgreSQL. */
import { emptyPostgres, emptySqlite } from '../../test/databases.ts'
import { crashCases } from './crash.cases.ts'

crashCases('SQLite', emptySqlite)

crashCases('PostgreSQL', emptyPostgres)
