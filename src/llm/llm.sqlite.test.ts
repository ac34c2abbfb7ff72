/** The llm room on SQLite. */
import { migratedSqlite } from '../../test/databases.ts'
import { llmCases } from './llm.cases.ts'

llmCases('SQLite', migratedSqlite)
