/** The evaluation room on SQLite. */
import { emptySqlite } from '../../test/databases.ts'
import { evaluationCases } from './evaluation.cases.ts'

evaluationCases('SQLite', emptySqlite)
