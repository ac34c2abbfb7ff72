/** Cases: a page and a sample of a long metric carry about as many points out of the database as they show. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Db } from '../../store/db.ts'
import { logBatch } from '../batches/batch.ts'
import type { Bench } from '../bench.cases.ts'
import { historyPage } from '../bench.cases.ts'
import { createRun } from '../runs/runs.ts'
import { sampledHistory } from './history.ts'

const POINTS = 2000
/** Points that come together, which PostgreSQL keeps in one row. */
const TOGETHER = 50

export function carriedCases(bench: Bench): void {
  /** Step n at second n. */
  const longRun = async (): Promise<string> => {
    const { run_id } = await createRun(bench.room, bench.root, { experiment_id: '0' })
    for (let from = 0; from < POINTS; from += TOGETHER) {
      const metrics = Array.from({ length: TOGETHER }, (_, at) => {
        const step = from + at
        return { key: 'm', step, timestamp: step * 1000, value: step / 7 }
      })
      await logBatch(bench.room, bench.root, run_id, { metrics })
    }
    return run_id
  }

  describe('what a read of a long metric carries', () => {
    it('a page: its points, and a row or two by which it is known where it ends', async () => {
      const run_id = await longRun()
      const { db, rows } = counted(bench.room.db)
      const seen: number[] = []
      let page_token: string | undefined
      do {
        const before = rows()
        const page = await historyPage({ ...bench.room, db }, bench.root, {
          run_id,
          key: 'm',
          max_results: 100,
          page_token,
        })
        assert.ok(rows() - before <= 102, `${rows() - before} rows for a page of 100 after ${seen.length}`)
        seen.push(...page.metrics.map((point) => point.step))
        page_token = page.next_page_token
      } while (page_token !== undefined)
      assert.deepEqual(
        seen,
        Array.from({ length: POINTS }, (_, step) => step),
      )
    })

    it('a sample of a run whose steps have no gaps, whole or between two steps: what it shows', async () => {
      const run_id = await longRun()
      const { db, rows } = counted(bench.room.db)
      for (const bounds of [{}, { start_step: 250, end_step: 1749 }]) {
        const before = rows()
        const asked = { run_ids: [run_id], key: 'm', max_results: 20, ...bounds }
        const found = await sampledHistory({ ...bench.room, db }, bench.root, asked)
        assert.equal(found.length, 21)
        assert.ok(rows() - before <= 23, `${rows() - before} rows for 21 points within ${JSON.stringify(bounds)}`)
      }
    })
  })
}

/** The same database, and how many rows its reads for callers have carried so far. */
function counted(db: Db): { db: Db; rows: () => number } {
  let rows = 0
  const search: Db['search'] = async <T>(...asked: Parameters<Db['search']>) => {
    const found = await db.search<T>(...asked)
    rows += found.length
    return found
  }
  const searchColumns: Db['searchColumns'] = async (query) => {
    const found = await db.searchColumns(query)
    rows += found.count
    return found
  }
  const replaced: Partial<Db> = { search, searchColumns }
  const proxy = new Proxy(db, {
    get(target, name) {
      const value: unknown = Reflect.get(name in replaced ? replaced : target, name)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
  return { db: proxy, rows: () => rows }
}
