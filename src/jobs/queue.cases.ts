/** What rows of jobs must do on each database, at times that the test sets: who gets which job, until when, and what is left of it. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { awaited } from '../store/awaited.fixture.ts'
import type { Db } from '../store/db.ts'
import {
  bury,
  claim,
  clockWentBack,
  complete,
  enqueue,
  freeEnded,
  getJob,
  holds,
  JOB_DEPS,
  listJobs,
  nextClaimable,
  onEnqueued,
  prune,
  putBack,
  renew,
  revive,
} from './queue.ts'
import type { Job, NewJob } from './queue.ts'
import { tablesOf } from './tables.fixture.ts'
import type { Opened } from './tables.fixture.ts'

export function queueCases(name: string, open: () => Promise<Opened>): void {
  describe(`${name}: rows of jobs`, () => {
    let db: Db
    let ids = 0
    tablesOf(open, ['jobs'], (opened) => {
      db = awaited(opened.db)
    })

    const ask = (job: Partial<NewJob> = {}, now = 0): Promise<string> => {
      const deps = { now: () => now, newId: () => `j${String(++ids).padStart(5, '0')}` }
      return db.tx((t) => enqueue(t, { kind: 'k', payload: 0, ...job }, deps))
    }
    const take = (
      now: number,
      more: { worker?: string; limit?: number; kinds?: string[]; most?: Map<string, number> } = {},
    ): Promise<Job[]> => db.tx((t) => claim(t, { worker: 'w', kinds: ['k'], leaseMs: 1000, limit: 10, now, ...more }))
    const one = async (now: number): Promise<Job> => {
      const [job] = await take(now, { limit: 1 })
      assert.ok(job)
      return job
    }
    const idsOf = (jobs: readonly Job[]): string[] => jobs.map((job) => job.id)

    it('no more of a kind are taken than told, oldest first, lost ones among them; the next is of another kind', async () => {
      const [lost, first, second] = [
        await ask({ kind: 'a' }, 1),
        await ask({ kind: 'a' }, 2),
        await ask({ kind: 'a' }, 3),
      ]
      const [other, more] = [await ask({ kind: 'b' }, 4), await ask({ kind: 'b' }, 5)]
      const kinds = ['a', 'b']
      assert.deepEqual(idsOf(await take(1, { kinds })), [lost])
      const most = new Map([['a', 2]])
      assert.deepEqual(idsOf(await take(5000, { kinds, most })), [lost, first, other, more])
      assert.deepEqual([...most], [['a', 2]])
      assert.deepEqual(await take(5001, { kinds: ['a'], most: new Map([['a', 0]]) }), [])
      assert.deepEqual(idsOf(await take(5002, { kinds: ['a'] })), [second])
    })

    it('a job that is asked for has what was said, and what is usual for the rest', async () => {
      const plain = await ask({ payload: undefined }, 7)
      assert.deepEqual(await getJob(db, plain), {
        id: plain,
        kind: 'k',
        key: null,
        lane: null,
        payload: null,
        state: 'waiting',
        run_at: 7,
        attempts: 0,
        max_attempts: 5,
        fence: 0,
        worker: null,
        lease_until: null,
        last_error: null,
        created_at: 7,
        finished_at: null,
      })
      const keyed = await getJob(db, await ask({ key: 'a', run_at: 50, max_attempts: 2 }, 7))
      assert.deepEqual([keyed.key, keyed.lane, keyed.run_at, keyed.max_attempts], ['a', 'k:a', 50, 2])
      assert.equal((await getJob(db, await ask({ key: 'b', lane: 'own' }))).lane, 'own')
    })

    it('random ids sort by time and are never the same', () => {
      const before = Date.now()
      const [first, second] = [JOB_DEPS.newId(), JOB_DEPS.newId()]
      const after = Date.now()
      assert.match(first, /^job_[0-9a-z]{9}[0-9a-f]{16}$/)
      assert.notEqual(first, second)
      const made = Number.parseInt(first.slice(4, 13), 36)
      assert.ok(before <= made && made <= after, `${before} <= ${made} <= ${after}`)
    })

    it('who listens is told once for each commit, not for a rollback, and no more after leaving', async () => {
      let told = 0
      const leave = onEnqueued(() => told++)
      await ask()
      assert.equal(told, 1)
      await assert.rejects(
        db.tx(async (t) => {
          await enqueue(t, { kind: 'k', payload: 0 })
          throw new Error('no')
        }),
      )
      assert.equal(told, 1)
      leave()
      await ask()
      assert.equal(told, 1)
    })

    it('the same key of another kind is another job, and so is one without a key', async () => {
      const all = [await ask({ key: 'a' }), await ask({ key: 'a', kind: 'other' }), await ask(), await ask()]
      assert.equal(new Set(all).size, 4)
      assert.equal(await ask({ key: 'a' }), all[0])
    })

    it('leases that ran out come first, the one that ran out first before; then what is due, oldest first', async () => {
      const [late, early] = [await ask({ run_at: 10 }), await ask({ run_at: 20 })]
      await db.tx((t) => t.run("UPDATE jobs SET state = 'running', fence = 1, lease_until = 90 WHERE id = ?", [late]))
      await db.tx((t) => t.run("UPDATE jobs SET state = 'running', fence = 1, lease_until = 80 WHERE id = ?", [early]))
      const [second, first] = [await ask({ run_at: 5 }), await ask({ run_at: 4 })]
      assert.deepEqual(idsOf(await take(100)), [early, late, first, second])
    })

    it('no more than the limit, each with a lease from now on, a new fence and one more attempt', async () => {
      for (let i = 0; i < 3; i++) await ask()
      const taken = await take(100, { limit: 2, worker: 'me' })
      assert.deepEqual(
        taken.map((job) => [job.state, job.worker, job.lease_until, job.fence, job.attempts]),
        [
          ['running', 'me', 1100, 1, 1],
          ['running', 'me', 1100, 1, 1],
        ],
      )
      assert.equal((await take(100)).length, 1)
    })

    it('a job is due at its time, not before; a lease holds until its last moment', async () => {
      await ask({ run_at: 50 })
      assert.deepEqual(await take(49), [])
      assert.equal((await take(50)).length, 1)
      assert.deepEqual(await take(1050), [])
      assert.equal((await take(1051)).length, 1)
    })

    it('a lane holds back its own jobs alone; jobs without a lane hold back nothing', async () => {
      await ask({ lane: 'a' })
      await one(0)
      const [blocked, other, free, also] = [
        await ask({ lane: 'a' }),
        await ask({ lane: 'b' }),
        await ask(),
        await ask(),
      ]
      assert.deepEqual(idsOf(await take(0)).sort(), [other, free, also].sort())
      assert.deepEqual(idsOf(await listJobs(db, 'waiting')), [blocked])
    })

    it('a job without an attempt left is buried only once its lease ran out, and only one of the kinds asked for', async () => {
      await ask({ max_attempts: 1 })
      await ask({ kind: 'other', max_attempts: 1 })
      const more = await ask({ max_attempts: 2 })
      assert.equal((await take(0, { kinds: ['k', 'other'] })).length, 3)
      assert.deepEqual(await take(1000), [])
      assert.equal((await listJobs(db, 'dead')).length, 0)
      assert.deepEqual(idsOf(await take(1001)), [more])
      const [dead, ...rest] = await listJobs(db, 'dead')
      assert.deepEqual([dead?.kind, dead?.finished_at, dead?.lease_until, rest.length], ['k', 1001, null, 0])
      assert.equal((await listJobs(db, 'running')).length, 2)
    })

    it('leases of workers that have ended are over at once, those of others go on', async () => {
      for (let i = 0; i < 3; i++) await ask()
      await take(0, { worker: 'gone', limit: 1 })
      await take(0, { worker: 'alive', limit: 1 })
      await db.tx((t) => freeEnded(t, (worker) => worker === 'gone', 5))
      const leases = await db.all<{ worker: string | null; until: number | null }>(
        'SELECT worker, lease_until AS until FROM jobs ORDER BY worker',
      )
      const held = leases.filter((row) => row.worker !== null)
      assert.deepEqual(held, [
        { worker: 'alive', until: 1000 },
        { worker: 'gone', until: 4 },
      ])
      assert.equal((await take(5)).length, 2, 'the one that was freed and the one that waited')
    })

    it('a worker that has ended long ago and holds nothing is not asked about', async () => {
      await ask()
      await db.tx(async (t) =>
        complete(t, (await claim(t, { worker: 'old', kinds: ['k'], now: 0, leaseMs: 1, limit: 1 }))[0] as Job, 1),
      )
      const asked: string[] = []
      await db.tx((t) => freeEnded(t, (worker) => asked.push(worker) > 0, 5))
      assert.deepEqual(asked, [])
    })

    it('after the clock went back: what was asked for in the future keeps its distance, the rest is as it was', async () => {
      const future = await ask({ run_at: 1300 }, 1000)
      const past = await ask({ run_at: 400 }, 50)
      await ask({ kind: 'done' }, 2000)
      const [done] = await take(3000, { kinds: ['done'] })
      await db.tx((t) => complete(t, done as Job, 3000))
      await db.tx((t) => clockWentBack(t, { now: 100, leaseMs: 1000, pauseMs: 500 }))
      const times = async (id: string): Promise<number[]> => {
        const { run_at, created_at } = await getJob(db, id)
        return [run_at, created_at]
      }
      assert.deepEqual(await times(future), [400, 100])
      assert.deepEqual(await times(past), [400, 50])
      assert.deepEqual(await times((done as Job).id), [2000, 2000])
    })

    it('after the clock went back: one that failed waits no longer than the longest pause, a lease is no longer than from now', async () => {
      const failed: string[] = []
      for (const run_at of [601, 600]) {
        failed.push(await ask())
        const job = await one(0)
        await db.tx((t) => putBack(t, job, { runAt: run_at, attempts: 1, error: 'x', now: 0 }))
      }
      const fresh = await ask({ run_at: 9000 })
      await ask({ kind: 'r' })
      await ask({ kind: 'r' })
      await take(5000, { kinds: ['r'], limit: 1 })
      await take(50, { kinds: ['r'], limit: 1 })
      await db.tx((t) => clockWentBack(t, { now: 100, leaseMs: 1000, pauseMs: 500 }))
      const due = await Promise.all([...failed, fresh].map(async (id) => (await getJob(db, id)).run_at))
      assert.deepEqual(due, [100, 600, 9000])
      const running = await listJobs(db, 'running')
      assert.deepEqual(
        running.map((job) => job.lease_until).toSorted((a, b) => (a ?? 0) - (b ?? 0)),
        [1050, 1100],
      )
    })

    it('what is done has its end and no lease, worker or error that would mislead; it is done once', async () => {
      await ask()
      let job = await one(0)
      await db.tx((t) => putBack(t, job, { runAt: 5, attempts: 1, error: 'first', now: 1 }))
      const waiting = await getJob(db, job.id)
      assert.deepEqual(
        [waiting.state, waiting.run_at, waiting.attempts, waiting.last_error, waiting.lease_until, waiting.worker],
        ['waiting', 5, 1, 'first', null, null],
      )
      assert.equal(await db.tx((t) => complete(t, job, 6)), false, 'it is not held while it waits')
      job = await one(6)
      assert.equal(await db.tx((t) => complete(t, job, 9)), true)
      const done = await getJob(db, job.id)
      assert.deepEqual([done.state, done.finished_at, done.lease_until, done.last_error], ['done', 9, null, null])
      assert.equal(await db.tx((t) => complete(t, job, 10)), false)
      assert.equal(await db.tx((t) => bury(t, job, 'x', 10)), false)
      assert.equal(await db.tx((t) => renew(t, job, 10)), false)
      assert.equal(await db.tx((t) => holds(t, job)), false)
      assert.equal(await db.tx((t) => putBack(t, job, { runAt: 0, attempts: 0, error: null, now: 0 })), false)
    })

    it('only the fence of now holds: renewing, keeping, putting back and burying with an older one do nothing', async () => {
      await ask()
      const old = await one(0)
      const held = await one(2000)
      assert.equal(held.id, old.id)
      for (const act of [(job: Job) => db.tx((t) => holds(t, job)), (job: Job) => db.tx((t) => renew(t, job, 7000))]) {
        assert.equal(await act(old), false)
        assert.equal(await act(held), true)
      }
      assert.equal((await getJob(db, held.id)).lease_until, 7000)
      assert.equal(await db.tx((t) => putBack(t, old, { runAt: 0, attempts: 0, error: null, now: 0 })), false)
      assert.equal(await db.tx((t) => bury(t, old, 'old', 1)), false)
      assert.equal((await getJob(db, held.id)).state, 'running')
      assert.equal(await db.tx((t) => bury(t, held, 'held', 8)), true)
      const dead = await getJob(db, held.id)
      assert.deepEqual([dead.state, dead.last_error, dead.finished_at, dead.lease_until], ['dead', 'held', 8, null])
    })

    it('a job of another fence with the same number is not touched', async () => {
      await ask()
      await ask()
      const [first, second] = await take(0)
      assert.ok(first && second)
      await db.tx((t) => complete(t, first, 1))
      await db.tx((t) => renew(t, first, 9999))
      const left = await getJob(db, second.id)
      assert.deepEqual([left.state, left.lease_until], ['running', 1000])
    })

    it('an error is kept up to 4,000 characters, without NUL, which PostgreSQL cannot hold', async () => {
      await ask()
      const job = await one(0)
      await db.tx((t) => putBack(t, job, { runAt: 0, attempts: 1, error: `a\0b${'c'.repeat(5000)}`, now: 0 }))
      assert.equal((await getJob(db, job.id)).last_error, `ab${'c'.repeat(3998)}`)
    })

    it('one that goes back while its key waits again is done: the one that waits does its work', async () => {
      const first = await ask({ key: 'a' })
      const running = await one(0)
      const next = await ask({ key: 'a' })
      await ask({ key: 'b' })
      assert.equal(await db.tx((t) => putBack(t, running, { runAt: 3, attempts: 1, error: 'x', now: 4 })), true)
      const done = await getJob(db, first)
      assert.deepEqual([done.state, done.finished_at], ['done', 4])
      assert.equal((await getJob(db, next)).state, 'waiting')
      await ask({ key: 'c' })
      await ask({ kind: 'other', key: 'd' })
      const alone = (await take(0)).find((job) => job.key === 'c') as Job
      await db.tx((t) => putBack(t, { ...alone, key: 'c' }, { runAt: 3, attempts: 1, error: 'x', now: 4 }))
      assert.equal(
        (await getJob(db, alone.id)).state,
        'waiting',
        'a waiting job of another key does no work of this one',
      )
    })

    it('says when there is something to claim: the earliest that waits with a free lane, or a lease that runs out', async () => {
      const next = (kinds = ['k']): Promise<number | undefined> => nextClaimable(db, kinds)
      assert.equal(await next(), undefined)
      await ask({ kind: 'other', run_at: 1 })
      assert.equal(await next(), undefined)
      assert.equal(await next(['k', 'other']), 1)
      await ask({ run_at: 900 })
      await ask({ run_at: 700, lane: 'a' })
      assert.equal(await next(), 700)
      await db.tx((t) => t.run("UPDATE jobs SET run_at = 600 WHERE lane = 'a'"))
      assert.equal((await take(600)).length, 1)
      await ask({ run_at: 10, lane: 'a' })
      assert.equal(await next(), 900, 'the lane is taken')
      await db.tx((t) => t.run("UPDATE jobs SET lease_until = 800 WHERE state = 'running'"))
      assert.equal(await next(), 801)
    })

    it('lists those of a state, what waits longest first, a hundred unless more are asked for', async () => {
      for (let i = 0; i < 101; i++) await ask({ run_at: 200 - i })
      const times = (await listJobs(db, 'waiting')).map((job) => job.run_at)
      assert.deepEqual(
        times,
        Array.from({ length: 100 }, (_, i) => 100 + i),
      )
      assert.equal((await listJobs(db, 'waiting', 200)).length, 101)
      assert.deepEqual(await listJobs(db, 'running'), [])
    })

    it('a dead job runs again with fresh attempts; one that is not dead, or whose key waits, does not', async () => {
      await assert.rejects(
        db.tx((t) => revive(t, 'none', 0)),
        { code: 'not_found' },
      )
      const id = await ask({ key: 'a' })
      await assert.rejects(
        db.tx((t) => revive(t, id, 0)),
        /is waiting, not dead/,
      )
      const job = await one(0)
      await db.tx((t) => bury(t, job, 'x', 5))
      const twin = await ask({ key: 'a' })
      await assert.rejects(
        db.tx((t) => revive(t, id, 9)),
        /a job of kind k with key a waits already/,
      )
      await db.tx((t) => t.run('DELETE FROM jobs WHERE id = ?', [twin]))
      const other = await ask()
      await db.tx((t) => revive(t, id, 9))
      const alive = await getJob(db, id)
      assert.deepEqual(
        [alive.state, alive.attempts, alive.run_at, alive.finished_at, alive.worker],
        ['waiting', 0, 9, null, null],
      )
      assert.equal((await getJob(db, other)).run_at, 0)
    })

    it('forgets what ended before a time, done or dead, and nothing that has not ended', async () => {
      for (let i = 0; i < 4; i++) await ask()
      const [done, dead, later] = await take(0, { limit: 3 })
      await db.tx((t) => complete(t, done as Job, 10))
      await db.tx((t) => bury(t, dead as Job, 'x', 10))
      await db.tx((t) => complete(t, later as Job, 11))
      assert.equal(await prune(db, 10), 0)
      assert.equal(await prune(db, 11), 2)
      assert.deepEqual(idsOf(await listJobs(db, 'done')), [later?.id])
      assert.equal((await listJobs(db, 'waiting')).length, 1)
    })
  })
}
