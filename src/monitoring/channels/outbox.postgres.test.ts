/** Messages about incidents on PostgreSQL. */
import { migratedPostgres } from '../../../test/databases.ts'
import { outboxCases } from './outbox.cases.ts'

outboxCases('PostgreSQL', migratedPostgres)
