/** Killed backfills on PostgreSQL. */
import { backfillKills } from './backfills-kills.cases.ts'

backfillKills('PostgreSQL')
