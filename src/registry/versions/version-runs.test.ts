/** Runs by the versions that were made from them: by model, version and alias, within what the caller sees. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Principal } from '../../contract/access.ts'
import { openTemporaryStore } from '../../store/open.ts'
import { versionRuns } from './version-runs.ts'

const member = (project: string | null): Principal => ({ id: 'p', name: 'p', role: 'viewer', project, token_id: null })

test('a model, a version or an alias names the runs; deleted versions and hidden models none', async () => {
  const store = await openTemporaryStore()
  try {
    await store.db.tx(async (t) => {
      await t.run(
        `INSERT INTO registered_models (name, project, description, created_at, updated_at, created_by, last_version, gates)
         VALUES ('m', 'red', '', 1, 1, 'p', 3, '[]')`,
      )
      for (const [version, run, gone] of [
        [1, 'r1', null],
        [2, 'r2', null],
        [3, 'r3', 5],
        [4, null, null],
      ] as const) {
        await t.run(
          `INSERT INTO model_versions (model, version, created_at, updated_at, created_by, description, source, storage,
            run_id, run_link, stage, size, metrics, data, lowering_state, deleted_at)
           VALUES ('m', ?, 1, 1, 'p', '', '', '', ?, '', 'None', 0, '{}', '[]', 'none', ?)`,
          [version, run, gone],
        )
      }
      await t.run("INSERT INTO model_aliases (model, alias, version, moved_at) VALUES ('m', 'prod', 2, 1)")
    })
    const find = versionRuns(store.db)
    assert.deepEqual((await find(member(null), { model: 'm' })).sort(), ['r1', 'r2'])
    assert.deepEqual(await find(member('red'), { model: 'm', version: 1 }), ['r1'])
    assert.deepEqual(await find(member('red'), { model: 'm', alias: 'prod' }), ['r2'])
    assert.deepEqual(await find(member('red'), { model: 'm', version: 3 }), [])
    assert.deepEqual(await find(member('blue'), { model: 'm' }), [])
    assert.deepEqual(await find(member(null), { model: 'none', alias: 'prod' }), [])
  } finally {
    await store.close()
  }
})
