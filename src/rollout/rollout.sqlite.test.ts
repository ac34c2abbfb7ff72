/** Rollouts on SQLite. */
import { migratedSqlite } from '../../test/databases.ts'
import { modeCases } from './modes.cases.ts'
import { rolloutCases } from './rollout.cases.ts'

rolloutCases('SQLite', migratedSqlite)
modeCases('SQLite', migratedSqlite)
