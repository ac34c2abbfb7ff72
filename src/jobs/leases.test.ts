/** Leases on SQLite. */
import { leaseCases } from './leases.cases.ts'
import { emptySqlite } from '../../test/databases.ts'

leaseCases('SQLite', emptySqlite)
