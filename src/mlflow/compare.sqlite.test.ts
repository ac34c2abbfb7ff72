/** Comparisons of filters on SQLite. */
import { emptySqlite } from '../../test/databases.ts'
import { compareCases } from './compare.cases.ts'

compareCases('SQLite', emptySqlite)
