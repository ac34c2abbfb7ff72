/** Calls of language models on a real PostgreSQL. */
import { migratedPostgres } from '../../../test/databases.ts'
import { callCases } from './calls.cases.ts'

callCases('PostgreSQL', migratedPostgres)
