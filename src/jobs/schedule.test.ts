/** Schedules on SQLite. */
import { scheduleCases } from './schedule.cases.ts'
import { emptySqlite } from '../../test/databases.ts'

scheduleCases('SQLite', emptySqlite)
