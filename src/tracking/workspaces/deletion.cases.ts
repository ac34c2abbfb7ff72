/** Cases: deletion of workspaces. CASCADE leaves no row, SET_DEFAULT loses none, and what is refused changes nothing. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { putArtifact } from '../artifacts/artifacts.ts'
import { logBatch } from '../batches/batch.ts'
import { refused } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import { createSet } from '../../evaluation/datasets/sets.ts'
import { createExperiment, getExperimentByName } from '../experiments/experiments.ts'
import { createSecret } from '../../llm/settings/secrets.ts'
import { createIssue } from '../../traces/issues/issues.ts'
import { createLoggedModel } from '../models/logged-models.ts'
import { tablesOf } from '../reset.ts'
import { createRun } from '../runs/runs.ts'
import { registerScorer } from '../../evaluation/scorers/scorers.ts'
import { deleteWorkspace } from './deletion.ts'
import { createWorkspace, getWorkspace } from './workspaces.ts'

/** Tables of rooms below of which `fill` makes rows. */
const BELOW = [
  'scorers',
  'scorer_versions',
  'evaluation_datasets',
  'evaluation_dataset_tags',
  'evaluation_dataset_experiments',
  'trace_issues',
  'gateway_secrets',
]

export function deletionCases(bench: Bench): void {
  describe('deletion of workspaces', () => {
    const name = 'red'
    const red = bench.member(name)

    async function counts(): Promise<Record<string, number>> {
      const found: Record<string, number> = {}
      for (const table of [...tablesOf(bench.room.db.kind), ...BELOW]) {
        const row = await bench.room.db.get<{ n: number }>(`SELECT COUNT(*) AS n FROM ${table}`)
        found[table] = Number(row?.n)
      }
      return found
    }

    /** Puts one of nearly everything into the project; returns the ids of its runs. */
    async function fill(runs: number): Promise<string[]> {
      const { room } = bench
      const experiment_id = await createExperiment(room, red, { name: 'full', tags: [{ key: 'a', value: 'b' }] })
      const ids: string[] = []
      for (let i = 0; i < runs; i++) {
        const { run_id } = await createRun(room, red, { experiment_id: i === 0 ? '0' : experiment_id })
        ids.push(run_id)
        await logBatch(room, red, run_id, {
          metrics: [{ key: 'm', value: i, timestamp: 1, step: 0 }],
          params: [{ key: 'p', value: 'v' }],
          tags: [{ key: 't', value: 'v' }],
        })
      }
      const source_run_id = ids.at(-1) ?? ''
      await putArtifact(room, red, `${experiment_id}/${source_run_id}/artifacts/a.txt`, Buffer.from('a'))
      await createLoggedModel(room, red, { experiment_id, name: 'model', source_run_id, params: [], tags: [] })
      await registerScorer(room, red, { experiment_id, name: 's', serialized_scorer: '{}' })
      await createIssue(room, red, { experiment_id, name: 'i', description: '' })
      await createSet(room, red, { name: 'd', experiment_ids: [experiment_id], tags: { a: 'b' } })
      await createSecret(room, red, {
        secret_name: 'workspace secret',
        secret_value: { api_key: 'sk-0123456789' },
        provider: undefined,
        auth_config: undefined,
      })
      return ids
    }

    it('what holds something is not deleted without a mode, and nothing is with everything', async () => {
      const { room, root } = bench
      await deleteWorkspace(room, root, name, 'CASCADE').catch(() => undefined)
      const before = await counts()
      await createWorkspace(room, root, { name, description: undefined })
      await fill(45)
      await refused(deleteWorkspace(room, root, name), 'INVALID_STATE', /still holds experiments/)
      await refused(deleteWorkspace(room, red, name, 'CASCADE'), 'PERMISSION_DENIED', /one project/)
      await refused(deleteWorkspace(room, root, 'default', 'CASCADE'), 'INVALID_PARAMETER_VALUE', /reserved/)
      await refused(deleteWorkspace(room, root, 'nowhere', 'CASCADE'), 'RESOURCE_DOES_NOT_EXIST', /not found/)
      await deleteWorkspace(room, root, name, 'CASCADE')
      assert.deepEqual(await counts(), before)
      await refused(getWorkspace(room, root, name), 'RESOURCE_DOES_NOT_EXIST', /not found/)
    })

    it('what is handed over keeps all its rows, its own default experiment by another name', async () => {
      const { room, root } = bench
      await createWorkspace(room, root, { name, description: undefined })
      const [first] = await fill(3)
      const before = await counts()
      await deleteWorkspace(room, root, name, 'SET_DEFAULT')
      assert.deepEqual(await counts(), { ...before, workspaces: (before['workspaces'] ?? 0) - 1 })
      const own = await getExperimentByName(room, root, 'Default of red')
      const run = await room.db.get<{ project: string; experiment_id: string }>(
        'SELECT project, experiment_id FROM runs WHERE run_id = ?',
        [first ?? ''],
      )
      assert.deepEqual([own.project, run], ['default', { project: 'default', experiment_id: own.experiment_id }])
      await refused(getWorkspace(room, root, name), 'RESOURCE_DOES_NOT_EXIST', /not found/)
    })

    it('names that the default project has too are told, and nothing moves', async () => {
      const { room, root } = bench
      await createWorkspace(room, root, { name, description: undefined })
      await fill(1)
      const work = deleteWorkspace(room, root, name, 'SET_DEFAULT')
      await refused(work, 'INVALID_STATE', /experiments: 'full'\n.*gateway_secrets: 'workspace secret'/s)
      assert.equal((await getExperimentByName(room, red, 'full')).project, name)
      assert.equal((await getExperimentByName(room, red, 'Default')).project, name, 'its name is as it was')
      await deleteWorkspace(room, root, name, 'CASCADE')
    })
  })
}
