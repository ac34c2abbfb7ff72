/** Traces on SQLite. */
import { migratedSqlite } from '../../test/databases.ts'
import { traceCases } from './traces.cases.ts'

traceCases('SQLite', migratedSqlite)
