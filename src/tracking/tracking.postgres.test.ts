/** The tracking room on a real PostgreSQL. */
import { migratedPostgres } from '../../test/databases.ts'
import { trackingCases } from './tracking.cases.ts'

trackingCases('PostgreSQL', migratedPostgres)
