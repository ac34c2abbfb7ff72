/** Whoever takes calls in may be killed at any time: rows, ledger, budgets and traces then come to what they would have. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { EntryRow } from '../../cost/ledger-rows.ts'
import { openDiskBlobs } from '../../store/blobs/disk.ts'
import { openStore } from '../../store/open.ts'
import { roomOn } from '../../tracking/context/room.fixture.ts'
import { createExperiment } from '../../tracking/experiments/experiments.ts'
import { callOf, folders, NOON, partOn, writeCallLog } from './call.fixture.ts'

const made = folders()
after(() => made.remove())

test('killed in any transaction, the next run ends with the same rows, money and traces, each once', async () => {
  const dataDir = made.make()
  const open = async () => (await openStore({ dataDir })).db
  let db = await open()
  const room = () => roomOn({ db, blobs: openDiskBlobs(join(dataDir, 'blobs')) }, () => NOON)
  const red = { id: 'red', name: 'red', role: 'contributor', project: 'red', token_id: null } as const
  const experiment = await createExperiment(room(), red, { name: 'killed' })
  await db.close()
  const calls = Array.from({ length: 40 }, (_, at) => callOf(`killed-${at}`, { cost: 1000 + at, experiment }))
  await writeCallLog(dataDir, calls, 16_384)
  const run = (fault?: string): number | null =>
    spawnSync(process.execPath, [join(import.meta.dirname, 'ingest.fixture.ts'), dataDir], {
      env: { ...process.env, SLIPWAY_TEST_HOOKS: '1', ...(fault !== undefined && { SLIPWAY_FAULT: fault }) },
    }).status
  assert.deepEqual(
    [1, 3, 2, 5].map((at) => run(`llm.ingest@${at}`)),
    [null, null, null, null],
  )
  assert.equal(run(), 0)
  db = await open()
  const sum = calls.reduce((total, call) => total + (call.cost ?? 0), 0)
  const rows = await db.all<{ trace: string | null }>('SELECT trace FROM llm_calls')
  assert.equal(new Set(rows.map((row) => row.trace)).size, 40)
  const entries = await db.all<EntryRow>("SELECT * FROM cost_entries WHERE kind = 'llm'")
  assert.deepEqual(
    entries.map((row) => [row.llm_calls, row.nanodollars, row.micro_dollars]),
    [[40, sum, Math.round(sum / 1000)]],
  )
  const part = partOn(room(), dataDir)
  assert.equal((await part.spentOf(db, [{ id: 'bud_1', window: 'total' }], NOON)).get('bud_1')?.spent, sum)
  assert.equal(await part.drain(), 0)
  assert.equal((await db.all('SELECT span_id FROM trace_spans')).length, 80)
  await db.close()
})
