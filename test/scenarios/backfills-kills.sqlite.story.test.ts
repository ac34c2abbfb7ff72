/** Killed backfills on SQLite. */
import { backfillKills } from './backfills-kills.cases.ts'

backfillKills('SQLite')
