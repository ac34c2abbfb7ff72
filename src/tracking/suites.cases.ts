/** A tracking room on a real database, its clock in the test's hand, and suites of cases that run on it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe } from 'node:test'
import type { Principal } from '../contract/access.ts'
import { evaluationPart, purgeExperiment } from '../evaluation/removal.ts'
import type { Llm } from '../llm/context/context.ts'
import { llmPart } from '../llm/removal.ts'
import { openDiskBlobs } from '../store/blobs/disk.ts'
import type { Db } from '../store/db.ts'
import { projectOfTrace } from '../traces/context/rows.ts'
import { purgeTraces, tracesPart } from '../traces/removal.ts'
import type { Bench } from './bench.cases.ts'
import type { Tracking } from './context/context.ts'
import { roomOn } from './context/room.fixture.ts'

/** A database that goes when it is closed. */
type Open = () => Promise<{ db: Db; close(): Promise<void> }>

/** Runs suites of cases one after the other on one room, joined with traces, evaluation and settings of the gateway. */
export function describeTracking(name: string, open: Open, suites: readonly ((bench: Bench) => void)[]): void {
  describe(name, () => {
    let opened: Awaited<ReturnType<Open>>
    let now = 1_700_000_000_000
    const folder = mkdtempSync(join(tmpdir(), 'slipway-tracking-'))
    const wait = (ms: number): void => void (now += ms)
    const clock = (): number => now
    const bench = { room: undefined as unknown as Tracking, root, member, wait }
    before(async () => {
      opened = await open()
      const room: Llm = {
        ...roomOn({ db: opened.db, blobs: openDiskBlobs(join(folder, 'blobs')) }, clock),
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
    for (const suite of suites) suite(bench)
  })
}

const root: Principal = { id: 'root', name: 'root', role: 'admin', project: null, token_id: null }

function member(project: 'red' | 'blue'): Principal {
  return { id: project, name: project, role: 'contributor', project, token_id: null }
}
