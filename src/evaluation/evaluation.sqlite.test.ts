/** The evaluation room on SQLite. */
import { migratedSqlite } from '../../test/databases.ts'
import { evaluationCases } from './evaluation.cases.ts'

evaluationCases('SQLite', migratedSqlite)
