/** Backfills on SQLite. */
import { backfillCases } from './backfills.cases.ts'

backfillCases('SQLite')
