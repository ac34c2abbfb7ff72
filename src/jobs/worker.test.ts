/** Workers on SQLite. */
import { migratedSqlite } from '../../test/databases.ts'
import { workerCases } from './worker.cases.ts'

workerCases('SQLite', migratedSqlite)
