/** What schedules must do on each database, at times that the test sets. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { never, until } from '../../test/until.ts'
import { awaited, dbWith } from '../store/awaited.fixture.ts'
import type { Db } from '../store/db.ts'
import { bury, claim, complete, listJobs } from './queue.ts'
import type { Job } from './queue.ts'
import {
  disableSchedule,
  fireDue,
  listSchedules,
  nextScheduled,
  removeSchedule,
  rewind,
  Scheduler,
  setSchedule,
} from './schedule.ts'
import type { NewSchedule, Schedule } from './schedule.ts'
import { tablesOf } from './tables.fixture.ts'
import type { Opened } from './tables.fixture.ts'
import { wrapDb } from './wrapped-db.fixture.ts'

const T0 = Date.parse('2026-06-01T00:00:00Z')
const MINUTE = 60_000
const HOUR = 60 * MINUTE

export function scheduleCases(name: string, open: () => Promise<Opened>): void {
  describe(`${name}: schedules by the clock`, () => {
    let db: Db
    let ids = 0
    tablesOf(open, ['jobs', 'schedules'], (opened) => {
      db = awaited(opened.db)
    })

    const hourly: NewSchedule = { name: 's', kind: 'k', payload: { x: 1 }, cron: '0 * * * *', timezone: 'UTC' }
    const set = (schedule: Partial<NewSchedule> = {}, now = T0): Promise<void> =>
      db.tx((t) => setSchedule(t, { ...hourly, ...schedule }, now))
    const fire = (now: number, on = db): Promise<number> =>
      fireDue(on, { now: () => now, newId: () => `j${String(++ids).padStart(5, '0')}` })
    const first = async (): Promise<Schedule> => {
      const [schedule] = await listSchedules(db)
      assert.ok(schedule)
      return schedule
    }
    /** Times of the jobs that wait, in minutes from the beginning. */
    const minutes = async (): Promise<number[]> =>
      (await listJobs(db, 'waiting', 1000)).map((job) => (job.run_at - T0) / MINUTE)

    it('has what was said, and what is usual for the rest; another setting changes all of it', async () => {
      await set()
      assert.deepEqual(await first(), {
        ...hourly,
        missed: 'last',
        overlap: 'skip',
        enabled: true,
        next_fire: T0 + HOUR,
        last_fire: null,
        last_job: null,
      })
      await set({ kind: 'other', payload: { y: 2 }, missed: 'all', overlap: 'queue' }, T0 + 5 * HOUR)
      assert.deepEqual(await first(), {
        ...hourly,
        kind: 'other',
        payload: { y: 2 },
        missed: 'all',
        overlap: 'queue',
        enabled: true,
        next_fire: T0 + HOUR,
        last_fire: null,
        last_job: null,
      })
    })

    it('its next time stays only while expression and zone are the same and it is enabled', async () => {
      const later = T0 + 5 * HOUR
      await set({ cron: '0 12 * * *' })
      await set({ cron: '0 12 * * *', timezone: 'America/New_York' }, later)
      assert.equal((await first()).next_fire, T0 + 16 * HOUR)
      await set({ cron: '30 12 * * *', timezone: 'America/New_York' }, later)
      assert.equal((await first()).next_fire, T0 + 16.5 * HOUR)
      await set({ cron: '* * * * *', timezone: 'America/New_York' }, later)
      await db.tx((t) => disableSchedule(t, 's'))
      await set({ cron: '* * * * *', timezone: 'America/New_York' }, later + HOUR)
      assert.equal((await first()).next_fire, later + HOUR + MINUTE)
    })

    it('one that never fires has no next time', async () => {
      await set({ cron: '0 0 30 2 *' })
      assert.deepEqual([(await first()).next_fire, await fire(T0 + HOUR)], [null, 0])
      assert.equal(await nextScheduled(db), undefined)
    })

    it('disabled and removed by name, alone; one that is not there is said', async () => {
      for (const one of ['b', 'a', 'c']) await set({ name: one })
      await db.tx((t) => disableSchedule(t, 'b'))
      const found = await listSchedules(db)
      assert.deepEqual(
        found.map((one) => [one.name, one.enabled, one.next_fire]),
        [
          ['a', true, T0 + HOUR],
          ['b', false, null],
          ['c', true, T0 + HOUR],
        ],
      )
      await assert.rejects(
        db.tx((t) => disableSchedule(t, 'none')),
        { code: 'not_found' },
      )
      assert.equal(await db.tx((t) => removeSchedule(t, 'a')), true)
      assert.equal(await db.tx((t) => removeSchedule(t, 'a')), false)
      assert.equal((await listSchedules(db)).length, 2)
    })

    it('an expression or a zone that is none is refused, and nothing is kept', async () => {
      await assert.rejects(set({ cron: '61 * * * *' }), { code: 'invalid_field' })
      await assert.rejects(set({ timezone: 'Nowhere' }), { code: 'invalid_field' })
      assert.deepEqual(await listSchedules(db), [])
    })

    it('says when the next of all is due', async () => {
      await set({ name: 'late', cron: '50 * * * *' })
      await set({ name: 'soon', cron: '10 * * * *' })
      await set({ name: 'off', cron: '1 * * * *' })
      await db.tx((t) => disableSchedule(t, 'off'))
      await db.tx((t) => t.run("UPDATE schedules SET next_fire = 5 WHERE name = 'off'"))
      assert.equal(await nextScheduled(db), T0 + 10 * MINUTE)
      assert.equal(await fire(T0 + HOUR), 2, 'the one that is disabled is left out')
    })

    it('fires those that are due by name, and remembers the time and the job', async () => {
      for (const one of ['b', 'a']) await set({ name: one })
      await set({ name: 'c', cron: '0 5 * * *' })
      assert.equal(await fire(T0 + HOUR), 2)
      const [a, b, c] = await listSchedules(db)
      assert.deepEqual([a?.last_fire, a?.next_fire], [T0 + HOUR, T0 + 2 * HOUR])
      assert.deepEqual([c?.last_fire, c?.last_job], [null, null])
      const jobs = (await listJobs(db, 'waiting')).map((job) => job.id)
      assert.deepEqual([a?.last_job, b?.last_job], jobs.toSorted())
      assert.deepEqual((await listJobs(db, 'waiting')).map((job) => [job.payload, job.run_at, job.lane])[0], [
        { x: 1, scheduled_at: T0 + HOUR },
        T0 + HOUR,
        null,
      ])
    })

    it('a fault undoes all of it', async () => {
      await set({ overlap: 'allow' })
      await set({ name: 't', overlap: 'allow' })
      await db.tx((t) => t.run("UPDATE schedules SET payload = 'no JSON' WHERE name = 't'"))
      await assert.rejects(fire(T0 + HOUR))
      assert.deepEqual([await minutes(), await nextScheduled(db)], [[], T0 + HOUR])
    })

    for (const [missed, at, expected] of [
      ['skip', 5, [4, 5]],
      ['skip', 5.9, [5]],
      ['last', 5, [4, 5]],
      ['last', 5.9, [5]],
      ['all', 3, [1, 2, 3]],
    ] as const)
      it(`what is at most a minute late is not missed: ${missed} at minute ${at}`, async () => {
        await set({ cron: '* * * * *', overlap: 'allow', missed })
        assert.equal(await fire(T0 + at * MINUTE), expected.length)
        assert.deepEqual(await minutes(), expected)
      })

    for (const [missed, late, expected] of [
      ['skip', MINUTE, [60]],
      ['skip', MINUTE + 1, []],
      ['last', MINUTE + 1, [60]],
    ] as const)
      it(`a time that is ${late} ms late: ${missed}`, async () => {
        await set({ missed })
        await fire(T0 + HOUR + late)
        assert.deepEqual(await minutes(), expected)
        assert.equal((await first()).last_fire, T0 + HOUR)
      })

    it('after a long pause the latest hundred times are asked for, no more', async () => {
      await set({ cron: '* * * * *', overlap: 'allow', missed: 'all' })
      assert.equal(await fire(T0 + 150 * MINUTE), 100)
      assert.deepEqual(
        await minutes(),
        Array.from({ length: 100 }, (_, i) => 51 + i),
      )
      assert.equal((await first()).next_fire, T0 + 151 * MINUTE)
    })

    for (const [state, end, fires] of [
      ['waiting', undefined, 0],
      ['running', undefined, 0],
      ['done', complete, 1],
      ['dead', (t: Parameters<typeof bury>[0], job: Job, now: number) => bury(t, job, 'x', now), 1],
    ] as const)
      it(`while the job before is ${state}, ${fires} more are asked for`, async () => {
        await set()
        await fire(T0 + HOUR)
        if (state !== 'waiting') {
          const [job] = await db.tx((t) =>
            claim(t, { worker: 'w', kinds: ['k'], now: T0 + HOUR, leaseMs: 1000, limit: 1 }),
          )
          assert.ok(job)
          await db.tx(async (t) => end?.(t, job, T0 + HOUR))
        }
        const before = (await first()).last_job
        assert.equal(await fire(T0 + 2 * HOUR), fires)
        const { last_job, last_fire } = await first()
        assert.deepEqual([last_job === before, last_fire], [fires === 0, T0 + 2 * HOUR])
      })

    it('those that are to run one after the other share a lane of their schedule', async () => {
      await set({ overlap: 'queue' })
      await fire(T0 + HOUR)
      assert.equal((await listJobs(db, 'waiting'))[0]?.lane, 'schedule:s')
    })

    it('a clock that went back by more than three hours sets the next time anew, one that went back by less does not', async () => {
      await set({ name: 'a' })
      await set({ name: 'never', cron: '0 0 30 2 *' })
      await set({ name: 'off' })
      await db.tx((t) => disableSchedule(t, 'off'))
      const next = async (): Promise<number | null> => (await first()).next_fire
      assert.equal(await rewind(db, T0 - 3 * HOUR), 0)
      assert.equal(await next(), T0 + HOUR)
      assert.equal(await rewind(db, T0 - 3 * HOUR - 1), 1)
      assert.equal(await next(), T0 - 3 * HOUR)
      assert.equal(await rewind(db, T0 - 2 * HOUR), 0, 'it is due')
      await set({ name: 'b' }, T0 - 10 * HOUR)
      assert.equal(await rewind(db, T0 - 20 * HOUR), 2)
    })

    describe('scheduler', () => {
      /** The database, and how often it was asked: each look asks it twice when the next schedule is due. */
      const counted = (): { readonly counting: Db; readonly asked: () => number } => {
        let times = 0
        const get: Db['get'] = (sql, params) => {
          times++
          return db.get(sql, params)
        }
        return { counting: dbWith(db, { get }), asked: () => times }
      }
      const began = (more: ConstructorParameters<typeof Scheduler>[1] = {}, on = db): Scheduler => {
        const scheduler = new Scheduler(on, { pollMs: 10, ...more })
        scheduler.start()
        return scheduler
      }

      it('fires what is due when it starts, and what becomes due later', async () => {
        let now = T0 + HOUR
        await set({ overlap: 'allow' })
        const { counting, asked } = counted()
        const scheduler = began({ deps: { now: () => now, newId: () => `s${++ids}` } }, counting)
        try {
          await until('the first job', async () => (await minutes()).length === 1)
          now += HOUR
          await until('the second job', async () => (await minutes()).length === 2)
          assert.deepEqual(await minutes(), [60, 120])
        } finally {
          await scheduler.stop()
        }
        now += HOUR
        const before = asked()
        // by the clock: a timer of 10 ms that was set before comes before it
        await delay(40)
        assert.equal(asked(), before, 'it has stopped')
        assert.deepEqual(await minutes(), [60, 120])
      })

      it('a clock that goes back while it runs sets times anew', async () => {
        let now = T0
        const { counting, asked } = counted()
        await set()
        const scheduler = began({ deps: { now: () => now, newId: () => `s${++ids}` } }, counting)
        try {
          await until('two looks', () => asked() >= 5)
          assert.equal((await first()).next_fire, T0 + HOUR)
          now -= 24 * HOUR
          await until('the time to be set anew', async () => (await first()).next_fire === now + HOUR)
        } finally {
          await scheduler.stop()
        }
      })

      it('looks again after the time that is told, after five seconds unless told, and sooner where something is due', async (t) => {
        const waits: unknown[] = []
        const real = globalThis.setTimeout
        t.mock.method(globalThis, 'setTimeout', (call: () => void, ms: number) => {
          waits.push(ms)
          return real(call, ms)
        })
        await set()
        for (const [pollMs, before, wait] of [
          [1234, HOUR, 1234],
          [undefined, HOUR, 5000],
          [undefined, 321, 321],
        ] as const) {
          waits.length = 0
          const deps = { now: () => T0 + HOUR - before, newId: () => `s${++ids}` }
          const scheduler = new Scheduler(db, { deps, ...(pollMs !== undefined && { pollMs }) })
          scheduler.start()
          await until(`a pause of ${wait} ms`, () => waits.includes(wait))
          await scheduler.stop()
        }
      })

      it('has ended its look when it has stopped', async () => {
        const [begun, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
        const held = wrapDb(db, () => {
          begun.resolve()
          return go.promise
        })
        await set()
        const scheduler = began({ deps: { now: () => T0 + HOUR, newId: () => `s${++ids}` } }, held)
        await begun.promise
        let stopped = false
        const stop = scheduler.stop().then(() => (stopped = true))
        await never('stopped during its look', () => stopped, 20)
        go.resolve()
        await stop
        assert.deepEqual(await minutes(), [60])
      })

      it('tells of faults and goes on; starting twice is starting once; a stop before a start is none', async () => {
        let away = true
        const errors: string[] = []
        const failing = wrapDb(db, () => {
          if (away) throw new Error('away')
        })
        await set({ overlap: 'allow' })
        const deps = { now: () => T0 + HOUR, newId: () => `s${++ids}` }
        await new Scheduler(db, { deps }).stop()
        const scheduler = began({ deps, onError: (error) => errors.push(String(error)) }, failing)
        scheduler.start()
        try {
          await until('two faults', () => errors.length >= 2)
          assert.equal(errors[0], 'Error: away')
          away = false
          await until('the job', async () => (await minutes()).length === 1)
        } finally {
          await scheduler.stop()
        }
      })
    })
  })
}
