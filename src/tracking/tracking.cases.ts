/** What the tracking room must do on every database; each driver's test file runs these cases on a fresh one. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Db } from '../store/db.ts'
import { artifactCases } from './artifacts/artifacts.cases.ts'
import { batchCases } from './batches/batch.cases.ts'
import type { Bench } from './bench.cases.ts'
import { describeTracking } from './suites.cases.ts'
import { limitCases } from './limits.cases.ts'
import { inputCases } from './models/inputs.cases.ts'
import { modelCases } from './models/models.cases.ts'
import { lifeCases } from './runs/life.cases.ts'
import { grammarCases } from './searches/grammar.cases.ts'
import { savedSearchCases } from './searches/saved-searches.cases.ts'
import { searchCases } from './searches/search.cases.ts'
import { tableCases } from './searches/table.cases.ts'
import { deletionCases } from './workspaces/deletion.cases.ts'
import { isolationCases } from './workspaces/isolation.cases.ts'

export function trackingCases(name: string, open: () => Promise<{ db: Db; close(): Promise<void> }>): void {
  describeTracking(`${name}: tracking`, open, [
    lifeCases,
    batchCases,
    limitCases,
    searchCases,
    grammarCases,
    savedSearchCases,
    tableCases,
    modelCases,
    inputCases,
    artifactCases,
    isolationCases,
    deletionCases,
    auditCases,
  ])
}

function auditCases(bench: Bench): void {
  it('the audit chain has the deletions', async () => {
    const rows = await bench.room.db.all('SELECT seq FROM audit')
    assert.ok(rows.length > 3)
  })
}
