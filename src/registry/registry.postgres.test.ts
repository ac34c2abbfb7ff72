/** The registry on a real PostgreSQL. */
import { emptyPostgres } from '../../test/databases.ts'
import { registryCases } from './registry.cases.ts'

registryCases('PostgreSQL', emptyPostgres)
