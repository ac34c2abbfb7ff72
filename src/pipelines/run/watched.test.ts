/** What other rooms ask about runs: tracked runs under way, logs, runs behind pipeline runs, what ended, what was used, what is needed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Leases } from '../../jobs/leases.ts'
import { neededDigests } from '../../store/blobs/reach.ts'
import { openPipelines } from '../pipelines.ts'
import { openIdle, type Idle } from './idle.fixture.ts'
import { attemptLog, endedRuns, failedAttempts, runsBehind, stepQueues, watchedRuns } from './watched.ts'

const FILES = {
  'slipway.yaml': 'project: asked\npipeline: {steps: {a: {run: a:main, outputs: [m]}, b: {run: a:main, after: [a]}}}\n',
  'a.py': 'def main(): pass\n',
}

test('tracked runs of attempts are watched until those have ended', async (t) => {
  const idle = await openIdle(t)
  const run = await idle.begin(FILES)
  await idle.attempt(run, 'a', 1, { tracking_run_id: 't1', finished_at: 5 })
  await idle.attempt(run, 'a', 2, { tracking_run_id: 't2' })
  await idle.attempt(run, 'b', 1, { tracking_run_id: 't3' })
  await idle.attempt(run, 'b', 2)
  assert.deepEqual([...(await watchedRuns(idle.store.db))].sort(), ['t2', 't3'])
})

test('the log of a tracked run is that of its newest attempt that left one', async (t) => {
  const idle = await openIdle(t)
  const run = await idle.begin(FILES)
  await idle.attempt(run, 'a', 1, { tracking_run_id: 't1', log_digest: 'sha256:old', queued_at: 1 })
  await idle.attempt(run, 'a', 2, { tracking_run_id: 't1', log_digest: 'sha256:new', queued_at: 2 })
  await idle.attempt(run, 'a', 3, { tracking_run_id: 't1', queued_at: 3 })
  await idle.attempt(run, 'b', 1, { tracking_run_id: 't2' })
  const log = (id: string) => attemptLog(idle.store.db, id)
  assert.deepEqual([await log('t1'), await log('t2'), await log('t3')], ['sha256:new', undefined, undefined])
})

test('the tracked runs behind pipeline runs are found, however many are asked for', async (t) => {
  const idle = await openIdle(t)
  const ids = ['pr_first', ...Array.from({ length: 999 }, (_, i) => `pr_none_${i}`), 'pr_last']
  for (const id of ['pr_first', 'pr_last', 'pr_unasked']) {
    await idle.begin(FILES, { id })
    await idle.setStep(id, 'a', { tracking_run_id: `track ${id}` })
  }
  assert.deepEqual(await runsBehind(idle.store.db, ids), ['track pr_first', 'track pr_last'])
  assert.deepEqual(await runsBehind(idle.store.db, []), [])
})

test('runs that ended between two times, both included, of the project alone', async (t) => {
  const idle = await openIdle(t)
  for (const [id, at] of [
    ['pr_1', 99],
    ['pr_2', 100],
    ['pr_3', 200],
    ['pr_4', 201],
    ['pr_5', null],
  ] as const) {
    await idle.begin(FILES, { id })
    await idle.setRun(id, { finished_at: at, outcome: 'failed' })
  }
  const asked = { project: 'asked', from: 100, to: 200 }
  const found = await endedRuns(idle.store.db, asked)
  assert.deepEqual(
    found.sort((a, b) => a.at - b.at),
    [
      { id: 'pr_2', outcome: 'failed', at: 100 },
      { id: 'pr_3', outcome: 'failed', at: 200 },
    ],
  )
  assert.deepEqual(await endedRuns(idle.store.db, { ...asked, project: 'other' }), [])
})

test('steps in line by project: due ones wait since they were ready or their pause was over; ended runs have none', async (t) => {
  const idle = await openIdle(t)
  const of = (project: string): Record<string, string> => ({
    ...FILES,
    'slipway.yaml': FILES['slipway.yaml'].replace('asked', project),
  })
  const rows: [string, string, string, Record<string, string | number>, Record<string, string | number>][] = [
    ['pr_1', 'one', 'running', { state: 'ready', ready_at: 50, retry_at: 80 }, { state: 'running', ready_at: 1 }],
    ['pr_2', 'one', 'running', { state: 'ready', ready_at: 60 }, { state: 'waiting' }],
    ['pr_3', 'one', 'failed', { state: 'ready', ready_at: 2 }, { state: 'running' }],
    ['pr_4', 'two', 'running', { state: 'ready', ready_at: 70, retry_at: 101 }, { state: 'succeeded' }],
    ['pr_5', 'ended', 'succeeded', { state: 'succeeded' }, { state: 'succeeded' }],
  ]
  for (const [id, project, state, a, b] of rows) {
    await idle.begin(of(project), { id })
    await idle.setRun(id, { state })
    await idle.setStep(id, 'a', a)
    await idle.setStep(id, 'b', b)
  }
  const one = { project: 'one', waiting: 2, running: 1, since: 60 }
  const two = { project: 'two', waiting: 0, running: 0, since: null }
  const { db } = idle.store
  assert.deepEqual(await stepQueues(db, null, 100), [one, two])
  assert.deepEqual(await stepQueues(db, 'two', 101), [{ ...two, waiting: 1, since: 101 }])
  for (const [i, state] of ['failed', 'lost', 'succeeded', 'cancelled', 'running'].entries())
    await idle.attempt('pr_3', 'a', i + 1, { state, finished_at: 5 })
  await idle.attempt('pr_4', 'a', 1, { state: 'failed', finished_at: 6 })
  assert.deepEqual(await failedAttempts(db, null, 0), [
    { project: 'one', n: 2 },
    { project: 'two', n: 1 },
  ])
  assert.deepEqual(await failedAttempts(db, null, 5), [{ project: 'two', n: 1 }])
  assert.deepEqual(await failedAttempts(db, 'two', 0), [{ project: 'two', n: 1 }])
})

test('what attempts used comes in the order of their ends, after a time, so many at once', async (t) => {
  const idle = await openIdle(t)
  const { room } = pipelines(idle)
  const run = await idle.begin(FILES)
  const ended = (finished_at: number) => ({
    state: 'failed',
    finished_at,
    cpu_seconds: 1.5,
    max_rss_bytes: 10,
    memory_kib_s: 11,
    wall_ms: 9,
    measured: 'partly',
  })
  await idle.attempt(run, 'a', 1, ended(300))
  await idle.attempt(run, 'a', 2, ended(100))
  await idle.attempt(run, 'b', 1, ended(100))
  await idle.attempt(run, 'b', 2)
  const ids = async (since: number, limit = 10): Promise<string[]> =>
    (await room.usage(since, limit)).map(({ id }) => id)
  const order = [`${run}.a.2`, `${run}.b.1`, `${run}.a.1`]
  assert.deepEqual(await ids(0), order)
  assert.deepEqual(await ids(99), order)
  assert.deepEqual(await ids(100), order.slice(2))
  assert.deepEqual(await ids(0, 2), order.slice(0, 2))
  const [first] = await room.usage(299, 1)
  const known = { project: 'asked', run_id: run, step: 'a', state: 'failed', tracking_run_id: null }
  assert.deepEqual(first, {
    id: `${run}.a.1`,
    ...known,
    finished_at: 300,
    cpu_seconds: 1.5,
    max_rss_bytes: 10,
    memory_kib_s: 11,
    wall_ms: 9,
    measured: 'partly',
  })
})

test('needed are the code of versions, outputs of steps and of the cache with their files, and logs; nothing twice', async (t) => {
  const idle = await openIdle(t)
  const { room } = pipelines(idle)
  const run = await idle.begin(FILES)
  await idle.begin(FILES)
  const [output, cached] = [await idle.tree({ x: 'output' }), await idle.tree({ y: 'cached' })]
  const named = (digest: string): string => JSON.stringify({ m: { digest, size: 1, files: 1 } })
  await idle.setStep(run, 'a', { outputs: named(output) })
  await idle.setStep(run, 'b', { outputs: named('sha256:'.padEnd(71, '0')) })
  const { digest: log } = await idle.store.blobs.put(Buffer.from('log'))
  await idle.attempt(run, 'a', 1, { log_digest: log })
  await idle.store.db.tx((tx) =>
    tx.run(
      `INSERT INTO pipeline_cache (project, cache_key, run_id, step, outputs, metrics, created_at)
       VALUES ('asked', 'k', 'pr_gone', 'a', ?, '{}', 0)`,
      [named(cached)],
    ),
  )
  const texts = ['output', 'cached', ...Object.values(FILES)]
  const files = await Promise.all(texts.map(async (text) => (await idle.store.blobs.put(Buffer.from(text))).digest))
  const code = await idle.tree(FILES)
  const needed = new Set<string>()
  for await (const digest of neededDigests(idle.store.blobs, [room.needed])) needed.add(digest)
  const gone = 'sha256:'.padEnd(71, '0')
  assert.deepEqual([...needed].sort(), [gone, code, output, cached, log, ...files].sort())
})

/** The room over the same rows; nothing of it is started. */
function pipelines(idle: Idle): { room: ReturnType<typeof openPipelines> } {
  const driver = { ...idle.context.deps.driver, onEnd: () => undefined }
  return { room: openPipelines({ ...idle.context.deps, driver }, new Leases(idle.store.db)) }
}
