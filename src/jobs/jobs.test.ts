/** Jobs on SQLite and on a real PostgreSQL. */
import { emptyPostgres, emptySqlite } from '../../test/databases.ts'
import { jobCases } from './jobs.cases.ts'

jobCases('SQLite', emptySqlite)

jobCases('PostgreSQL', emptyPostgres)
