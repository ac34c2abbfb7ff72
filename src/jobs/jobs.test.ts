/** Jobs on SQLite. */
import { emptySqlite } from '../../test/databases.ts'
import { jobCases } from './jobs.cases.ts'

jobCases('SQLite', emptySqlite)
