/** Metrics on SQLite. */
import { migratedSqlite } from '../../../test/databases.ts'
import { metricCases } from './metrics.cases.ts'

metricCases('SQLite', migratedSqlite)
