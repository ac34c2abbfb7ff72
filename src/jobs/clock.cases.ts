/** What jobs, schedules and leases must do on each database when the wall clock is set forward or back. */
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { until } from '../../test/until.ts'
import { awaited } from '../store/awaited.fixture.ts'
import type { Db } from '../store/db.ts'
import { watchClock } from './clock-jumps.ts'
import { Leases } from './leases.ts'
import { claim, enqueue, getJob, listJobs } from './queue.ts'
import { fireDue, listSchedules, rewind, Scheduler, setSchedule } from './schedule.ts'
import { tablesOf } from './tables.fixture.ts'
import type { Opened } from './tables.fixture.ts'
import { LeaseLost, Worker } from './worker.ts'
import type { Handler, WorkerOptions } from './worker.ts'

const T0 = Date.parse('2026-06-01T00:00:00Z')
const HOUR = 3_600_000
const MINUTE = 60_000

export function clockCases(name: string, open: () => Promise<Opened>): void {
  describe(`${name}: a clock that is set`, () => {
    let db: Db
    /** How far the wall clock is off, ms. */
    let off = 0
    const now = (): number => T0 + off
    const deps = { now, newId: () => `c${++ids}` }
    let ids = 0
    tablesOf(open, ['jobs', 'schedules', 'leases'], (opened) => {
      db = awaited(opened.db)
    })
    beforeEach(() => {
      off = 0
    })

    const ask = (max_attempts = 5): Promise<string> =>
      db.tx((t) => enqueue(t, { kind: 'k', payload: 0, max_attempts }, deps))
    const started = (handler: Handler, options: WorkerOptions = {}): Worker => {
      const worker = new Worker(db, { pollMs: 20, backoffMs: 1, now, steady: () => 0, ...options }).register(
        'k',
        handler,
      )
      worker.start()
      return worker
    }

    it('a job that runs while the clock is set an hour forward is neither run twice nor dead', async () => {
      const go = Promise.withResolvers<void>()
      let runs = 0
      const id = await ask(1)
      const worker = started(async () => {
        runs++
        await go.promise
      })
      try {
        await until('the run', () => runs === 1)
        off += HOUR
        worker.wake()
        // the next look renews the lease instead of burying the job
        await until('a longer lease', async () => ((await getJob(db, id)).lease_until ?? 0) > now())
        go.resolve()
        await until('the end of the job', async () => (await getJob(db, id)).state !== 'running')
        assert.equal((await getJob(db, id)).state, 'done')
        assert.equal(runs, 1)
      } finally {
        go.resolve()
        await worker.stop()
      }
    })

    it('a job that was asked for before the clock was set a day back begins at once, and the next try of one that failed in its time', async () => {
      let fail = true
      let runs = 0
      const worker = started(
        async () => {
          runs++
          if (fail) throw new Error('not yet')
        },
        { backoffMs: MINUTE, random: () => 0 },
      )
      try {
        const id = await ask()
        await until('the failure', async () => (await getJob(db, id)).last_error !== null)
        fail = false
        off -= 24 * HOUR
        worker.wake()
        await until('its time to be moved', async () => (await getJob(db, id)).created_at <= now())
        const left = (await getJob(db, id)).run_at - now()
        assert.ok(left > 0 && left <= 2 * MINUTE, `${left} ms`)
        assert.equal(runs, 1)
        off += left
        worker.wake()
        await until('the second run', async () => (await getJob(db, id)).state === 'done')
        assert.equal(runs, 2)
      } finally {
        await worker.stop()
      }
      off = 0
      const early = await ask()
      off = -24 * HOUR
      const later = started(async () => undefined)
      try {
        await until('the job', async () => (await getJob(db, early)).state === 'done')
      } finally {
        await later.stop()
      }
    })

    it('a job that is meant for later keeps its distance when the clock goes back', async () => {
      const run_at = now() + HOUR
      const id = await db.tx((t) => enqueue(t, { kind: 'k', payload: 0, run_at }, deps))
      off = -24 * HOUR
      let runs = 0
      const worker = started(async () => void runs++)
      try {
        await until('its time to be moved', async () => (await getJob(db, id)).created_at <= now())
        const left = (await getJob(db, id)).run_at - now()
        assert.ok(left > 0.9 * HOUR && left <= HOUR, `${left} ms`)
        assert.equal(runs, 0)
      } finally {
        await worker.stop()
      }
    })

    it('the lease of a worker that died in what is now the future runs out in time', async () => {
      const id = await ask()
      await db.tx((t) => claim(t, { worker: 'gone', kinds: ['k'], now: now(), leaseMs: 30_000, limit: 1 }))
      off = -24 * HOUR
      const worker = started(async () => undefined, { leaseMs: 300 })
      try {
        await until('a shorter lease', async () => ((await getJob(db, id)).lease_until ?? 0) <= now() + 300)
        off += 301
        await until('the job', async () => (await getJob(db, id)).state === 'done')
      } finally {
        await worker.stop()
      }
    })

    it('schedules: a night back fires again in time, an hour back fires no time twice, a day forward is missed as the rule says', async () => {
      let at = Date.parse('2026-06-02T00:00:00Z')
      const clock = { now: () => at, newId: deps.newId }
      const hourly = {
        name: 's',
        kind: 'k',
        payload: {},
        cron: '0 * * * *',
        timezone: 'UTC',
        overlap: 'allow',
      } as const
      await db.tx((t) => setSchedule(t, hourly, at))
      at += HOUR
      assert.equal(await fireDue(db, clock), 1)
      at -= HOUR
      assert.equal(await rewind(db, at), 0)
      at += HOUR
      assert.equal(await fireDue(db, clock), 0, 'that time has fired')
      at -= 12 * HOUR
      assert.equal(await rewind(db, at), 1)
      assert.equal((await listSchedules(db))[0]?.next_fire, at + HOUR)
      at += HOUR
      assert.equal(await fireDue(db, clock), 1)
      at += 24 * HOUR
      assert.equal(await fireDue(db, clock), 1, 'missed: last')
      assert.equal((await listJobs(db, 'waiting')).length, 3)
    })

    it('a scheduler that starts after the clock was corrected by a year fires soon', async () => {
      const year = 365 * 24 * HOUR
      const secondly = {
        name: 's',
        kind: 'k',
        payload: {},
        cron: '* * * * * *',
        timezone: 'UTC',
        overlap: 'allow',
      } as const
      await db.tx((t) => setSchedule(t, secondly, Date.now() + year))
      const scheduler = new Scheduler(db, { pollMs: 50 })
      scheduler.start()
      try {
        await until('a job of the schedule', async () => (await listJobs(db, 'waiting')).length > 0)
      } finally {
        await scheduler.stop()
      }
    })

    it('leases: the fence guards whatever the clocks say, and a lease that nobody renews runs out though its time lies ahead', async () => {
      let wall = 10 * HOUR
      let steady = 0
      const [a, b] = ['a', 'b'].map((holder) => new Leases(db, { holder, now: () => wall, steady: () => steady }))
      assert.ok(a && b)
      await a.hold('loop', 60_000, async (lease) => {
        // forward: another takes it while its holder lives, and the holder can write no more
        wall += HOUR
        const fence = await b.hold('loop', 60_000, async (taken) => {
          await assert.rejects(
            lease.tx(async () => undefined),
            LeaseLost,
          )
          assert.equal(await taken.tx(async () => 'written'), 'written')
          return taken.fence
        })
        assert.equal(fence, lease.fence + 1)
      })
      // a holder on another machine dies, and the clock goes back by hours
      await db.tx((t) => t.run("UPDATE leases SET holder = 'elsewhere', expires_at = ?", [wall + 60_000]))
      wall -= 5 * HOUR
      assert.equal(await b.hold('loop', 60_000, async () => 'taken'), undefined)
      steady += 59_000
      assert.equal(await b.hold('loop', 60_000, async () => 'taken'), undefined)
      steady += 2000
      assert.equal(await b.hold('loop', 60_000, async () => 'taken'), 'taken')
      // one that is renewed is left alone
      await db.tx((t) => t.run("UPDATE leases SET holder = 'elsewhere', expires_at = ?", [wall + 5 * HOUR]))
      for (let i = 0; i < 3; i++) {
        assert.equal(await b.hold('loop', 60_000, async () => 'taken'), undefined)
        await db.tx((t) => t.run('UPDATE leases SET expires_at = expires_at + 20000'))
        steady += 70_000
      }
    })
  })
}

it('a jump of the clock is told once, with its sign; that it is adjusted little by little is none', () => {
  let wall = 1000
  let steady = 0
  const watched = watchClock(
    () => wall,
    () => steady,
  )
  const pass = (ms: number, more = 0): number => {
    steady += ms
    wall += ms + more
    return watched.jumped()
  }
  assert.deepEqual([pass(5000), pass(5000, 200), pass(5000, -200)], [0, 0, 0])
  assert.deepEqual([pass(10, HOUR), pass(10)], [HOUR, 0])
  assert.deepEqual([pass(10, -2 * HOUR), pass(10)], [-2 * HOUR, 0])
})
