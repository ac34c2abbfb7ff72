/** What the tracking room must do on every database; each driver's test file runs these cases on a fresh one. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { auditLog } from '../auth/audit.ts'
import type { Principal } from '../contract/access.ts'
import type { Db } from '../store/db.ts'
import { openDiskBlobs } from '../store/blobs/disk.ts'
import { migrate } from '../store/migrate.ts'
import { aggregateCases } from './metrics/aggregates.cases.ts'
import { batchCases } from './batches/batch.cases.ts'
import { chunkCases } from './metrics/chunks.cases.ts'
import { gatewayCases } from '../llm/settings/gateway.cases.ts'
import { grammarCases } from './searches/grammar.cases.ts'
import { projectOfTrace } from '../traces/context/rows.ts'
import { purgeTraces, tracesPart } from '../traces/removal.ts'
import { evaluationPart, purgeExperiment } from '../evaluation/removal.ts'
import { llmPart } from '../llm/removal.ts'
import { issueCases } from '../traces/issues/issues.cases.ts'
import { lifeCases } from './runs/life.cases.ts'
import { limitCases } from './limits.cases.ts'
import { modelCases } from './models/models.cases.ts'
import { savedSearchCases } from './searches/saved-searches.cases.ts'
import { samplingCases } from '../evaluation/scorers/sampling.cases.ts'
import { searchCases } from './searches/search.cases.ts'
import { tableCases } from './searches/table.cases.ts'
import { deletionCases } from './workspaces/deletion.cases.ts'
import type { Tracking } from './context/context.ts'
import type { Llm } from '../llm/context/context.ts'

export function trackingCases(name: string, open: () => Promise<{ db: Db; close(): Promise<void> }>): void {
  describe(`${name}: tracking`, () => {
    let opened: Awaited<ReturnType<typeof open>>
    const folder = mkdtempSync(join(tmpdir(), 'slipway-tracking-'))
    const bench = { room: undefined as unknown as Tracking, root, member, wait }
    let now = 1_700_000_000_000
    before(async () => {
      opened = await open()
      await migrate(opened.db)
      const clock = () => now
      const room: Llm = {
        db: opened.db,
        blobs: openDiskBlobs(join(folder, 'blobs')),
        clock,
        random: randomBytes,
        record: auditLog(clock).record,
        purges: () => [
          (who, experiment) => purgeTraces(bench.room, who, experiment),
          (_who, experiment) => purgeExperiment(opened.db, experiment),
        ],
        projectParts: () => [evaluationPart(opened.db), llmPart(opened.db), tracesPart],
        traceProject: projectOfTrace,
        seal: (text, of) => Buffer.from(`${of}: ${text}`).toString('base64'),
      }
      bench.room = room
    })
    after(async () => {
      await opened.close()
      rmSync(folder, { recursive: true, force: true })
    })
    function wait(ms: number): void {
      now += ms
    }
    lifeCases(bench)
    batchCases(bench)
    chunkCases(bench)
    limitCases(bench)
    aggregateCases(bench)
    searchCases(bench)
    grammarCases(bench)
    savedSearchCases(bench)
    tableCases(bench)
    modelCases(bench)
    gatewayCases(bench)
    issueCases(bench)
    samplingCases(bench)
    deletionCases(bench)
    it('the audit chain has the deletions', async () => {
      const rows = await opened.db.all('SELECT seq FROM audit')
      assert.ok(rows.length > 3)
    })
  })
}

const root: Principal = { id: 'root', name: 'root', role: 'admin', project: null, token_id: null }

function member(project: 'red' | 'blue'): Principal {
  return { id: project, name: project, role: 'contributor', project, token_id: null }
}
