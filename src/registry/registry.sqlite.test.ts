/** The registry on SQLite. */
import { migratedSqlite } from '../../test/databases.ts'
import { registryCases } from './registry.cases.ts'

registryCases('SQLite', migratedSqlite)
