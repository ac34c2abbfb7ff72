/** What taking in and telling of calls must do on every database. */
import type { Db } from '../../store/db.ts'
import { describeTracking } from '../../tracking/suites.cases.ts'
import { ingestCases } from './ingest.cases.ts'
import { viewCases } from './views.cases.ts'
import { traceCases } from './traces.cases.ts'

export function callCases(name: string, open: () => Promise<{ db: Db; close(): Promise<void> }>): void {
  describeTracking(`${name}: calls of language models`, open, [ingestCases, traceCases, viewCases])
}
