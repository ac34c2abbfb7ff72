/** Calls of language models on SQLite. */
import { migratedSqlite } from '../../../test/databases.ts'
import { callCases } from './calls.cases.ts'

callCases('SQLite', migratedSqlite)
