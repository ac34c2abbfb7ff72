/** The llm room on a real PostgreSQL. */
import { migratedPostgres } from '../../test/databases.ts'
import { llmCases } from './llm.cases.ts'

llmCases('PostgreSQL', migratedPostgres)
