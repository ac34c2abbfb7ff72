/** What metrics must do on every database. */
import type { Db } from '../../store/db.ts'
import { describeTracking } from '../suites.cases.ts'
import { aggregateCases } from './aggregates.cases.ts'
import { carriedCases } from './carried.cases.ts'
import { chunkCases } from './chunks.cases.ts'
import { historyCases } from './history.cases.ts'
import { latestCases } from './latest.cases.ts'

export function metricCases(name: string, open: () => Promise<{ db: Db; close(): Promise<void> }>): void {
  describeTracking(`${name}: metrics`, open, [latestCases, aggregateCases, chunkCases, historyCases, carriedCases])
}
