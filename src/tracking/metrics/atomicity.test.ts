/** Points on SQLite: written as a whole or not at all, and so many in a transaction. */
import { historyPage } from '../bench.cases.ts'
import assert from 'node:assert/strict'
import { migratedSqlite } from '../../../test/databases.ts'
import { describe, it } from 'node:test'
import { breakable, wrapDb } from '../../jobs/wrapped-db.fixture.ts'
import type { Breakable } from '../../jobs/wrapped-db.fixture.ts'
import type { Bench } from '../bench.cases.ts'
import type { MetricPoint } from '../context/points.ts'
import { createLoggedModel } from '../models/logged-models.ts'
import { createRun } from '../runs/runs.ts'
import { describeTracking } from '../suites.cases.ts'
import { logMetric } from './metrics.ts'
import { queuePoints } from './queue.ts'

let disk: Breakable

describeTracking('points on SQLite', open, [atomicityCases, groupCases])

async function open() {
  const opened = await migratedSqlite()
  disk = breakable(opened.db)
  return { db: disk.db, close: () => opened.close() }
}

const line = (length: number, from = 0): MetricPoint[] =>
  Array.from({ length }, (_, i) => ({ key: 'm', value: i, timestamp: 1, step: from + i }))

function atomicityCases(bench: Bench): void {
  const TABLES = ['metric_points', 'latest_metrics', 'logged_model_metrics', 'runs']
  const state = async () =>
    JSON.stringify(await Promise.all(TABLES.map((name) => bench.room.db.all(`SELECT * FROM ${name}`))))
  const CALLS: Readonly<Record<string, (run: string, model: string) => Promise<void>>> = {
    'a point': (run) => logMetric(bench.room, bench.root, run, { key: 'm', value: 1, timestamp: 1, step: 1 }),
    'a point of a model': (run, model_id) =>
      logMetric(bench.room, bench.root, run, {
        key: 'm',
        value: 1,
        timestamp: 1,
        step: 1,
        model_id,
      }),
    'points that come together': (run) => queuePoints(bench.room, { who: bench.root, run_id: run, points: line(5) }),
  }

  describe('a statement that fails takes all of a call with it', () => {
    for (const [name, call] of Object.entries(CALLS))
      it(name, async () => {
        const { run_id } = await createRun(bench.room, bench.root, { experiment_id: '0' })
        const { info } = await createLoggedModel(bench.room, bench.root, {
          experiment_id: '0',
          name: 'measured',
        })
        bench.wait(120_000)
        const was = await state()
        for (let place = 0; ; place++) {
          disk.breakAt(place)
          const outcome = await call(run_id, String(info['model_id'])).then(
            () => 'written',
            (error: unknown) => String(error),
          )
          if (!disk.heal()) break
          assert.match(outcome, /the disk is full/, `statement ${place}`)
          assert.equal(await state(), was, `statement ${place}`)
        }
        assert.notEqual(await state(), was)
      })
  })
}

function groupCases(bench: Bench): void {
  describe('calls that wait together', () => {
    /** How many points each transaction wrote when calls of so many points come at once. */
    const transactions = async (sizes: readonly number[]): Promise<number[]> => {
      const written: number[] = []
      const count = async () =>
        (await bench.room.db.get<{ n: number }>('SELECT COUNT(*) AS n FROM metric_points'))?.n ?? 0
      let before = await count()
      const pending: Promise<void>[] = []
      const db = wrapDb(bench.room.db, async () => {
        const now = await count()
        if (now > before) written.push(now - before)
        before = now
      })
      const { run_id } = await createRun(bench.room, bench.root, { experiment_id: '0' })
      const room = { ...bench.room, db }
      let from = 0
      for (const size of sizes) {
        pending.push(queuePoints(room, { who: bench.root, run_id, points: line(size, from) }))
        from += size
      }
      await Promise.all(pending)
      const last = (await count()) - before
      const { metrics } = await historyPage(bench.room, bench.root, { run_id, key: 'm' })
      assert.equal(metrics.length, from)
      return [...written, last]
    }

    it('share a transaction up to its bound, and one that has more has its own', async () => {
      assert.deepEqual(await transactions([4000, 96, 1]), [4096, 1])
      assert.deepEqual(await transactions([4000, 97, 1]), [4000, 98])
      assert.deepEqual(await transactions([5000, 1]), [5000, 1])
    })
  })
}
