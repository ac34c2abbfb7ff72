/** The tracking room on SQLite. */
import { emptySqlite } from '../../test/databases.ts'
import { trackingCases } from './tracking.cases.ts'

trackingCases('SQLite', emptySqlite)
