/** The check of attributions on a real PostgreSQL. */
import { migratedPostgres } from '../../../test/databases.ts'
import { attributionCases } from './attribution.cases.ts'

attributionCases('PostgreSQL', migratedPostgres)
