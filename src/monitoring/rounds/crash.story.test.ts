/** The killed evaluator on SQLite. */
import { migratedSqlite } from '../../../test/databases.ts'
import { crashCases } from './crash.cases.ts'

crashCases('SQLite', migratedSqlite)
