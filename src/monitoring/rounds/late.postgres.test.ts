/** Rows that come late, on a real PostgreSQL. */
import { migratedPostgres } from '../../../test/databases.ts'
import { lateCases } from './late.cases.ts'

lateCases('PostgreSQL', migratedPostgres)
