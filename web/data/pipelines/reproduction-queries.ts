/** What the page of reproductions reads, and what its grades mean. */
import type { reproductionsApi } from '../../../src/contract/pipelines/reproductions.ts'
import type { Reply } from '../../../src/contract/route.ts'
import { get } from '../get.ts'

export type Reproducible = Reply<typeof reproductionsApi.listReproducible>['items'][number]

/** Models on the page, by name: for each the server looks whether its files are still there. */
export const SHOWN = 50

/** Models in production. */
export const reproducible = get<typeof reproductionsApi.listReproducible>(
  ['pipelines', 'reproducible'],
  '/v1/reproductions',
  { query: { limit: SHOWN } },
)
export const reproductionSchedule = get<typeof reproductionsApi.getSchedule>(
  ['pipelines', 'reproduction-schedule'],
  '/v1/reproductions/schedule',
)

const GRADES: Readonly<Record<string, string>> = {
  A: 'the same bytes',
  B: 'equal metrics and predictions within the tolerance',
  C: 'different results',
  D: 'could not be run',
}

/** In words; an unknown grade says nothing. */
export const gradeMeaning = (grade: string): string => GRADES[grade] ?? ''
