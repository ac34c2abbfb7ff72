/** Cases: saved searches are checked, belong to a project, and find what they say for whoever runs them. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { logBatch } from '../batches/batch.ts'
import { refused } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import { createExperiment } from '../experiments/experiments.ts'
import { createRun } from '../runs/runs.ts'
import { changeSearch, forgetSearch, listSearches, requireSearch, runSearch, saveSearch } from './saved-searches.ts'
import type { SearchText } from './saved-searches.ts'

const text = (filter: string, more: Partial<SearchText> = {}): SearchText => ({
  entity: 'runs',
  experiment_ids: [],
  filter,
  order_by: [],
  columns: ['metrics.loss'],
  grouping: null,
  ...more,
})

export function savedSearchCases(bench: Bench): void {
  describe('saved searches', () => {
    it('are found by id and by name, changed, run and forgotten', async () => {
      const { room } = bench
      const red = bench.member('red')
      const experiment = await createExperiment(room, red, { name: 'saved' })
      const ids: string[] = []
      for (const loss of [3, 1, 2]) {
        const { run_id } = await createRun(room, red, { experiment_id: experiment })
        await logBatch(room, red, run_id, { metrics: [{ key: 'loss', value: loss, timestamp: 1, step: 1 }] })
        ids.push(run_id)
      }
      const saved = await saveSearch(room, red, 'best', text('metrics.loss < 3', { order_by: ['metrics.loss'] }))
      assert.deepEqual(await requireSearch(room.db, red, 'best'), saved)
      assert.deepEqual(await requireSearch(room.db, bench.root, saved.id), saved)
      assert.equal(saved.owner, 'red')
      const found = await runSearch(room, red, saved, { max_results: 10 })
      assert.deepEqual(
        found.rows.map((row) => row.run_id),
        [ids[1], ids[2]],
      )
      bench.wait(5)
      const changed = await changeSearch(room, red, 'best', { filter: 'metrics.loss > 1 OR metrics.loss < 0' })
      assert.deepEqual(changed, { ...saved, filter: changed.filter, updated_at: saved.updated_at + 5 })
      assert.equal((await runSearch(room, red, changed, { max_results: 1 })).rows[0]?.run_id, ids[2])
      await forgetSearch(room, red, saved.id)
      await assert.rejects(requireSearch(room.db, red, 'best'), { code: 'not_found' })
    })

    it('refuse what could not be run, a name twice, and another project', async () => {
      const { room } = bench
      const [red, blue] = [bench.member('red'), bench.member('blue')]
      await refused(saveSearch(room, red, 'bad', text('metrics.loss <')), 'INVALID_PARAMETER_VALUE', /at character 15/)
      await refused(
        saveSearch(room, red, 'bad', text('', { order_by: ['nonsense.x'] })),
        'INVALID_PARAMETER_VALUE',
        /Invalid entity type/,
      )
      await refused(
        saveSearch(room, red, 'bad', text('metrics.loss < 1', { entity: 'experiments' })),
        'INVALID_PARAMETER_VALUE',
        /Invalid entity type 'metrics'/,
      )
      const mine = await saveSearch(room, red, 'same', text(''))
      const theirs = await saveSearch(room, blue, 'same', text("status = 'FAILED'"))
      const experiments = await saveSearch(room, blue, 'exps', text("name LIKE 'x%'", { entity: 'experiments' }))
      await assert.rejects(saveSearch(room, red, 'same', text('')), { code: 'already_exists' })
      await assert.rejects(requireSearch(room.db, red, theirs.id), { code: 'not_found' })
      await assert.rejects(changeSearch(room, blue, 'exps', { name: 'same' }), { code: 'already_exists' })
      await assert.rejects(requireSearch(room.db, bench.root, 'same'), { code: 'conflict' })
      await assert.rejects(runSearch(room, blue, experiments, { max_results: 1 }), { code: 'bad_request' })
      const names = async (who: typeof red, more: object = {}) =>
        (await listSearches(room, who, { limit: 10, ...more })).map((one) => one.name)
      assert.deepEqual(await names(blue), ['exps', 'same'])
      assert.deepEqual(await names(blue, { entity: 'runs' }), ['same'])
      assert.deepEqual(await names(blue, { after: ['exps', experiments.id] }), ['same'])
      assert.deepEqual(await names(red), [mine.name])
      const audited = await room.db.all<{ detail: string }>(
        "SELECT detail FROM audit WHERE detail LIKE '%saved search%' OR detail LIKE '%\"search\"%'",
      )
      assert.ok(audited.length >= 3)
    })
  })
}
