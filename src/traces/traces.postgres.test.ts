/** Traces on a real PostgreSQL. */
import { emptyPostgres } from '../../test/databases.ts'
import { traceCases } from './traces.cases.ts'

traceCases('PostgreSQL', emptyPostgres)
