/** The evaluation room on a real PostgreSQL. */
import { emptyPostgres } from '../../test/databases.ts'
import { evaluationCases } from './evaluation.cases.ts'

evaluationCases('PostgreSQL', emptyPostgres)
