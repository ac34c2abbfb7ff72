/** Rows of jobs on SQLite. */
import { migratedSqlite } from '../../test/databases.ts'
import { queueCases } from './queue.cases.ts'

queueCases('SQLite', migratedSqlite)
