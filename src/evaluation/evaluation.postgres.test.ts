/** The evaluation room on a real PostgreSQL. */
import { migratedPostgres } from '../../test/databases.ts'
import { evaluationCases } from './evaluation.cases.ts'

evaluationCases('PostgreSQL', migratedPostgres)
