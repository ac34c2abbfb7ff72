/** Attempts in tracking: what happens when somebody deletes the run of one that goes on. Real store, real processes. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { SYSTEM } from '../auth/tokens.ts'
import type { Store } from '../store/open.ts'
import { requireRun, setRunStage } from '../tracking/runs/runs.ts'
import type { Tracking } from '../tracking/context/context.ts'
import { openBench, untilRun } from './bench.fixture.ts'
import type { RunView } from './run/view.ts'
import { stepTracking } from './step-tracking.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-step-tracking-'))
after(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }))

const roomOf = ({ db, blobs }: Store): Tracking => ({
  db,
  blobs,
  clock: Date.now,
  random: randomBytes,
  record: () => Promise.resolve(),
})

const gone: readonly (readonly [how: string, act: (room: Tracking, run: string) => Promise<unknown>])[] = [
  ['put in the bin', (room, run) => setRunStage(room, SYSTEM, run, 'deleted')],
  [
    'purged',
    async (room, run) => {
      await room.db.tx((t) => t.run('DELETE FROM run_tags WHERE run_id = ?', [run]))
      await room.db.tx((t) => t.run('DELETE FROM runs WHERE run_id = ?', [run]))
    },
  ],
]

describe('an attempt ends although its tracking run was', () => {
  for (const [how, act] of gone)
    for (const [what, code, outcome] of [
      ['a success with metrics', 'return {"auc": 0.5}', 'succeeded'],
      ['a failure', 'raise ValueError("no")', 'failed'],
    ] as const)
      test(`${how}: ${what}`, async (t) => {
        let room: Tracking | undefined
        const bench = await openBench(mkdtempSync(join(root, 'data-')), (store) => {
          room = roomOf(store)
          return { tracking: stepTracking(room) }
        })
        t.after(() => bench.close())
        const go = join(bench.store.dataDir, 'go')
        // what keeps the test from letting it go keeps it for ten minutes
        const waits = `for _ in range(30000):\n        if os.path.exists(${JSON.stringify(go)}): break\n        time.sleep(0.02)`
        const files = {
          'slipway.yaml': 'project: p\npipeline:\n  steps:\n    one: {run: job:main}\n',
          'job.py': `import os, time\ndef main():\n    print("begun", flush=True)\n    ${waits}\n    ${code}\n`,
        }
        const id = await bench.begin(files)
        const tracked = ({ steps }: RunView): string | null => steps[0]?.attempts[0]?.tracking_run_id ?? null
        const run = tracked(await untilRun(bench, id, (view) => tracked(view) !== null, 'it is tracked'))
        assert.ok(run !== null && room !== undefined)
        await act(room, run)
        writeFileSync(go, '')
        const ended = await bench.end(id)
        assert.deepEqual([ended.outcome, bench.errors], [outcome, []], ended.message)
        if (outcome === 'succeeded') assert.deepEqual(ended.steps[0]?.metrics, { auc: 0.5 })
        if (how === 'put in the bin')
          assert.equal(
            (await requireRun(bench.store.db, SYSTEM, run)).status,
            'RUNNING',
            'what is in the bin stays as it is',
          )
      })
})
