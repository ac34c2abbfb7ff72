/** Metrics on a real PostgreSQL. */
import { migratedPostgres } from '../../../test/databases.ts'
import { metricCases } from './metrics.cases.ts'

metricCases('PostgreSQL', migratedPostgres)
