/** Rows of jobs on SQLite. */
import { emptySqlite } from '../../test/databases.ts'
import { queueCases } from './queue.cases.ts'

queueCases('SQLite', emptySqlite)
