/** What queue, worker, schedules and leases must do on each database. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { until } from '../../test/until.ts'
import { awaited } from '../store/awaited.fixture.ts'
import type { Db } from '../store/db.ts'
import { endedHolder } from './holder.fixture.ts'
import { holderName } from './holder.ts'
import { Leases } from './leases.ts'
import { bury, claim, complete, enqueue, getJob, listJobs, prune, revive, type Job } from './queue.ts'
import { disableSchedule, fireDue, listSchedules, removeSchedule, Scheduler, setSchedule } from './schedule.ts'
import { tablesOf } from './tables.fixture.ts'
import type { Opened } from './tables.fixture.ts'
import { GiveUp, LeaseLost, Worker, type Handler, type WorkerOptions } from './worker.ts'

export function jobCases(name: string, open: () => Promise<Opened>): void {
  describe(`${name}: jobs`, () => {
    let db: Db
    tablesOf(open, ['jobs', 'schedules', 'leases', 'effects'], async (opened) => {
      db = awaited(opened.db)
      await db.tx((t) => t.run('CREATE TABLE effects (id TEXT PRIMARY KEY, job TEXT NOT NULL)'))
    })

    const take = (worker: string, now: number, limit = 1, kinds = ['k']): Promise<Job[]> =>
      db.tx((t) => claim(t, { worker, kinds, now, leaseMs: 1000, limit }))
    const at = (now: number): { now: () => number; newId: () => string } => ({
      now: () => now,
      newId: () => `j${++ids}`,
    })
    let ids = 0

    /** Runs a worker with one handler until `done`. */
    async function work(
      handler: Handler,
      done: () => boolean | Promise<boolean>,
      options: WorkerOptions = {},
    ): Promise<void> {
      const worker = new Worker(db, { pollMs: 20, backoffMs: 1, ...options }).register('k', handler)
      worker.start()
      try {
        await until('what the worker was started for', done)
      } finally {
        await worker.stop()
      }
    }

    describe('queue', () => {
      it('a job exists when its transaction commits, and not when it rolls back', async () => {
        const id = await db.tx((t) => enqueue(t, { kind: 'k', payload: { a: [1, 'ü'] } }, at(5)))
        await assert.rejects(
          db.tx(async (t) => {
            await enqueue(t, { kind: 'k', payload: 1 }, at(5))
            throw new Error('no')
          }),
        )
        const jobs = await listJobs(db, 'waiting')
        assert.deepEqual(
          jobs.map((job) => [job.id, job.payload, job.run_at, job.attempts]),
          [[id, { a: [1, 'ü'] }, 5, 0]],
        )
      })

      it('220 claims of 200 jobs, many at the same time: each job once', async () => {
        await db.tx(async (t) => {
          for (let i = 0; i < 200; i++) await enqueue(t, { kind: 'k', payload: i }, at(0))
        })
        // more at once than there are connections, and not so many that the last waits too long for one
        const taker = async (_: unknown, taker: number): Promise<Job[]> => {
          const taken: Job[] = []
          for (let i = 0; i < 11; i++) taken.push(...(await take(`w${taker}.${i}`, 10)))
          return taken
        }
        const taken = (await Promise.all(Array.from({ length: 20 }, taker))).flat()
        assert.equal(taken.length, 200)
        assert.equal(new Set(taken.map((job) => job.id)).size, 200)
        assert.ok(taken.every((job) => job.fence === 1 && job.attempts === 1 && job.lease_until === 1010))
      })

      it('claims what is due, the oldest first, of the kinds asked for', async () => {
        await db.tx(async (t) => {
          await enqueue(t, { kind: 'k', payload: 'late', run_at: 300 }, at(0))
          await enqueue(t, { kind: 'k', payload: 'second', run_at: 20 }, at(0))
          await enqueue(t, { kind: 'k', payload: 'first', run_at: 10 }, at(0))
          await enqueue(t, { kind: 'other', payload: 'other', run_at: 1 }, at(0))
        })
        assert.deepEqual(
          (await take('w', 100, 10)).map((job) => job.payload),
          ['first', 'second'],
        )
        assert.deepEqual(
          (await take('w', 300, 10)).map((job) => job.payload),
          ['late'],
        )
      })

      it('only the holder of the fence finishes; a job whose lease ran out is taken again', async () => {
        await db.tx((t) => enqueue(t, { kind: 'k', payload: 0 }, at(0)))
        const [first] = await take('w1', 0)
        assert.ok(first)
        assert.deepEqual(await take('w2', 1000), [])
        const [second] = await take('w2', 1001)
        assert.ok(second)
        assert.deepEqual([second.id, second.fence, second.attempts], [first.id, 2, 2])
        assert.equal(await db.tx((t) => complete(t, first, 1002)), false)
        assert.equal(await db.tx((t) => bury(t, first, 'late', 1002)), false)
        assert.equal(await db.tx((t) => complete(t, second, 1003)), true)
        assert.equal((await getJob(db, first.id)).finished_at, 1003)
      })

      it('a job whose worker dies each time is dead after its attempts', async () => {
        const id = await db.tx((t) => enqueue(t, { kind: 'k', payload: 0, max_attempts: 2 }, at(0)))
        assert.equal((await take('w', 0)).length, 1)
        assert.equal((await take('w', 2000)).length, 1)
        assert.equal((await take('w', 4000)).length, 0)
        const job = await getJob(db, id)
        assert.equal(job.state, 'dead')
        assert.match(job.last_error ?? '', /did not return/)
        await db.tx((t) => revive(t, id, 5000))
        assert.equal((await take('w', 5000))[0]?.attempts, 1)
      })

      it('a key keeps one job waiting, and its lane one running', async () => {
        const ask = (runAt: number): Promise<string> =>
          db.tx((t) => enqueue(t, { kind: 'k', key: 'a', payload: 0, run_at: runAt }, at(0)))
        const first = await ask(50)
        assert.equal(await ask(20), first)
        assert.equal(await ask(90), first)
        assert.equal((await getJob(db, first)).run_at, 20)
        const [running] = await take('w', 100)
        assert.ok(running)
        const next = await ask(0)
        assert.notEqual(next, first)
        assert.deepEqual(await take('w', 100), [])
        await db.tx((t) => complete(t, running, 101))
        assert.deepEqual(
          (await take('w', 102)).map((job) => job.id),
          [next],
        )
      })

      it('forgets what ended long ago', async () => {
        await db.tx((t) => enqueue(t, { kind: 'k', payload: 0 }, at(0)))
        const [job] = await take('w', 0)
        assert.ok(job)
        await db.tx((t) => complete(t, job, 10))
        assert.equal(await prune(db, 10), 0)
        assert.equal(await prune(db, 11), 1)
        await assert.rejects(getJob(db, job.id), { code: 'not_found' })
      })
    })

    describe('worker', () => {
      it('begins at once after the commit, long before its next look', async () => {
        await db.tx((t) => enqueue(t, { kind: 'k', payload: 0 }, at(0)))
        await db.tx((t) => t.run("UPDATE jobs SET state = 'done', finished_at = 0"))
        let began = false
        const worker = new Worker(db, { pollMs: 3_600_000 }).register('k', async () => {
          began = true
        })
        worker.start()
        await until('a look that finds nothing and forgets what ended', async () => {
          return (await listJobs(db, 'done')).length === 0
        })
        await db.tx((t) => enqueue(t, { kind: 'k', payload: 0 }))
        await until('the job to begin', () => began)
        await worker.stop()
      })

      it('retries with growing pauses, then keeps the last error', async () => {
        const tries: number[] = []
        let time = 0
        const now = (): number => time
        const id = await db.tx((t) => enqueue(t, { kind: 'k', payload: 0, max_attempts: 4 }, at(0)))
        const fail: Handler = async () => {
          tries.push(time)
          throw new Error(`failure ${tries.length}`)
        }
        const isDead = async (): Promise<boolean> => {
          time += 10
          return (await getJob(db, id)).state === 'dead'
        }
        await work(fail, isDead, { backoffMs: 40, random: () => 0, now, steady: now })
        assert.equal(tries.length, 4)
        const pauses = tries.slice(1).map((time, i) => time - (tries[i] ?? 0))
        assert.ok(
          pauses.every((pause, i) => pause >= 20 * 2 ** i),
          String(pauses),
        )
        assert.match((await getJob(db, id)).last_error ?? '', /failure 4/)
      })

      it('gives up at once when told to', async () => {
        const id = await db.tx((t) => enqueue(t, { kind: 'k', payload: 0 }))
        const giveUp: Handler = async () => {
          throw new GiveUp('no such file')
        }
        await work(giveUp, async () => (await getJob(db, id)).state === 'dead')
        assert.equal((await getJob(db, id)).attempts, 1)
      })

      it('runs no more than it may at the same time, and all of it', async () => {
        let [now, most, done] = [0, 0, 0]
        await db.tx(async (t) => {
          for (let i = 0; i < 30; i++) await enqueue(t, { kind: 'k', payload: i })
        })
        const handler: Handler = async () => {
          most = Math.max(most, ++now)
          for (let i = 0; i < 3; i++) await listJobs(db, 'running')
          now--
          done++
        }
        await work(handler, () => done === 30, { concurrency: 3 })
        assert.equal(most, 3)
      })

      it('an effect and the end of its job are one', async () => {
        let tries = 0
        const id = await db.tx((t) => enqueue(t, { kind: 'k', payload: 0 }))
        const handler: Handler = (job, context) =>
          context.finish(async (t) => {
            await t.run('INSERT INTO effects (id, job) VALUES (?, ?)', ['once', job.id])
            if (++tries < 3) throw new Error('after the effect')
          })
        await work(handler, async () => (await getJob(db, id)).state === 'done')
        assert.equal(tries, 3)
        assert.deepEqual(await db.all('SELECT id FROM effects'), [{ id: 'once' }])
      })

      it('runs a job again when asked to, without counting a failure', async () => {
        let runs = 0
        const id = await db.tx((t) => enqueue(t, { kind: 'k', key: 'loop', payload: 0, max_attempts: 2 }))
        const handler: Handler = async (_, context) => {
          if (++runs < 6) await context.again(Date.now())
        }
        await work(handler, async () => (await getJob(db, id)).state === 'done')
        assert.equal(runs, 6)
      })

      it('keeps a long job by renewing, and aborts one that another took', async () => {
        let reason: unknown
        let refused: unknown
        let time = 0
        const id = await db.tx((t) => enqueue(t, { kind: 'k', payload: 0 }, at(0)))
        const handler: Handler = async (_, context) => {
          time += 7
          await until('the renewal', async () => (await getJob(db, id)).lease_until === 37)
          assert.equal(context.signal.aborted, false)
          await db.tx((t) => t.run('UPDATE jobs SET fence = fence + 1 WHERE id = ?', [id]))
          if (!context.signal.aborted) await once(context.signal, 'abort')
          reason = context.signal.reason
          await context
            .tx((t) => t.run('INSERT INTO effects (id, job) VALUES (?, ?)', ['stale', id]))
            .catch((error: unknown) => {
              refused = error
            })
        }
        await work(handler, () => refused !== undefined, { leaseMs: 30, now: () => time, steady: () => 0 })
        assert.ok(reason instanceof LeaseLost)
        assert.ok(refused instanceof LeaseLost)
        assert.deepEqual(await db.all('SELECT id FROM effects'), [])
      })

      it('a job whose process has ended is taken when a worker starts, long before its lease runs out', async (t) => {
        if (process.platform !== 'linux') return t.skip('only Linux tells whether a process lives')
        const [left, kept] = await db.tx(async (tx) => [
          await enqueue(tx, { kind: 'k', payload: 'left', run_at: 1 }),
          await enqueue(tx, { kind: 'k', payload: 'kept', run_at: 2 }),
        ])
        const claims = [endedHolder(), holderName()].map((worker) => ({ worker, kinds: ['k'], limit: 1 }))
        for (const each of claims) await db.tx((tx) => claim(tx, { ...each, now: Date.now(), leaseMs: 3_600_000 }))
        const done: unknown[] = []
        await work(
          async (job) => void done.push(job.payload),
          async () => (await getJob(db, left ?? '')).state === 'done',
        )
        assert.deepEqual(done, ['left'])
        assert.equal((await getJob(db, kept ?? '')).state, 'running')
      })

      it('stop waits for what runs and takes nothing new', async () => {
        let ended = false
        await db.tx((t) => enqueue(t, { kind: 'k', payload: 0 }))
        const worker = new Worker(db, { pollMs: 10, concurrency: 1 }).register('k', async (_, context) => {
          await new Promise((resolve) => context.signal.addEventListener('abort', resolve))
          ended = true
        })
        worker.start()
        await until('the job to run', async () => (await listJobs(db, 'running')).length === 1)
        await db.tx((t) => enqueue(t, { kind: 'k', payload: 1 }))
        await worker.stop(20)
        assert.equal(ended, true)
        assert.equal((await listJobs(db, 'done')).length, 1)
        assert.deepEqual(
          (await listJobs(db, 'waiting')).map((job) => job.payload),
          [1],
        )
      })

      it('a job that is interrupted by a stop waits again, and the attempt does not count', async () => {
        const id = await db.tx((t) => enqueue(t, { kind: 'k', payload: 0, max_attempts: 1 }))
        const worker = new Worker(db, { pollMs: 10 }).register('k', async (_, context) => {
          await new Promise((_resolve, reject) =>
            context.signal.addEventListener('abort', () => reject(new Error('aborted'))),
          )
        })
        worker.start()
        await until('the job to run', async () => (await listJobs(db, 'running')).length === 1)
        await worker.stop()
        const job = await getJob(db, id)
        assert.deepEqual([job.state, job.attempts], ['waiting', 0])
        await work(
          async () => undefined,
          async () => (await getJob(db, id)).state === 'done',
        )
      })

      it('forgets in time what ended', async () => {
        const id = await db.tx((t) => enqueue(t, { kind: 'k', payload: 0 }))
        await work(
          async () => undefined,
          async () => (await getJob(db, id)).state === 'done',
        )
        await work(
          async () => undefined,
          async () => (await listJobs(db, 'done')).length === 0,
          { keepMs: -1000 },
        )
      })
    })

    describe('schedules', () => {
      const T0 = Date.parse('2026-06-01T00:00:00Z')
      const HOUR = 3_600_000
      const hourly = { name: 's', kind: 'k', payload: { x: 1 }, cron: '0 * * * *', timezone: 'UTC' } as const
      const payloads = async (): Promise<unknown[]> => (await listJobs(db, 'waiting')).map((job) => job.payload)

      it('asks for a job at its time, once, however many look', async () => {
        await db.tx((t) => setSchedule(t, hourly, T0))
        assert.equal(await fireDue(db, at(T0 + HOUR - 1)), 0)
        const fired = await Promise.all(Array.from({ length: 8 }, () => fireDue(db, at(T0 + HOUR))))
        assert.equal(
          fired.reduce((sum, n) => sum + n),
          1,
        )
        assert.deepEqual(await payloads(), [{ x: 1, scheduled_at: T0 + HOUR }])
        assert.equal((await listSchedules(db))[0]?.next_fire, T0 + 2 * HOUR)
      })

      for (const [missed, expected] of [
        ['skip', []],
        ['last', [5]],
        ['all', [1, 2, 3, 4, 5]],
      ] as const) {
        it(`missed times: ${missed}`, async () => {
          await db.tx((t) => setSchedule(t, { ...hourly, missed, overlap: 'allow' }, T0))
          await fireDue(db, at(T0 + 5.5 * HOUR))
          assert.deepEqual(
            await payloads(),
            expected.map((hour) => ({ x: 1, scheduled_at: T0 + hour * HOUR })),
          )
          await fireDue(db, at(T0 + 6 * HOUR))
          assert.equal((await payloads()).length, expected.length + 1)
        })
      }

      for (const [overlap, waiting, together] of [
        ['allow', 3, 3],
        ['skip', 1, 1],
        ['queue', 3, 1],
      ] as const) {
        it(`overlap: ${overlap}`, async () => {
          await db.tx((t) => setSchedule(t, { ...hourly, overlap }, T0))
          for (let hour = 1; hour <= 3; hour++) await fireDue(db, at(T0 + hour * HOUR))
          assert.equal((await payloads()).length, waiting)
          const running = await take('w', T0 + 4 * HOUR, 10)
          assert.equal(running.length, together)
          for (const job of running) await db.tx((t) => complete(t, job, T0 + 4 * HOUR))
          await fireDue(db, at(T0 + 4 * HOUR))
          const next = await take('w', T0 + 4 * HOUR, 1)
          assert.equal(next.length, 1)
        })
      }

      it('setting it again keeps its time; another expression moves it; disabled and removed it is silent', async () => {
        await db.tx((t) => setSchedule(t, hourly, T0))
        await db.tx((t) => setSchedule(t, { ...hourly, payload: { x: 2 } }, T0 + 3 * HOUR))
        assert.equal((await listSchedules(db))[0]?.next_fire, T0 + HOUR)
        await db.tx((t) => setSchedule(t, { ...hourly, cron: '30 * * * *' }, T0 + 3 * HOUR))
        assert.equal((await listSchedules(db))[0]?.next_fire, T0 + 3.5 * HOUR)
        await db.tx((t) => disableSchedule(t, 's'))
        assert.equal(await fireDue(db, at(T0 + 9 * HOUR)), 0)
        await db.tx((t) => setSchedule(t, hourly, T0 + 9 * HOUR))
        assert.equal((await listSchedules(db))[0]?.next_fire, T0 + 10 * HOUR)
        assert.equal(await db.tx((t) => removeSchedule(t, 's')), true)
        assert.equal(await fireDue(db, at(T0 + 20 * HOUR)), 0)
        await assert.rejects(
          db.tx((t) => disableSchedule(t, 's')),
          { code: 'not_found' },
        )
        await assert.rejects(
          db.tx((t) => setSchedule(t, { ...hourly, cron: 'soon' }, T0)),
          { code: 'invalid_field' },
        )
      })

      it('the scheduler looks in time', async () => {
        const now = Date.now()
        await db.tx((t) => setSchedule(t, { ...hourly, cron: '* * * * * *', overlap: 'allow', missed: 'all' }, now))
        const scheduler = new Scheduler(db, { pollMs: 3_600_000 })
        scheduler.start()
        await until('two of its jobs', async () => (await payloads()).length >= 2)
        await scheduler.stop()
        const [first, second] = (await payloads()) as { scheduled_at: number }[]
        assert.equal((second?.scheduled_at ?? 0) - (first?.scheduled_at ?? 0), 1000)
      })
    })

    describe('leases', () => {
      it('one holder at a time, with a growing fence, until it ends or its time runs out', async () => {
        let now = 0
        const [a, b] = ['a', 'b'].map((holder) => new Leases(db, { holder, now: () => now }))
        assert.ok(a && b)
        const fences = await a.hold('loop', 60_000, async (lease) => {
          assert.equal(await b.hold('loop', 60_000, async () => 'taken'), undefined)
          assert.equal(await b.hold('other', 60_000, async () => 'taken'), 'taken')
          assert.equal(await lease.tx(async () => 'written'), 'written')
          now = 60_001
          const later = await b.hold('loop', 60_000, async (stolen) => {
            await assert.rejects(
              lease.tx(async () => undefined),
              LeaseLost,
            )
            return stolen.fence
          })
          return [lease.fence, later]
        })
        assert.deepEqual(fences, [1, 2])
        assert.equal(await b.hold('loop', 60_000, async (lease) => lease.fence), 3)
      })

      it('passes at once from a holder whose process has ended, and not from one that lives', async (t) => {
        if (process.platform !== 'linux') return t.skip('only Linux tells whether a process lives')
        const ended = endedHolder()
        const alive = holderName()
        const take = (holder: string) =>
          db.tx((tx) => tx.run('UPDATE leases SET holder = ? WHERE name = ?', [holder, 'loop']))
        const mine = new Leases(db)
        await mine.hold('loop', 60_000, async () => {
          await take(alive)
          assert.equal(await new Leases(db).hold('loop', 60_000, async () => 'taken'), undefined)
          await take(ended)
          assert.equal(await new Leases(db).hold('loop', 60_000, async () => 'taken'), 'taken')
        })
      })

      it('is renewed while it is held, and aborts when it is lost', async () => {
        let time = 0
        const clocks = { now: () => time, steady: () => 0 }
        const [a, b] = [new Leases(db, clocks), new Leases(db, clocks)]
        const ttl = 30
        const reason = await a.hold('loop', ttl, async (lease) => {
          const expires = async () => (await db.get<{ at: number }>('SELECT expires_at AS at FROM leases'))?.at
          time += 7
          await until('the renewal', async () => (await expires()) === 37)
          assert.equal(await b.hold('loop', ttl, async () => 'taken'), undefined)
          await db.tx((t) => t.run("UPDATE leases SET fence = fence + 1 WHERE name = 'loop'"))
          if (!lease.signal.aborted) await once(lease.signal, 'abort')
          return lease.signal.reason as unknown
        })
        assert.ok(reason instanceof LeaseLost)
      })

      it('of several that would lead, one does at any time', async () => {
        let [leading, most, turns] = [0, 0, 0]
        const stop = new AbortController()
        // by clocks that stand still no lease runs out, however long a turn waits for its processor
        const clocks = { now: () => 0, steady: () => 0 }
        const others = new Set<unknown>()
        const fn = async (): Promise<void> => {
          most = Math.max(most, ++leading)
          others.add(await new Leases(db, clocks).hold('loop', 60, async () => 'leads too'))
          leading--
          turns++
        }
        const leads = Array.from({ length: 4 }, () =>
          new Leases(db, clocks).lead('loop', 60, {
            signal: stop.signal,
            fn,
            onError: (error) => assert.fail(String(error)),
          }),
        )
        await until('six turns', () => turns >= 6)
        stop.abort()
        await Promise.all(leads)
        assert.deepEqual([most, [...others]], [1, [undefined]])
      })
    })
  })
}
