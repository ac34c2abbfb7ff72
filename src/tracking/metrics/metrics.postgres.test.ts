/** Metrics on a real PostgreSQL. */
import { emptyPostgres } from '../../../test/databases.ts'
import { metricCases } from './metrics.cases.ts'

metricCases('PostgreSQL', emptyPostgres)
