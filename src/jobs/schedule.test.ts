/** Schedules on SQLite. */
import { scheduleCases } from './schedule.cases.ts'
import { openJobs } from './sqlite.fixture.ts'

scheduleCases('SQLite', openJobs)
