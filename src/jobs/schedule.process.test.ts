/** Schedules on SQLite. */
import { scheduleCases } from './schedule.cases.ts'
import { migratedSqlite } from '../../test/databases.ts'

scheduleCases('SQLite', migratedSqlite)
