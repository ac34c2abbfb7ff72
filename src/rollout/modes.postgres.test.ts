/** Ways of a rollout on a real PostgreSQL. */
import { migratedPostgres } from '../../test/databases.ts'
import { modeCases } from './modes.cases.ts'

modeCases('PostgreSQL', migratedPostgres)
