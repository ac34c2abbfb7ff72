/** Traces on a real PostgreSQL. */
import { migratedPostgres } from '../../test/databases.ts'
import { traceCases } from './traces.cases.ts'

traceCases('PostgreSQL', migratedPostgres)
