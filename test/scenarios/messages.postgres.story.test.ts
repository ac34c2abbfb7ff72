/** Messages about incidents, on PostgreSQL. */
import { messageCases } from './messages.cases.ts'

messageCases('PostgreSQL')
