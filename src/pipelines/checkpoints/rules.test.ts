/** The rules of checkpoints without a run: how long rows stay, what the history says of interruptions, and when a machine is to stay. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AttemptRow } from '../context/rows.ts'
import { mayBeSpot } from '../run/retry.ts'
import { openTemporaryStore } from '../../store/open.ts'
import { Interruptions, meanBetween } from './between.ts'
import { listKept } from './view.ts'
import { checkpointsOf, dropOld, keepRows, takeRows } from './rows.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

const taken = (cause: string, spot = 1, state = 'failed'): AttemptRow =>
  ({ state, spot, failure: { class: cause, message: '', traceback: null } }) as AttemptRow

test('three machines that were taken away are the last; what the code did itself is not counted', () => {
  const three = [taken('preempted'), taken('infrastructure', 1, 'lost'), taken('preempted')]
  assert.equal(mayBeSpot({}, []), false)
  assert.equal(mayBeSpot({ spot: {} }, three.slice(1)), true)
  assert.equal(mayBeSpot({ spot: {} }, [taken('user'), taken('out_of_memory'), ...three.slice(1)]), true)
  assert.equal(mayBeSpot({ spot: {} }, three), false)
  assert.equal(mayBeSpot({ spot: { losses: 1 } }, three.slice(2)), false)
  assert.equal(mayBeSpot({ spot: {} }, [...three.slice(1), taken('preempted', 0)]), true, 'another kind of machine')
})

test('the mean work between interruptions begins with twelve hours and follows what is measured, within bounds', () => {
  assert.equal(meanBetween(0, 0), 12 * HOUR)
  assert.equal(meanBetween(100 * HOUR, 99), (112 * HOUR) / 100)
  assert.equal(meanBetween(0, 1_000_000), 60_000)
  assert.equal(meanBetween(10_000 * DAY, 0), 30 * DAY)
})

async function opened(t: { after(fn: () => Promise<void>): void }) {
  const store = await openTemporaryStore()
  t.after(() => store.close())
  const { db } = store
  const run = (id: string, finished: number | null) =>
    db.tx((w) =>
      w.run(
        `INSERT INTO pipeline_runs (id, project, version_id, state, desired_state, message, trigger_kind, params, options,
           created_at, created_by, finished_at) VALUES (?, 'p', 'v', 'failed', 'run', '', 'manual', '{}', '{}', 1, 'ana', ?)`,
        [id, finished],
      ),
    )
  return { db, run }
}

const one = (number: number) => ({ number, step: number, at: number, size: 1, tree: `sha256:${number}` })

test('the last two of a step stay, a key sees its own alone, and a retry takes over what has its key', async (t) => {
  const { db } = await opened(t)
  const [a, b] = [
    { run_id: 'r1', step: 'fit' },
    { run_id: 'r2', step: 'fit' },
  ]
  for (const number of [1, 2, 3]) await db.tx((w) => keepRows(w, a, ['key', 'att'], [one(number)]))
  assert.deepEqual(await checkpointsOf(db, a, 'key'), [one(3), one(2)])
  assert.deepEqual(await checkpointsOf(db, a, 'other'), [])
  assert.deepEqual(await checkpointsOf(db, { ...a, step: 'fit[1]' }, 'key'), [])
  await db.tx((w) => takeRows(w, b, 'r1', 'other'))
  assert.deepEqual(await checkpointsOf(db, b, 'key'), [])
  await db.tx((w) => takeRows(w, b, 'r1', 'key'))
  assert.deepEqual(await checkpointsOf(db, b, 'key'), [one(3), one(2)])
})

test('those of runs that ended a week ago go, and so do those of runs that are gone', async (t) => {
  const { db, run } = await opened(t)
  const now = 100 * DAY
  await run('open', null)
  await run('new', now - 6 * DAY)
  await run('old', now - 8 * DAY)
  for (const id of ['open', 'new', 'old', 'gone'])
    await db.tx((w) => keepRows(w, { run_id: id, step: 's' }, ['key', 'att'], [one(1)]))
  await dropOld(db, now)
  const left = await db.all<{ run_id: string }>('SELECT run_id FROM pipeline_checkpoints ORDER BY run_id')
  assert.deepEqual(
    left.map(({ run_id }) => run_id),
    ['new', 'open'],
  )
})

test('those that are kept are told with who made them: an attempt of the run, or of the run that it retries', async (t) => {
  const { db, run } = await opened(t)
  for (const id of ['r1', 'r2']) await run(id, null)
  const tree = `sha256:${'a'.repeat(64)}`
  const one = (number: number) => ({ number, step: number + 40, at: 1000 * number, size: 5, tree })
  await db.tx(async (w) => {
    for (const [id, of, number] of [
      ['a1', 'r1', 2],
      ['a2', 'r2', 1],
    ] as const)
      await w.run(
        `INSERT INTO pipeline_attempts (id, run_id, step, number, state, fence, driver, queued_at, silent, log_bytes)
         VALUES (?, ?, 's', ?, 'failed', 'f', 'local', 1, 0, 0)`,
        [id, of, number],
      )
    await keepRows(w, { run_id: 'r1', step: 's' }, ['k', 'a1'], [one(1)])
    await takeRows(w, { run_id: 'r2', step: 's' }, 'r1', 'k')
    await keepRows(w, { run_id: 'r2', step: 's' }, ['k', 'a2'], [one(2)])
    await keepRows(w, { run_id: 'r2', step: 'other' }, ['k', 'gone'], [one(3)])
  })
  const at = (ms: number): string => new Date(ms).toISOString()
  assert.deepEqual(await listKept(db, { run_id: 'r2', step: 's' }), [
    { number: 2, step: 42, size: 5, made_at: at(2000), attempt: 1, run: 'r2' },
    { number: 1, step: 41, size: 5, made_at: at(1000), attempt: 2, run: 'r1' },
  ])
  const [gone] = await listKept(db, { run_id: 'r2', step: 'other' })
  assert.deepEqual([gone?.attempt, gone?.run], [null, null])
})

test('the history counts lost and preempted attempts of the project and the driver, and is not asked for each item', async (t) => {
  const { db, run } = await opened(t)
  await run('r', null)
  const now = 100 * DAY
  let number = 0
  const attempt = (id: string, state: string, cause: string | null, driver = 'local') =>
    db.tx((w) =>
      w.run(
        `INSERT INTO pipeline_attempts (id, run_id, step, number, state, fence, driver, queued_at, silent, log_bytes, cpus,
           memory_bytes, finished_at, wall_ms, failure) VALUES (?, 'r', 's', ?, ?, 'f', ?, 1, 0, 0, 1, 1, ?, ?, ?)`,
        [
          id,
          ++number,
          state,
          driver,
          now - DAY,
          HOUR,
          cause === null ? null : JSON.stringify({ class: cause, message: 'preempted', traceback: null }),
        ],
      ),
    )
  await attempt('a', 'succeeded', null)
  await attempt('b', 'failed', 'user')
  await attempt('c', 'failed', 'preempted')
  await attempt('d', 'lost', 'infrastructure')
  await attempt('e', 'lost', 'infrastructure', 'ray')
  const known = new Interruptions()
  assert.equal(await known.between(db, () => now, 'p', 'local'), (4 * HOUR + 12 * HOUR) / 3)
  await attempt('f', 'lost', 'infrastructure')
  assert.equal(
    await known.between(db, () => now + 1000, 'p', 'local'),
    (4 * HOUR + 12 * HOUR) / 3,
    'known for a minute',
  )
  assert.equal(await known.between(db, () => now + 120_000, 'p', 'local'), (5 * HOUR + 12 * HOUR) / 4)
  assert.equal(await known.between(db, () => now, 'other', 'local'), 12 * HOUR)
})
