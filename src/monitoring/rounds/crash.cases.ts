/** The evaluator is killed with -9 at any look at two faults: the next one goes on and ends with the same incident, each page once. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { TestDatabase } from '../../../test/databases.ts'
import { endOf } from '../../../test/output.ts'
import { HOUR_MS } from '../../contract/ids.ts'
import type { Db } from '../../store/db.ts'
import { incidentRows, viewIncident } from '../incidents/rows.ts'
import { FIRST, START } from './feed.fixture.ts'

export const METRICS = { 'importance.sched_hour': 0.05, 'importance.distance': 0.0001 }
export const DAYS = 6
export const FAULT = FIRST + 2 * 24 + 9

/** First hour, counted from `START`, that was not taken in; `first` where none was. */
export async function currentEnd(db: Db, endpoint: string, first: number): Promise<number> {
  const row = await db.get<{ newest: number | null }>('SELECT newest_hour AS newest FROM monitors WHERE endpoint = ?', [
    endpoint,
  ])
  return row?.newest == null ? first : row.newest + 1 - START / HOUR_MS
}

/** Points and their passings: before and after the first finding, under one fault and under both, and in the calm after them. */
const FAULTS = ['judged@30', 'committed@31', 'judged@33', 'committed@36', 'judged@38', 'committed@50', 'judged@60']

/** Runs the cases on databases that `database` makes. */
export function crashCases(name: string, database: () => Promise<TestDatabase>): void {
  describe(`the evaluator of two faults, killed, on ${name}`, () => {
    let opened: TestDatabase
    before(async () => (opened = await database()))
    after(() => opened.close())

    const run = (endpoint: string, fault?: string): Promise<string> =>
      endOf(join(import.meta.dirname, 'crasher.fixture.ts'), [opened.where, endpoint], fault && `monitoring.${fault}`)

    /** Everything that the incident says, without its id and the wall clock. */
    async function said(endpoint: string): Promise<unknown> {
      const rows = await incidentRows(opened.db, { endpoint })
      const views = await Promise.all(rows.map((row) => viewIncident(opened.db, row)))
      return views.map(({ id: _id, endpoint: _endpoint, opened_at: _at, resolved_at: _end, timeline, ...rest }) => ({
        ...rest,
        timeline: timeline.map(({ at: _time, ...entry }) => entry),
      }))
    }

    it('ends as one that nobody killed', async () => {
      assert.equal(await run('whole'), '0')
      const whole = (await said('whole')) as { times_paged: number; state: string; causes: unknown[] }[]
      assert.deepEqual(
        whole.map(({ times_paged, state, causes }) => [times_paged, state, causes.length]),
        [[1, 'resolved', 2]],
      )
      let killed = 0
      for (const fault of FAULTS) {
        const end = await run(fault, fault)
        if (end === 'SIGKILL') killed += 1
        else assert.equal(end, '0', fault)
        assert.equal(await run(fault), '0', fault)
        assert.deepEqual(await said(fault), whole, fault)
      }
      assert.equal(killed, FAULTS.length, 'every point was passed')
    })
  })
}
