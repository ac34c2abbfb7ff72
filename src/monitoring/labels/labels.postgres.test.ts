/** Labels on a real PostgreSQL. */
import { migratedPostgres } from '../../../test/databases.ts'
import { labelCases } from './labels.cases.ts'

labelCases('PostgreSQL', migratedPostgres)
