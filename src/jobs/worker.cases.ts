/** What a worker writes into the rows of its jobs on each database, at times that the test sets. */
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { never, until } from '../../test/until.ts'
import { awaited } from '../store/awaited.fixture.ts'
import type { Db } from '../store/db.ts'
import { enqueue, getJob, listJobs } from './queue.ts'
import type { Job, NewJob } from './queue.ts'
import { tablesOf } from './tables.fixture.ts'
import type { Opened } from './tables.fixture.ts'
import { GiveUp, LeaseLost, Worker } from './worker.ts'
import type { Handler, WorkerOptions } from './worker.ts'
import { wrapDb } from './wrapped-db.fixture.ts'

const NOW = 1_000_000

export function workerCases(name: string, open: () => Promise<Opened>): void {
  describe(`${name}: workers by the clock`, () => {
    let db: Db
    let ids = 0
    tablesOf(open, ['jobs'], (opened) => {
      db = awaited(opened.db)
    })

    const ask = (job: Partial<NewJob> = {}): Promise<string> =>
      db.tx((t) => enqueue(t, { kind: 'k', payload: 0, ...job }, { now: () => NOW, newId: () => `j${++ids}` }))

    /** Everything that happens is an event, so that no test waits for time. */
    function made(handler: Handler, options: WorkerOptions = {}, on = db) {
      const events = new EventEmitter()
      const told: { error: unknown; job: Job | undefined }[] = []
      const worker = new Worker(on, {
        id: 'w',
        pollMs: 10,
        now: () => NOW,
        steady: () => 0,
        random: () => 0,
        onError: (error, job) => {
          told.push({ error, job })
          events.emit('error told')
        },
        ...options,
      }).register('k', handler)
      return {
        worker,
        told,
        next: (event: string) => once(events, event),
        events,
      }
    }

    /** Runs one job until its row is no longer running, and stops. */
    async function ran(
      id: string,
      handler: Handler,
      options: WorkerOptions = {},
    ): Promise<{ job: Job; told: readonly { error: unknown; job: Job | undefined }[] }> {
      const { worker, told } = made(handler, { pollMs: 60_000, ...options })
      worker.start()
      await settled(id)
      await worker.stop()
      return { job: await getJob(db, id), told }
    }

    async function settled(id: string): Promise<void> {
      await until('the end of the job', async () => {
        const { state, fence } = await getJob(db, id)
        return fence > 0 && state !== 'running'
      })
    }

    it('a job that ends without a word is done now; its handler gets it as it is in its row', async () => {
      const id = await ask({ payload: { a: 1 } })
      let seen: Job | undefined
      const { job, told } = await ran(id, async (given) => {
        seen = given
      })
      assert.deepEqual(
        [seen?.id, seen?.payload, seen?.worker, seen?.lease_until, seen?.attempts],
        [id, { a: 1 }, 'w', NOW + 30_000, 1],
      )
      assert.deepEqual([job.state, job.finished_at, told.length], ['done', NOW, 0])
    })

    for (const [attempts, random, pause] of [
      [0, 0, 500],
      [0, 0.5, 750],
      [1, 0, 1000],
      [3, 0, 4000],
      [3, 0.25, 5000],
      [9, 0, 150_000],
      [30, 0.5, 225_000],
    ] as const)
      it(`after ${attempts + 1} failures it waits ${pause} ms where chance says ${random}`, async () => {
        const id = await ask({ max_attempts: 100 })
        await db.tx((t) => t.run('UPDATE jobs SET attempts = ? WHERE id = ?', [attempts, id]))
        const fault = new Error('of the handler')
        const { job, told } = await ran(
          id,
          async () => {
            throw fault
          },
          { random: () => random },
        )
        assert.deepEqual([job.state, job.run_at - NOW, job.attempts], ['waiting', pause, attempts + 1])
        assert.match(job.last_error ?? '', /^Error: of the handler\n +at /)
        assert.deepEqual([told.length, told[0]?.error, told[0]?.job?.id], [1, fault, id])
      })

    it('a first pause that is told is doubled from there', async () => {
      const id = await ask()
      await db.tx((t) => t.run('UPDATE jobs SET attempts = 2 WHERE id = ?', [id]))
      const fail: Handler = async () => {
        throw new Error('x')
      }
      assert.equal((await ran(id, fail, { backoffMs: 10 })).job.run_at - NOW, 20)
    })

    it('its last attempt and one that gives up are dead; what is thrown without being an error is kept as text', async () => {
      for (const [thrown, max, text] of [
        [new Error('last'), 1, /^Error: last/],
        [new GiveUp('no use'), 5, /^Error: no use/],
        ['plain', 1, /^plain$/],
      ] as const) {
        const id = await ask({ max_attempts: max })
        const { job } = await ran(id, () => Promise.reject(thrown))
        assert.deepEqual([job.state, job.finished_at, job.attempts], ['dead', NOW, 1])
        assert.match(job.last_error ?? '', text)
      }
      const id = await ask({ max_attempts: 2 })
      assert.equal((await ran(id, () => Promise.reject(new Error('first of two')))).job.state, 'waiting')
    })

    it('an error without a stack is kept by its message', async () => {
      const fault = new Error('bare')
      delete fault.stack
      const { job } = await ran(await ask({ max_attempts: 1 }), () => Promise.reject(fault))
      assert.equal(job.last_error, 'bare')
    })

    it('an error that quotes NUL is kept as one, and the attempt counts', async () => {
      const { job } = await ran(await ask({ max_attempts: 1 }), () => Promise.reject(new GiveUp('it reads a\0b')))
      assert.deepEqual([job.state, job.last_error?.includes('it reads a�b')], ['dead', true])
    })

    it('what finishes gives back its value, and a fault after it does not undo it or run it again', async () => {
      let value: unknown
      const { job, told } = await ran(await ask(), async (_, context) => {
        value = await context.finish(async () => 42)
        throw new Error('afterwards')
      })
      assert.deepEqual([value, job.state, job.last_error, told.length], [42, 'done', null, 1])
    })

    it('again: at the time that is told, with fresh attempts and what was written with it, or none of it', async () => {
      const id = await ask()
      await db.tx((t) => t.run("UPDATE jobs SET attempts = 3, last_error = 'old' WHERE id = ?", [id]))
      const { job } = await ran(id, (_, context) =>
        context.again(NOW + 77, async (t) => void (await t.run('UPDATE jobs SET payload = ? WHERE id = ?', ['7', id]))),
      )
      assert.deepEqual(
        [job.state, job.run_at, job.attempts, job.last_error, job.payload],
        ['waiting', NOW + 77, 0, null, 7],
      )
      const other = await ask()
      const failed = await ran(other, (_, context) =>
        context.again(NOW + 77, async () => {
          throw new Error('of the work')
        }),
      )
      assert.deepEqual([failed.job.run_at, failed.job.attempts], [NOW + 500, 1])
    })

    it('a transaction of a job that another took is undone, and the job is left to the other', async () => {
      for (const act of ['tx', 'finish', 'again'] as const) {
        const id = await ask()
        const steal = 'UPDATE jobs SET fence = fence + 1 WHERE id = ?'
        const { worker, told, next } = made(async (_, context) => {
          await db.tx((t) => t.run(steal, [id]))
          const write = (t: Parameters<Parameters<Db['tx']>[0]>[0]): Promise<unknown> =>
            t.run("UPDATE jobs SET payload = '9' WHERE id = ?", [id])
          if (act === 'again') await context.again(NOW + 5, async (t) => void (await write(t)))
          else await context[act](write)
        })
        const failed = next('error told')
        worker.start()
        await failed
        await worker.stop()
        const job = await getJob(db, id)
        assert.ok(told[0]?.error instanceof LeaseLost)
        assert.match(told[0].error.message, new RegExp(`another worker has job ${id}`))
        assert.deepEqual([job.state, job.payload, job.attempts], ['running', 0, 1])
        await db.tx((t) => t.run('DELETE FROM jobs'))
      }
    })

    it('a fault in writing a failure down is told too', async () => {
      const id = await ask()
      let broken = false
      const failing = wrapDb(db, () => {
        if (broken) throw new Error('away')
      })
      const { worker, told, next } = made(
        async () => {
          broken = true
          throw new Error('first')
        },
        {},
        failing,
      )
      worker.start()
      while (told.length < 2) await next('error told')
      broken = false
      await worker.stop()
      assert.deepEqual(
        told.slice(0, 2).map((one) => [(one.error as Error).message, one.job?.id]),
        [
          ['first', id],
          ['away', id],
        ],
      )
    })

    it('a kind has one handler; kinds without one stay where they are', async () => {
      const { worker } = made(async () => undefined)
      assert.throws(() => worker.register('k', async () => undefined), /jobs of kind k have a handler already/)
      const other = await ask({ kind: 'other' })
      await ran(await ask(), async () => undefined)
      assert.equal((await getJob(db, other)).state, 'waiting')
      const none = new Worker(db, { id: 'none', pollMs: 5 })
      none.start()
      none.wake()
      await none.stop()
      assert.equal((await getJob(db, other)).state, 'waiting')
    })

    it('does nothing before its start and after its stop; starting twice is starting once', async () => {
      const id = await ask()
      const { worker } = made(async () => undefined)
      worker.wake()
      const isTaken = async (job: string): Promise<boolean> => (await getJob(db, job)).state !== 'waiting'
      await never('taken before the start', () => isTaken(id), 20)
      worker.start()
      worker.start()
      await settled(id)
      await worker.stop()
      const later = await ask()
      worker.wake()
      await never('taken after the stop', () => isTaken(later), 20)
      await worker.stop()
    })

    it('eight at the same time unless told', async () => {
      for (let i = 0; i < 10; i++) await ask()
      const go = Promise.withResolvers<void>()
      const { worker } = made(() => go.promise, { pollMs: 5 })
      worker.start()
      const count = async (state: 'running' | 'done'): Promise<number> => (await listJobs(db, state)).length
      await until('eight that run', async () => (await count('running')) >= 8)
      worker.wake()
      await never('more than eight run', async () => (await count('running')) > 8, 20)
      go.resolve()
      await until('the end of all', async () => (await count('done')) === 10)
      await worker.stop()
    })

    it('no more of a kind at the same time than it may have; the others wait in order, and leave the places to other kinds', async () => {
      for (let i = 0; i < 12; i++) await ask({ kind: 'heavy', payload: i, run_at: NOW - 100 + i })
      const order: unknown[] = []
      const [go, light] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      let [running, highest] = [0, 0]
      const { worker } = made(async () => light.resolve(), { pollMs: 5 })
      const heavy: Handler = async ({ payload }) => {
        order.push(payload)
        running += 1
        highest = Math.max(highest, running)
        await go.promise
        running -= 1
      }
      worker.register('heavy', heavy, 2)
      worker.start()
      await until('two that run', () => running >= 2)
      await ask()
      await light.promise
      await never('a third of them runs', () => running > 2, 20)
      go.resolve()
      await until('the end of all', async () => (await listJobs(db, 'done')).length === 13)
      await worker.stop()
      assert.equal(highest, 2)
      const all = Array.from({ length: 12 }, (_, i) => i)
      assert.deepEqual(order, all)
    })

    it('the lease of a running job is renewed to a whole time from now', async () => {
      let now = NOW
      const id = await ask()
      const go = Promise.withResolvers<void>()
      const { worker } = made(() => go.promise, { leaseMs: 30, now: () => now })
      worker.start()
      await until('the run', async () => (await getJob(db, id)).state === 'running')
      now += 500
      await until('the renewal', async () => (await getJob(db, id)).lease_until === NOW + 530)
      go.resolve()
      await settled(id)
      await worker.stop()
    })

    it('a database that is away for a moment ends no job; once the lease ran out, the job is aborted', async () => {
      let away = false
      let steady = 0
      const refused = new EventEmitter()
      const failing = wrapDb(db, () => {
        if (!away) return
        refused.emit('refused')
        throw new Error('away')
      })
      const id = await ask()
      const begun = Promise.withResolvers<AbortSignal>()
      const { worker } = made(
        async (_, context) => {
          begun.resolve(context.signal)
          if (!context.signal.aborted) await once(context.signal, 'abort')
        },
        { leaseMs: 30, steady: () => steady },
        failing,
      )
      worker.start()
      const signal = await begun.promise
      away = true
      steady = 30
      for (let i = 0; i < 3; i++) await once(refused, 'refused')
      await setImmediate()
      assert.equal(signal.aborted, false)
      steady = 31
      if (!signal.aborted) await once(signal, 'abort')
      assert.match(String(signal.reason), new RegExp(`the lease of job ${id} ran out`))
      away = false
      await worker.stop()
    })

    it('an interrupted attempt does not count and keeps the error of the one before', async () => {
      const id = await ask()
      await db.tx((t) => t.run("UPDATE jobs SET attempts = 2, last_error = 'before' WHERE id = ?", [id]))
      const begun = Promise.withResolvers<void>()
      const { worker } = made(async (_, context) => {
        begun.resolve()
        await once(context.signal, 'abort')
        throw new Error('stopped')
      })
      worker.start()
      await begun.promise
      await worker.stop()
      const job = await getJob(db, id)
      assert.deepEqual([job.state, job.attempts, job.last_error, job.run_at], ['waiting', 2, 'before', NOW])
    })

    it('forgets what ended before the time that jobs are kept, at its first look and then every hour', async () => {
      let steady = 0
      const ended = async (finished: number): Promise<string> => {
        const id = await ask()
        await db.tx((t) => t.run("UPDATE jobs SET state = 'done', finished_at = ? WHERE id = ?", [finished, id]))
        return id
      }
      const days = 14 * 24 * 3_600_000
      const [old, young] = [await ended(NOW - days - 1), await ended(NOW - days)]
      const left = async (): Promise<string[]> => (await listJobs(db, 'done')).map((job) => job.id)
      const gone = (id: string): Promise<boolean> => until(`${id} to go`, async () => !(await left()).includes(id))
      const { worker } = made(async () => undefined, { pollMs: 2, steady: () => steady, now: () => NOW })
      worker.start()
      await gone(old)
      assert.deepEqual(await left(), [young])
      const next = await ended(NOW - days - 1)
      steady = 3_599_999
      // a job that was done tells that the look before it has ended
      for (let i = 0; i < 3; i++) await settled(await ask())
      assert.ok((await left()).includes(next))
      steady = 3_600_000
      await gone(next)
      await worker.stop()
    })

    /** Asks as another process would: nobody here is told. */
    async function askElsewhere(run_at: number): Promise<string> {
      const id = `e${++ids}`
      const sql = `INSERT INTO jobs (id, kind, payload, state, run_at, attempts, max_attempts, fence, created_at)
        VALUES (?, 'k', '0', 'waiting', ?, 0, 5, 0, ?)`
      await db.tx((t) => t.run(sql, [id, run_at, NOW]))
      return id
    }

    it('a job of another process is found by looking from time to time, also while a later one waits', async () => {
      await ask({ run_at: NOW + 3_600_000 })
      const { worker } = made(async () => undefined)
      worker.start()
      await settled(await askElsewhere(NOW))
      await settled(await askElsewhere(NOW))
      await worker.stop()
    })

    it('a look that fails is told and tried again', async () => {
      let away = false
      const failing = wrapDb(db, () => {
        if (away) throw new Error('away')
      })
      const { worker, told, next } = made(async () => undefined, {}, failing)
      worker.start()
      await settled(await ask())
      away = true
      const failed = next('error told')
      const id = await askElsewhere(NOW)
      await failed
      assert.deepEqual([String(told[0]?.error), told[0]?.job], ['Error: away', undefined])
      away = false
      await settled(id)
      await worker.stop()
    })

    it('a clock that goes back while it runs moves what was asked for in the future', async () => {
      let now = NOW
      const { worker } = made(async () => undefined, { now: () => now })
      worker.start()
      await settled(await ask())
      const later = await ask({ run_at: NOW + 5000 })
      now -= 3_600_000
      worker.wake()
      await until('its time to be moved', async () => (await getJob(db, later)).created_at === now)
      assert.equal((await getJob(db, later)).run_at, now + 5000)
      await worker.stop()
    })
  })
}
