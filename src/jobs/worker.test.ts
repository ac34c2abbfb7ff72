/** Workers on SQLite. */
import { emptySqlite } from '../../test/databases.ts'
import { workerCases } from './worker.cases.ts'

workerCases('SQLite', emptySqlite)
