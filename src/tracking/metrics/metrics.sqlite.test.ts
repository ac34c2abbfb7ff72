/** Metrics on SQLite. */
import { emptySqlite } from '../../../test/databases.ts'
import { metricCases } from './metrics.cases.ts'

metricCases('SQLite', emptySqlite)
