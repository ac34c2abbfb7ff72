/** The llm room on SQLite. */
import { emptySqlite } from '../../test/databases.ts'
import { llmCases } from './llm.cases.ts'

llmCases('SQLite', emptySqlite)
