/** The registry on SQLite. */
import { emptySqlite } from '../../test/databases.ts'
import { registryCases } from './registry.cases.ts'

registryCases('SQLite', emptySqlite)
