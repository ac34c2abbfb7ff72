/** The llm room on a real PostgreSQL. */
import { emptyPostgres } from '../../test/databases.ts'
import { llmCases } from './llm.cases.ts'

llmCases('PostgreSQL', emptyPostgres)
