/** Jobs of features on a real PostgreSQL. */
import { migratedPostgres } from '../../../test/databases.ts'
import { jobCases } from './jobs.cases.ts'

jobCases('PostgreSQL', migratedPostgres)
