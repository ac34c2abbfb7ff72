/** Rows of jobs on SQLite. */
import { openJobs } from './sqlite.fixture.ts'
import { queueCases } from './queue.cases.ts'

queueCases('SQLite', openJobs)
