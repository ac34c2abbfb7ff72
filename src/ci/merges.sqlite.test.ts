/** The time from merge to promoted on SQLite. */
import { migratedSqlite } from '../../test/databases.ts'
import { mergeCases } from './merges.cases.ts'

mergeCases('SQLite', migratedSqlite)
