/** Messages about incidents on SQLite. */
import { migratedSqlite } from '../../../test/databases.ts'
import { outboxCases } from './outbox.cases.ts'

outboxCases('SQLite', migratedSqlite)
