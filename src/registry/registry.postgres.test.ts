/** The registry on a real PostgreSQL. */
import { migratedPostgres } from '../../test/databases.ts'
import { registryCases } from './registry.cases.ts'

registryCases('PostgreSQL', migratedPostgres)
