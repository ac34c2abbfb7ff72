/** Jobs of features on SQLite. */
import { migratedSqlite } from '../../../test/databases.ts'
import { jobCases } from './jobs.cases.ts'

jobCases('SQLite', migratedSqlite)
