/** Whether a step takes an earlier result, on a real store: what is found, what is not, and the reason that is told. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { problem } from '../../contract/errors.ts'
import type { Envs } from '../../envs/environments.ts'
import type { Lock } from '../../envs/lock.ts'
import { openBench } from '../bench.fixture.ts'
import type { BeginOptions, Bench } from '../bench.fixture.ts'
import { stepOf } from '../context/context.ts'
import { readState, readStep } from '../context/rows.ts'
import type { StepRow } from '../context/rows.ts'
import { inputDigests, keyStep } from '../keys/judge.ts'

const folder = mkdtempSync(join(tmpdir(), 'slipway-cache-'))
let bench: Bench
let now = 1_700_000_000_000
let locks: Record<string, Lock> = {}

function lock(digest: string, numpy: string): Lock {
  return {
    digest,
    python_version: '3.12.1',
    platform: 'linux',
    text: '',
    packages: [{ name: 'numpy', version: numpy }],
  }
}

before(async () => {
  const envs = {
    lock: (digest: string) =>
      locks[digest] === undefined
        ? Promise.reject(problem('not_found', { what: 'environment', id: digest }))
        : Promise.resolve(locks[digest]),
  } as Envs
  bench = await openBench(join(folder, 'data'), () => ({ envs, clock: () => now }))
  // nothing moves runs on but these tests
  await bench.room.stop()
})
beforeEach(() => {
  locks = { e1: lock('e1', '1.0') }
})
after(async () => {
  await bench.close()
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
})

const FILES = (policy = 'auto', project = 'demo'): Record<string, string> => ({
  'slipway.yaml': `project: ${project}
pipeline:
  steps:
    make: {run: steps:make, outputs: [table], params: {rows: 3}, cache: ${policy}}
    train: {run: steps:train, inputs: {table: make.table}, outputs: [model]}
`,
  'steps.py': 'def make(table, rows):\n    pass\ndef train(table, model):\n    pass\n',
})

/** A run whose steps wait. */
async function begin(files = FILES(), options: BeginOptions = {}, environment = 'e1'): Promise<string> {
  now += 1000
  const id = await bench.begin(files, options)
  const { db } = bench.store
  await db.tx((t) =>
    t.run("UPDATE pipeline_runs SET state = 'running', environment = ? WHERE id = ?", [environment, id]),
  )
  return id
}

async function key(id: string, step = 'make'): Promise<StepRow> {
  const { context } = bench.room
  const tree = await readState(bench.store.db, id)
  assert.ok(tree !== undefined)
  await keyStep(context, tree, stepOf(await context.spec(tree.run.version_id), step))
  const row = await readStep(bench.store.db, id, step)
  assert.ok(row !== undefined)
  return row
}

/** Ends a step that is ready; a success is kept under its key. */
async function end(id: string, state: 'succeeded' | 'failed', text = 'x\n', step = 'make'): Promise<string> {
  const { db, blobs } = bench.store
  const { digest, size } = await blobs.put(Buffer.from(text))
  const outputs = JSON.stringify({ table: { digest, size, files: 1 } })
  await db.tx(async (t) => {
    await t.run('UPDATE pipeline_steps SET state = ?, outputs = ? WHERE run_id = ? AND name = ?', [
      state,
      state === 'succeeded' ? outputs : '{}',
      id,
      step,
    ])
    if (state === 'failed') return
    await t.run(
      `INSERT INTO pipeline_cache (project, cache_key, run_id, step, outputs, metrics, tracking_run_id, created_at)
       SELECT project, cache_key, run_id, name, outputs, '{"rows":3}', 'tr', ? FROM pipeline_steps WHERE run_id = ? AND name = ?`,
      [now, id, step],
    )
  })
  return digest
}

/** A project of its own, so that no other test's runs are found. */
let projects = 0
const fresh = (policy = 'auto'): Record<string, string> => FILES(policy, `demo-${projects++}`)

test('a step that never ran is ready, and with its result the next run takes it', async () => {
  const files = fresh()
  const first = await begin(files)
  const ready = await key(first)
  assert.deepEqual([ready.state, ready.reason, ready.compared_with], ['ready', 'the step has not run before', null])
  assert.deepEqual([ready.ready_at, ready.finished_at, ready.from_run], [now, null, null])
  assert.match(ready.cache_key ?? '', /^sha256:[0-9a-f]{64}$/)
  assert.deepEqual(ready.key_parts?.params, { rows: 3 })
  const digest = await end(first, 'succeeded')
  const second = await begin(files)
  const cached = await key(second)
  assert.deepEqual([cached.state, cached.reason], ['cached', `nothing changed: the result of run ${first} was taken`])
  assert.deepEqual([cached.from_run, cached.compared_with, cached.changes], [first, first, []])
  assert.equal(cached.outputs['table']?.digest, digest)
  assert.deepEqual([cached.metrics, cached.tracking_run_id], [{ rows: 3 }, 'tr'])
  assert.equal(cached.finished_at, now)
  assert.equal(cached.cache_key, ready.cache_key)
})

test('a change is told against the last run of the step, and what is gone from the store is not taken', async () => {
  const files = fresh()
  const first = await begin(files)
  await key(first)
  const digest = await end(first, 'succeeded')
  const second = await begin(files, { params: { make: { rows: 4 } } })
  const changed = await key(second)
  assert.deepEqual([changed.state, changed.reason], ['ready', 'params.rows 3 → 4'])
  assert.deepEqual(changed.changes, [{ component: 'params', what: 'params.rows', before: '3', after: '4' }])
  assert.equal(changed.compared_with, first)
  await end(second, 'failed')
  const third = await begin(files, { params: { make: { rows: 4 } } })
  assert.equal((await key(third)).reason, `nothing changed, and the step failed in run ${second}`)
  await end(third, 'succeeded', 'y\n')
  const back = await key(await begin(files))
  assert.equal(back.state, 'cached', 'a result of before the last is found as well')
  await bench.store.blobs.delete(digest)
  const gone = await key(await begin(files))
  assert.deepEqual(
    [gone.state, gone.reason],
    ['ready', 'nothing changed, but files of the result that is kept are damaged or gone'],
  )
})

test('a change is told against the earlier run whose key is nearest, the newest of those', async () => {
  const files = fresh()
  const [near, nearer] = [await begin(files), await begin(files, { params: { make: { rows: 4 } } })]
  for (const id of [near, nearer]) await key(id)
  const other = { ...files, 'slipway.yaml': (files['slipway.yaml'] ?? '').replace('[table]', '[table], seed: 9') }
  await key(await begin(other, { params: { make: { rows: 5 } } }))
  const changed = await key(await begin(files, { params: { make: { rows: 6 } } }))
  assert.deepEqual([changed.compared_with, changed.reason], [nearer, 'params.rows 4 → 6'])
  const same = await key(await begin(files))
  assert.deepEqual([same.compared_with, same.changes], [near, []])
})

test('a result of which one output alone is gone is not taken', async () => {
  const files = fresh()
  const first = await begin(files)
  const kept = await key(first)
  const digest = await end(first, 'succeeded')
  const lost = await bench.store.blobs.put(Buffer.from('lost'))
  const outputs = { table: { digest, size: 2, files: 1 }, plot: { ...lost, files: 1 } }
  await bench.store.db.tx((t) =>
    t.run('UPDATE pipeline_cache SET outputs = ? WHERE cache_key = ?', [JSON.stringify(outputs), kept.cache_key]),
  )
  assert.equal((await key(await begin(files))).state, 'cached')
  await bench.store.blobs.delete(lost.digest)
  assert.equal((await key(await begin(files))).state, 'ready')
})

describe('what forces a step to run although a result is there', () => {
  const CASES: readonly (readonly [BeginOptions, string, string])[] = [
    [{ force: true }, 'make', 'the run was asked to take no cached result'],
    [{ from: 'make' }, 'make', 'the run was asked to start anew from "make"'],
  ]
  for (const [options, step, reason] of CASES) {
    test(reason, async () => {
      const files = fresh()
      const first = await begin(files)
      await key(first)
      await end(first, 'succeeded')
      const row = await key(await begin(files, options), step)
      assert.deepEqual([row.state, row.reason, row.from_run], ['ready', reason, null])
    })
  }
  test('a policy', async () => {
    const files = fresh('never')
    const first = await begin(files)
    await key(first)
    await end(first, 'succeeded')
    const row = await key(await begin(files))
    assert.deepEqual([row.state, row.reason], ['ready', 'its cache policy is "never"'])
  })
  test('a later step from which a run starts leaves this one alone', async () => {
    const files = fresh()
    const first = await begin(files)
    await key(first)
    await end(first, 'succeeded')
    assert.equal((await key(await begin(files, { from: 'train' }))).state, 'cached')
  })
  test('a proof', async () => {
    const files = fresh()
    const first = await begin(files)
    await key(first)
    await end(first, 'succeeded')
    const proof = await begin(files)
    const options = { from: null, force: false, register: false, deploy: false, reproduces: first, tolerance: 0 }
    const { db } = bench.store
    await db.tx((t) => t.run('UPDATE pipeline_runs SET options = ? WHERE id = ?', [JSON.stringify(options), proof]))
    const row = await key(proof)
    assert.deepEqual([row.state, row.reason], ['ready', `it is run again to prove run ${first}`])
  })
})

test('a changed environment is told by its packages where both locks are known', async () => {
  const files = fresh()
  const first = await begin(files)
  await key(first)
  await end(first, 'succeeded')
  locks['e2'] = lock('e2', '2.0')
  const second = await key(await begin(files, {}, 'e2'))
  assert.equal(second.reason, 'environment changed; package numpy 1.0 → 2.0')
  delete locks['e1']
  // the second run is the earlier one now; make the first it again
  const { db } = bench.store
  await db.tx((t) => t.run('UPDATE pipeline_steps SET keyed_at = NULL WHERE run_id = ?', [second.run_id]))
  assert.equal((await key(await begin(files, {}, 'e2'))).reason, 'environment changed')
})

test('a step that does not wait any more is left as it is', async () => {
  const id = await begin(fresh())
  await key(id)
  await bench.store.db.tx((t) =>
    t.run("UPDATE pipeline_steps SET state = 'running', reason = 'mine' WHERE run_id = ?", [id]),
  )
  assert.deepEqual([(await key(id)).state, (await key(id)).reason], ['running', 'mine'])
})

test('an input is the output that its maker left, and one that is missing is a fault of ours', async () => {
  const id = await begin(fresh())
  const { context } = bench.room
  const tree = await readState(bench.store.db, id)
  assert.ok(tree)
  const train = stepOf(await context.spec(tree.run.version_id), 'train')
  assert.throws(() => inputDigests(train, tree), /step "make" left no output "table"/)
  await key(id)
  const digest = await end(id, 'succeeded')
  const later = await readState(bench.store.db, id)
  assert.ok(later)
  assert.deepEqual(inputDigests(train, later), { table: digest })
  assert.deepEqual((await key(id, 'train')).key_parts?.inputs, { table: digest })
})
