/** Rollouts on a real PostgreSQL. */
import { migratedPostgres } from '../../test/databases.ts'
import { rolloutCases } from './rollout.cases.ts'

rolloutCases('PostgreSQL', migratedPostgres)
