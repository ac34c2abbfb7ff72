/** The killed evaluator on PostgreSQL. */
import { migratedPostgres } from '../../../test/databases.ts'
import { crashCases } from './crash.cases.ts'

crashCases('PostgreSQL', migratedPostgres)
