/** Rollouts on a real PostgreSQL. */
import { emptyPostgres } from '../../test/databases.ts'
import { modeCases } from './modes.cases.ts'
import { rolloutCases } from './rollout.cases.ts'

rolloutCases('PostgreSQL', emptyPostgres)
modeCases('PostgreSQL', emptyPostgres)
