/** What the evaluation room must do on every database. */
import type { Db } from '../store/db.ts'
import { describeTracking } from '../tracking/suites.cases.ts'
import { datasetChangeCases } from './datasets/changes.cases.ts'
import { datasetCases } from './datasets/datasets.cases.ts'
import { datasetSearchOracleCases } from './datasets/search-oracle.cases.ts'
import { removalCases } from './removal.cases.ts'
import { samplingCases } from './scorers/sampling.cases.ts'
import { scorerCases } from './scorers/scorers.cases.ts'

export function evaluationCases(name: string, open: () => Promise<{ db: Db; close(): Promise<void> }>): void {
  describeTracking(`${name}: evaluation`, open, [
    datasetCases,
    datasetChangeCases,
    datasetSearchOracleCases,
    scorerCases,
    samplingCases,
    removalCases,
  ])
}
