/** Cases: what of evaluation goes, moves and is exported with an experiment, with a project, or with everything. */
import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { before, describe, it } from 'node:test'
import { tableOwners } from '../../test/rooms.ts'
import type { Scope } from '../store/moved/table.ts'
import { keysOfBoth, keysWithin } from '../store/moved/within.fixture.ts'
import type { Bench } from '../tracking/bench.cases.ts'
import { refused } from '../tracking/bench.cases.ts'
import { createExperiment } from '../tracking/experiments/experiments.ts'
import { putRecords, readRecords, recordsOf } from './datasets/records.ts'
import { createSet, getSet } from './datasets/sets.ts'
import { evaluationTables } from './moved/tables.ts'
import { evaluationPart, purgeExperiment, resetEvaluation } from './removal.ts'
import { samplingOf, setSampling } from './scorers/sampling.ts'
import { listScorers, registerScorer } from './scorers/scorers.ts'

/** The tables of the room, as the migrations say it. */
const TABLES = [...tableOwners(resolve(import.meta.dirname, '..'))]
  .filter(([, owner]) => owner === 'evaluation')
  .map(([table]) => table)

interface Filled {
  readonly experiment: string
  readonly dataset: string
  readonly record: string
  readonly scorer: string
}

export function removalCases(bench: Bench): void {
  let made = 0
  /** An experiment of a project with a scorer that samples, and a dataset with a tag and a record that is joined to it. */
  async function fill(project: 'red' | 'blue'): Promise<Filled> {
    const [room, who] = [bench.room, bench.member(project)]
    const experiment = await createExperiment(room, who, { name: `removed ${++made}` })
    const serialized_scorer = JSON.stringify({ third_party_scorer_data: { model: 'gateway:/judge' } })
    const of = { experiment_id: experiment, name: 's' }
    const { scorer_id: scorer } = await registerScorer(room, who, { ...of, serialized_scorer })
    await setSampling(room, who, { ...of, sample_rate: 1, filter_string: undefined })
    const { dataset_id: dataset } = await createSet(room, who, {
      name: 'd',
      experiment_ids: [experiment],
      tags: { t: '1' },
    })
    await putRecords(room, who, dataset, recordsOf('[{"inputs": {"a": 1}}]'))
    const { records } = await readRecords(room, who, dataset, { max_results: 1, page_token: undefined })
    return { experiment, dataset, record: String(records[0]?.['dataset_record_id']), scorer }
  }
  const datasetOf = (project: 'red' | 'blue', id: string) => getSet(bench.room, bench.member(project), id)

  describe('what goes with an experiment', () => {
    it('are its scorers, how they sample and its joins, and nothing of another', async () => {
      const [gone, left] = [await fill('red'), await fill('red')]
      const red = bench.member('red')
      await purgeExperiment(bench.room.db, gone.experiment)
      const ids = [gone.experiment, left.experiment]
      assert.deepEqual(
        (await listScorers(bench.room, red, ids)).map((one) => one.scorer_id),
        [left.scorer],
      )
      assert.deepEqual(
        (await samplingOf(bench.room, red, [gone.scorer, left.scorer])).map((one) => one.scorer_id),
        [left.scorer],
      )
      const { experiment_ids, profile } = await datasetOf('red', gone.dataset)
      assert.deepEqual(
        [experiment_ids, profile],
        [undefined, '{"num_records":1}'],
        'a dataset is not of one experiment',
      )
      assert.deepEqual((await datasetOf('red', left.dataset)).experiment_ids, [left.experiment])
      const again = { experiment_id: gone.experiment, name: 's', serialized_scorer: '{}' }
      assert.equal((await registerScorer(bench.room, red, again)).scorer_version, 1)
    })
  })

  describe('what a project has of evaluation', () => {
    const part = () => evaluationPart(bench.room.db)
    const remove = async (project: 'red' | 'blue') => part().remove?.(bench.root, project)

    it('is named while there is some', async () => {
      await fill('red')
      await remove('blue')
      assert.equal(await part().holds(bench.room.db, 'red'), 'evaluation_datasets')
      assert.equal(await part().holds(bench.room.db, 'blue'), undefined)
      assert.ok((await part().projects?.(bench.room.db))?.includes('red'))
      assert.deepEqual(await part().projects?.(bench.room.db, 'red'), ['red'])
      assert.deepEqual(await part().projects?.(bench.room.db, 'blue'), [])
    })

    it('goes with it whole, and what another has stays', async () => {
      const [red, blue] = [await fill('red'), await fill('blue')]
      await remove('red')
      await refused(datasetOf('red', red.dataset), 'RESOURCE_DOES_NOT_EXIST', /not found/)
      for (const table of TABLES.filter((name) => name.startsWith('evaluation_'))) {
        const rows = await bench.room.db.all<{ dataset_id: string }>(`SELECT dataset_id FROM ${table}`)
        const ids = rows.map((row) => row.dataset_id)
        assert.deepEqual([ids.includes(red.dataset), ids.includes(blue.dataset)], [false, true], table)
      }
      assert.equal(await part().holds(bench.room.db, 'red'), undefined)
    })

    it('is given to another with all that hangs on it', async () => {
      await remove('blue')
      const { dataset, experiment } = await fill('red')
      const whole = await datasetOf('red', dataset)
      await bench.room.db.tx(async (t) => part().give?.(t, 'red', 'blue'))
      assert.deepEqual(await datasetOf('blue', dataset), whole)
      assert.deepEqual(whole.experiment_ids, [experiment])
      await refused(datasetOf('red', dataset), 'RESOURCE_DOES_NOT_EXIST', /not found/)
    })
  })

  describe('what an export has of evaluation', () => {
    let red: Filled
    let blue: Filled
    before(async () => {
      await resetEvaluation(bench.room.db)
      red = await fill('red')
      blue = await fill('blue')
    })
    const keys = (scope: Scope) => keysWithin(bench.room.db, evaluationTables(), scope)
    const keysOf = ({ experiment, dataset, record }: Filled) => ({
      evaluation_datasets: [dataset],
      evaluation_dataset_tags: [`${dataset} t`],
      evaluation_dataset_experiments: [`${dataset} ${experiment}`],
      evaluation_records: [`${dataset} ${record}`],
      scorers: [`${experiment} s`],
      scorer_versions: [`${experiment} s 1`],
      scorer_sampling: [`${experiment} s`],
    })

    it('is every table of the room, those that others refer to first', () => {
      const names = evaluationTables().map((table) => table.name)
      assert.deepEqual(names.toSorted(), TABLES.toSorted())
      for (const table of ['evaluation_dataset_tags', 'evaluation_dataset_experiments', 'evaluation_records']) {
        assert.ok(names.indexOf('evaluation_datasets') < names.indexOf(table), table)
      }
      for (const table of ['scorer_versions', 'scorer_sampling']) {
        assert.ok(names.indexOf('scorers') < names.indexOf(table), table)
      }
    })

    it('are the rows of an experiment or a project alone, none of a run or a model, and all of everything', async () => {
      assert.deepEqual(await keys({ kind: 'experiment', id: red.experiment }), keysOf(red))
      assert.deepEqual(await keys({ kind: 'project', id: 'blue' }), keysOf(blue))
      assert.deepEqual(await keys({ kind: 'run', id: 'r' }), {})
      assert.deepEqual(await keys({ kind: 'model', id: 'm', runs: ['r'], models: ['m'] }), {})
      assert.deepEqual(await keys({ kind: 'all' }), keysOfBoth(keysOf(red), keysOf(blue)))
    })
  })

  it('a reset leaves no row in any table of the room', async () => {
    await fill('red')
    await resetEvaluation(bench.room.db)
    assert.ok(TABLES.length >= 7)
    for (const table of TABLES) assert.deepEqual(await bench.room.db.all(`SELECT * FROM ${table}`), [], table)
  })
}
