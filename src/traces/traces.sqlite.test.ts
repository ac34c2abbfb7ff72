/** Traces on SQLite. */
import { emptySqlite } from '../../test/databases.ts'
import { traceCases } from './traces.cases.ts'

traceCases('SQLite', emptySqlite)
