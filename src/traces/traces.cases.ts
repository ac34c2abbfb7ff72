/** What traces must do on every database; each driver's test file runs these cases on a fresh one. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe } from 'node:test'
import type { Principal } from '../contract/access.ts'
import type { Db } from '../store/db.ts'
import { openDiskBlobs } from '../store/blobs/disk.ts'
import { createExperiment } from '../tracking/experiments/experiments.ts'
import type { Tracking } from '../tracking/context/context.ts'
import { roomOn } from '../tracking/context/room.fixture.ts'
import { describeTracking } from '../tracking/suites.cases.ts'
import { assessmentCases } from './assessments/assessments.cases.ts'
import { projectOfTrace } from './context/rows.ts'
import { figureCases } from './figures/figures.cases.ts'
import { ingestCases } from './spans/ingest.cases.ts'
import { issueCases } from './issues/issues.cases.ts'
import { traceOracleCases } from './search/oracle.cases.ts'
import { tracePageCases } from './search/pages.cases.ts'
import { traceSearchCases } from './search/search.cases.ts'
import { traceRemovalCases } from './removal.cases.ts'
import { otlpRequest } from '../../test/otlp.ts'
import type { TraceBench } from './bench.cases.ts'
import { logSpans } from './spans/ingest.ts'
import { readExport } from './otlp/export-request.fixture.ts'

export function traceCases(name: string, open: () => Promise<{ db: Db; close(): Promise<void> }>): void {
  describe(`${name}: traces`, () => {
    let opened: Awaited<ReturnType<typeof open>>
    let made = 0
    const folder = mkdtempSync(join(tmpdir(), 'slipway-traces-'))
    const bench: TraceBench = {
      room: undefined as unknown as Tracking,
      root,
      member,
      experiment: (who = root) => createExperiment(bench.room, who, { name: `traces-${++made}` }),
      async send(experiment_id, spans, { who = root, resource = {}, run } = {}) {
        const batch = readExport(otlpRequest(spans, resource))
        await logSpans(bench.room, who, { experiment_id, run_id: run }, batch.spans)
        return [...new Set(spans.map((span) => `tr-${span.trace}`))]
      },
    }
    before(async () => {
      opened = await open()
      const clock = () => 1_700_000_000_000
      const blobs = openDiskBlobs(join(folder, 'blobs'))
      const room = { ...roomOn({ db: opened.db, blobs }, clock), traceProject: projectOfTrace }
      Object.assign(bench, { room })
      assert.ok(bench.room.db.kind)
    })
    after(async () => {
      await opened.close()
      rmSync(folder, { recursive: true, force: true })
    })
    ingestCases(bench)
    assessmentCases(bench)
    traceSearchCases(bench)
    traceOracleCases(bench)
    figureCases(bench)
    tracePageCases(bench)
    traceRemovalCases(bench)
  })
  describeTracking(`${name}: issues`, open, [issueCases])
}

const root: Principal = { id: 'root', name: 'root', role: 'admin', project: null, token_id: null }

function member(project: 'red' | 'blue'): Principal {
  return { id: project, name: project, role: 'contributor', project, token_id: null }
}
