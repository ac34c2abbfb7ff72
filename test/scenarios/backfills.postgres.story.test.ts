/** Backfills on PostgreSQL. */
import { backfillCases } from './backfills.cases.ts'

backfillCases('PostgreSQL')
