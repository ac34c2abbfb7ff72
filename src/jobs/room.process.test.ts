/** The room of jobs: started it does jobs and fires schedules, stopped it waits for what runs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { migratedSqlite } from '../../test/databases.ts'
import { never, until } from '../../test/until.ts'
import { enqueue, getJob, listJobs } from './queue.ts'
import { jobsRoom } from './room.ts'
import { setSchedule } from './schedule.ts'

test('jobs are done and schedules fire between start and stop; what runs may end', async () => {
  const opened = await migratedSqlite()
  const { db } = opened
  try {
    const errors: unknown[] = []
    const room = jobsRoom({ db, onError: (error) => errors.push(error) })
    const [begun, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    room.worker.register('tick', async () => undefined)
    room.worker.register('slow', async () => {
      begun.resolve()
      await go.promise
    })
    room.worker.register('bad', () => Promise.reject(new Error('told')))
    const tick = { name: 's', kind: 'tick', payload: {}, cron: '* * * * *', timezone: 'UTC' }
    await db.tx((t) => setSchedule(t, tick, Date.now() - 120_000))
    await db.tx((t) => enqueue(t, { kind: 'bad', payload: 0, max_attempts: 1 }))
    const slow = await db.tx((t) => enqueue(t, { kind: 'slow', payload: 0 }))
    assert.equal((await listJobs(db, 'done')).length, 0)
    room.start()
    await begun.promise
    await until('the job of the schedule and the fault of the other', async () => {
      return (await listJobs(db, 'done')).length > 0 && errors.length > 0
    })
    assert.match(String(errors[0]), /told/)
    let stopped = false
    const stop = room.stop().then(() => (stopped = true))
    await never(
      'stopped while a job runs',
      () => stopped,
      20,
      () => getJob(db, slow),
    )
    go.resolve()
    await stop
    assert.equal((await getJob(db, slow)).state, 'done')
    const held = await room.leases.hold('loop', 1000, async (lease) => lease.fence)
    assert.equal(held, 1)
  } finally {
    await opened.close()
  }
})

test('what runs is aborted five seconds after a stop has begun', async (t) => {
  const opened = await migratedSqlite()
  t.after(() => opened.close())
  const room = jobsRoom({ db: opened.db, onError: () => undefined })
  const [begun, aborted] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  room.worker.register('slow', async (_, { signal }) => {
    signal.addEventListener('abort', () => aborted.resolve())
    begun.resolve()
    await aborted.promise
  })
  await opened.db.tx((tx) => enqueue(tx, { kind: 'slow', payload: 0 }))
  room.start()
  await begun.promise
  const waits: unknown[] = []
  const real = globalThis.setTimeout
  t.mock.method(globalThis, 'setTimeout', (call: () => void, ms: number) => {
    waits.push(ms)
    return real(call, 1)
  })
  await room.stop()
  // a look that was under way at the stop may set its own pause before
  assert.equal(waits.at(-1), 5000)
})
