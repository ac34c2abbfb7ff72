/** Messages about incidents survive kills, on SQLite. */
import { messageKillCases } from './messages-kills.cases.ts'

messageKillCases('SQLite')
