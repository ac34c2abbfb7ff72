/** The tracking room on a real PostgreSQL. */
import { emptyPostgres } from '../../test/databases.ts'
import { trackingCases } from './tracking.cases.ts'

trackingCases('PostgreSQL', emptyPostgres)
