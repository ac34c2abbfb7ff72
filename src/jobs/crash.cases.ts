/** A process that does jobs is killed with -9 at every point: nothing is lost and nothing is doubled. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { endOf } from '../../test/output.ts'
import type { Db } from '../store/db.ts'
import { enqueue } from './queue.ts'
import { listSchedules, setSchedule } from './schedule.ts'
import { tablesOf } from './tables.fixture.ts'
import type { Opened } from './tables.fixture.ts'

export interface OpenedTwice extends Opened {
  /** How a second process opens the same database: a path or a URL. */
  readonly where: string
}

/** Point and passing; those that begin with `store.` exist on SQLite alone. */
const FAULTS = [
  'jobs.claimed@1',
  'jobs.claimed@4',
  'test.begun@2',
  'test.effect@1',
  'test.effect@5',
  'jobs.handled@3',
  'jobs.finished@2',
  'store.written@4',
  'store.committed@3',
]

/** Resolves to the exit code, or the signal, of a process that does all jobs. */
function work(where: string, fault: string | undefined): Promise<string> {
  return endOf(join(import.meta.dirname, 'crasher.fixture.ts'), [where], fault)
}

export function crashCases(name: string, open: () => Promise<OpenedTwice>): void {
  describe(`${name}: jobs of a process that is killed`, () => {
    let opened: OpenedTwice
    let db: Db
    tablesOf(open, ['jobs', 'schedules', 'effects'], async (made) => {
      opened = made
      db = opened.db
      await db.tx((t) => t.run('CREATE TABLE effects (id TEXT PRIMARY KEY, job TEXT NOT NULL)'))
    })

    const effects = async (): Promise<string[]> =>
      (await db.all<{ id: string }>('SELECT id FROM effects')).map((row) => row.id)

    /** A chain of jobs: each has one effect and asks for the next. */
    const chain = (chain: string, length: number): Promise<string> =>
      db.tx((t) => enqueue(t, { kind: 'step', payload: { name: chain, left: length - 1 }, max_attempts: 50 }))

    it('each effect happens once, wherever it is killed', async () => {
      const faults = FAULTS.filter((fault) => db.kind === 'sqlite' || !fault.startsWith('store.'))
      for (let i = 0; i < 3; i++) await chain(`long ${i}`, 8)
      const wanted = [0, 1, 2].flatMap((i) => Array.from({ length: 8 }, (_, left) => `long ${i}.${left}`))
      for (const fault of faults) {
        await chain(`for ${fault}`, 3)
        wanted.push(...[0, 1, 2].map((left) => `for ${fault}.${left}`))
        assert.equal(await work(opened.where, fault), 'SIGKILL', fault)
      }
      assert.equal(await work(opened.where, undefined), '0')
      assert.deepEqual(new Set(await effects()), new Set(wanted))
      assert.equal((await effects()).length, wanted.length)
      const states = await db.all('SELECT state, count(*) AS c FROM jobs GROUP BY state')
      assert.deepEqual(states, [{ state: 'done', c: wanted.length }])
    })

    it('killed while a schedule fires, each time fires once', async () => {
      const minutely = { name: 's', kind: 'tick', payload: {}, cron: '* * * * *', timezone: 'UTC' } as const
      const start = Date.now() - 10 * 60_000
      await db.tx((t) => setSchedule(t, { ...minutely, missed: 'all', overlap: 'allow' }, start))
      const first = (await listSchedules(db))[0]?.next_fire ?? 0
      assert.equal(await work(opened.where, 'schedules.fired'), 'SIGKILL')
      assert.equal((await db.all('SELECT id FROM jobs')).length, 0)
      assert.equal(await work(opened.where, 'jobs.claimed'), 'SIGKILL')
      assert.equal(await work(opened.where, undefined), '0')
      const [schedule] = await listSchedules(db)
      const times: string[] = []
      for (let time = first; time < (schedule?.next_fire ?? 0); time += 60_000) times.push(`tick ${time}`)
      assert.ok(times.length >= 10)
      assert.deepEqual(new Set(await effects()), new Set(times))
      assert.equal((await effects()).length, times.length)
    })
  })
}
