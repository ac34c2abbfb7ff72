/** Messages about incidents survive kills, on PostgreSQL. */
import { messageKillCases } from './messages-kills.cases.ts'

messageKillCases('PostgreSQL')
