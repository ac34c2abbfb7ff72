/** Leases on SQLite. */
import { leaseCases } from './leases.cases.ts'
import { migratedSqlite } from '../../test/databases.ts'

leaseCases('SQLite', migratedSqlite)
