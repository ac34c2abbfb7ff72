/** The time from merge to promoted on a real PostgreSQL. */
import { migratedPostgres } from '../../test/databases.ts'
import { mergeCases } from './merges.cases.ts'

mergeCases('PostgreSQL', migratedPostgres)
