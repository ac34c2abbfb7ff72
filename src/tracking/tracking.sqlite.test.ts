/** The tracking room on SQLite. */
import { migratedSqlite } from '../../test/databases.ts'
import { trackingCases } from './tracking.cases.ts'

trackingCases('SQLite', migratedSqlite)
