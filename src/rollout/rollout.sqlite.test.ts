/** Rollouts on SQLite. */
import { emptySqlite } from '../../test/databases.ts'
import { modeCases } from './modes.cases.ts'
import { rolloutCases } from './rollout.cases.ts'

rolloutCases('SQLite', emptySqlite)
modeCases('SQLite', emptySqlite)
