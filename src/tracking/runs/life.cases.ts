/** Cases: experiments and runs through their lives, tags, projects. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as experiments from '../experiments/experiments.ts'
import { searchExperiments } from '../experiments/search.ts'
import { getRun } from '../searches/read.ts'
import { searchRuns } from '../searches/search.ts'
import { createRun, deleteTag, finishRun, requireRun, setRunStage, setTag, updateRun } from './runs.ts'
import { logMetric } from '../metrics/metrics.ts'
import { refused } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'

export function lifeCases(bench: Bench): void {
  describe('experiments', () => {
    it('experiment 0 named Default exists', async () => {
      const found = await experiments.getExperiment(bench.room, bench.root, '0')
      assert.equal(found.name, 'Default')
      assert.equal(found.artifact_location, 'mlflow-artifacts:/0')
    })

    it('are made, renamed, tagged, deleted and restored', async () => {
      const { room, root } = bench
      const id = await experiments.createExperiment(room, root, { name: 'first', tags: [{ key: 'a', value: '1' }] })
      assert.match(id, /^\d+$/)
      await refused(
        experiments.createExperiment(room, root, { name: 'first' }),
        'RESOURCE_ALREADY_EXISTS',
        /^Experiment\(name=first\) already exists\./,
      )
      bench.wait(5)
      await experiments.renameExperiment(room, root, id, 'second')
      await experiments.setExperimentTag(room, root, id, { key: 'a', value: '2' })
      await experiments.setExperimentTag(room, root, id, { key: 'b', value: '' })
      const found = await experiments.getExperimentByName(room, root, 'second')
      assert.deepEqual(found.tags, [
        { key: 'a', value: '2' },
        { key: 'b', value: '' },
      ])
      assert.ok(found.last_update_time > found.creation_time)
      await experiments.deleteExperimentTag(room, root, id, 'b')
      await refused(
        experiments.deleteExperimentTag(room, root, id, 'b'),
        'RESOURCE_DOES_NOT_EXIST',
        /^No tag with name: b/,
      )
      await experiments.setExperimentStage(room, root, id, 'deleted')
      await refused(
        experiments.renameExperiment(room, root, id, 'third'),
        'INVALID_STATE',
        /^Cannot rename a non-active/,
      )
      await refused(
        experiments.setExperimentTag(room, root, id, { key: 'c', value: '' }),
        'INVALID_PARAMETER_VALUE',
        /must be in the 'active' state/,
      )
      await refused(
        experiments.createExperiment(room, root, { name: 'second' }),
        'RESOURCE_ALREADY_EXISTS',
        /deleted; restore it/,
      )
      await refused(createRun(room, root, { experiment_id: id }), 'INVALID_PARAMETER_VALUE', /Current state is deleted/)
      await experiments.setExperimentStage(room, root, id, 'active')
      assert.equal((await experiments.getExperiment(room, root, id)).lifecycle_stage, 'active')
      await refused(
        experiments.getExperiment(room, root, '999999'),
        'RESOURCE_DOES_NOT_EXIST',
        /^No Experiment with id=999999 exists/,
      )
      await refused(
        experiments.getExperimentByName(room, root, 'no'),
        'RESOURCE_DOES_NOT_EXIST',
        /^Could not find experiment with name 'no'/,
      )
    })

    it('fifty made at once have fifty ids', async () => {
      const made = await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          experiments.createExperiment(bench.room, bench.root, { name: `many-${i}` }),
        ),
      )
      assert.equal(new Set(made).size, 50)
    })

    it('deleting takes the active runs along, and restoring brings back those alone', async () => {
      const { room, root } = bench
      const id = await experiments.createExperiment(room, root, { name: 'with runs' })
      const [kept, gone] = [
        await createRun(room, root, { experiment_id: id }),
        await createRun(room, root, { experiment_id: id }),
      ]
      await setRunStage(room, root, gone.run_id, 'deleted')
      bench.wait(10)
      await experiments.setExperimentStage(room, root, id, 'deleted')
      assert.equal((await requireRun(room.db, root, kept.run_id)).lifecycle_stage, 'deleted')
      bench.wait(10)
      await experiments.setExperimentStage(room, root, id, 'active')
      assert.equal((await requireRun(room.db, root, kept.run_id)).lifecycle_stage, 'active')
      assert.equal((await requireRun(room.db, root, gone.run_id)).lifecycle_stage, 'deleted')
    })

    it('names and locations are checked', async () => {
      const { room, root } = bench
      const made = (given: object) => experiments.createExperiment(room, root, { name: 'x', ...given })
      await refused(made({ name: ' ' }), 'INVALID_PARAMETER_VALUE', /^Missing value for required parameter 'name'/)
      await refused(
        made({ name: 'n'.repeat(501) }),
        'INVALID_PARAMETER_VALUE',
        /^'name' exceeds the maximum length of 500/,
      )
      for (const artifact_location of [
        's3://b/../x',
        's3://b/%2e%2e/x',
        's3://b/%ff/%252e%252e/x',
        's3://b/x?y',
        's3://b/x#y',
      ]) {
        await refused(made({ artifact_location }), 'INVALID_PARAMETER_VALUE', /artifact_location/)
      }
      const odd = await made({ name: 'odd location', artifact_location: 's3://b/%ff%' })
      assert.equal((await experiments.getExperiment(room, root, odd)).artifact_location, 's3://b/%ff%')
      await refused(made({ artifact_location: 'runs:/a/b' }), 'INVALID_PARAMETER_VALUE', /cannot be a runs:/)
    })
  })

  describe('runs', () => {
    it('get a name, a user and a place for artifacts', async () => {
      const { room, root } = bench
      const row = await createRun(room, root, { experiment_id: '0', tags: [{ key: 'mlflow.user', value: 'ada' }] })
      assert.match(row.run_id, /^[0-9a-f]{32}$/)
      assert.match(row.run_name, /^[a-z]+-[a-z]+-\d+$/)
      assert.equal(row.artifact_uri, `mlflow-artifacts:/0/${row.run_id}/artifacts`)
      const run = await getRun(room, root, row.run_id)
      assert.equal(run.info['user_id'], 'ada')
      assert.deepEqual(run.data.tags.find((tag) => tag.key === 'mlflow.runName')?.value, row.run_name)
    })

    it('the name and its tag are one thing', async () => {
      const { room, root } = bench
      const { run_id } = await createRun(room, root, { experiment_id: '0', run_name: 'one' })
      const named = async () => {
        const run = await getRun(room, root, run_id)
        return [run.info['run_name'], run.data.tags.find((tag) => tag.key === 'mlflow.runName')?.value]
      }
      await setTag(room, root, run_id, { key: 'mlflow.runName', value: 'two' })
      assert.deepEqual(await named(), ['two', 'two'])
      await updateRun(room, root, { run_id, run_name: 'three' })
      assert.deepEqual(await named(), ['three', 'three'])
      await refused(
        createRun(room, root, { experiment_id: '0', run_name: 'a', tags: [{ key: 'mlflow.runName', value: 'b' }] }),
        'INVALID_PARAMETER_VALUE',
        /^Both 'run_name' argument and 'mlflow.runName' tag are specified/,
      )
    })

    it('end, are deleted, refuse writes, and come back', async () => {
      const { room, root } = bench
      const { run_id } = await createRun(room, root, { experiment_id: '0', start_time: 456 })
      bench.wait(100)
      const ended = await finishRun(room, root, run_id, 'FAILED')
      assert.equal(ended.status, 'FAILED')
      assert.ok(ended.end_time !== null && ended.end_time > ended.start_time)
      await setRunStage(room, root, run_id, 'deleted')
      const point = { key: 'x', value: 1, timestamp: 1, step: 0 }
      const text = new RegExp(`^The run ${run_id} must be in the 'active' state. Current state is deleted.`)
      await refused(logMetric(room, root, run_id, point), 'INVALID_PARAMETER_VALUE', text)
      await refused(setTag(room, root, run_id, { key: 'a', value: '' }), 'INVALID_PARAMETER_VALUE', text)
      await setRunStage(room, root, run_id, 'active')
      await logMetric(room, root, run_id, point)
      await refused(
        deleteTag(room, root, run_id, 'nope'),
        'RESOURCE_DOES_NOT_EXIST',
        /^No tag with name: nope in run with id/,
      )
      await refused(getRun(room, root, 'absent'), 'RESOURCE_DOES_NOT_EXIST', /^Run with id=absent not found/)
    })

    it('a sign of life is written at most every five seconds', async () => {
      const { room, root } = bench
      const { run_id, heartbeat_at } = await createRun(room, root, { experiment_id: '0' })
      const beat = async (ms: number) => {
        bench.wait(ms)
        await setTag(room, root, run_id, { key: 'a', value: String(ms) })
        return (await requireRun(room.db, root, run_id)).heartbeat_at - heartbeat_at
      }
      assert.equal(await beat(1000), 0)
      assert.equal(await beat(6000), 7000)
    })
  })

  describe('projects', () => {
    it('see only their own experiments, runs and names', async () => {
      const { room } = bench
      const red = bench.member('red')
      const blue = bench.member('blue')
      const id = await experiments.createExperiment(room, red, { name: 'secret' })
      const { run_id } = await createRun(room, red, { experiment_id: id })
      assert.notEqual(await experiments.createExperiment(room, blue, { name: 'secret' }), id)
      await refused(experiments.getExperiment(room, blue, id), 'RESOURCE_DOES_NOT_EXIST', /No Experiment/)
      await refused(getRun(room, blue, run_id), 'RESOURCE_DOES_NOT_EXIST', /not found/)
      await refused(
        logMetric(room, blue, run_id, { key: 'a', value: 1, timestamp: 1, step: 0 }),
        'RESOURCE_DOES_NOT_EXIST',
        /not found/,
      )
      await refused(createRun(room, blue, { experiment_id: id }), 'RESOURCE_DOES_NOT_EXIST', /No Experiment/)
      assert.deepEqual((await searchRuns(room, blue, { experiment_ids: [id], max_results: 10 })).rows, [])
      const seen = await searchExperiments(room, blue, { max_results: 1000 })
      assert.ok(seen.experiments.every((experiment) => experiment.project === 'blue'))
      assert.equal((await getRun(room, bench.root, run_id)).info['run_id'], run_id)
    })

    it('have a default experiment of their own behind the id 0', async () => {
      const { room } = bench
      const row = await createRun(room, bench.member('red'), { experiment_id: '0' })
      assert.notEqual(row.experiment_id, '0')
      assert.equal((await experiments.getExperiment(room, bench.member('red'), '0')).experiment_id, row.experiment_id)
      assert.equal((await experiments.getExperiment(room, bench.root, '0')).project, 'default')
    })
  })
}
