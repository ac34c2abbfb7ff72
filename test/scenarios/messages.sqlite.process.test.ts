/** Messages about incidents, on SQLite. */
import { messageCases } from './messages.cases.ts'

messageCases('SQLite')
