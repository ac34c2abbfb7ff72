/** Cases: what a change of an evaluation dataset leaves behind: digests, who and when, counts after calls at once, nothing after a refusal. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { refused } from '../../tracking/bench.cases.ts'
import type { Bench } from '../../tracking/bench.cases.ts'
import { createExperiment } from '../../tracking/experiments/experiments.ts'
import { deleteRecords, inputHash, putRecords, readRecords, recordsOf } from './records.ts'
import { createSet, deleteSet, digestOf, getSet, linkSet, setSetTags } from './sets.ts'

export function datasetChangeCases(bench: Bench): void {
  const make = async (name: string, tags: Record<string, string> = {}, experiment_ids: string[] = []) =>
    createSet(bench.room, bench.root, { name, experiment_ids, tags })
  const get = (id: string) => getSet(bench.room, bench.root, id)
  const put = (id: string, records: readonly unknown[]) =>
    putRecords(bench.room, bench.root, id, recordsOf(JSON.stringify(records)))
  const readAll = async (id: string) =>
    (await readRecords(bench.room, bench.root, id, { max_results: 1000, page_token: undefined })).records
  const audited = async (id: string) => {
    const rows = await bench.room.db.all<{ actor: string; detail: string }>(
      'SELECT actor, detail FROM audit WHERE resource_id = ? ORDER BY seq',
      [id],
    )
    return rows.map((row) => JSON.parse(row.detail) as object)
  }

  describe('changes of evaluation datasets', () => {
    it('digests and hashes are the ones that MLflow’s clients reckon', () => {
      // python: hashlib.sha256(b"sums:1700000000000").hexdigest()[:8]
      assert.equal(digestOf('sums', 1_700_000_000_000), 'd0e4b5a3')
      // python: sha256 of json.dumps(inputs, sort_keys=True, separators=(",", ":"))
      const inputs = { b: [true, null, 'x', 2.5], a: { z: 1, y: '' } }
      assert.equal(inputHash(inputs), '84c409bb3ce42f96753d21fe92b8effb0f350138ef138a891513c47f62806d62')
    })

    it('a new one is of who its tag names and of now; tags name who changed it last', async () => {
      const made = await make('of ann', { 'mlflow.user': 'ann', a: '1' })
      assert.deepEqual([made.created_by, made.last_updated_by], ['ann', 'ann'])
      assert.equal(made.last_update_time, made.created_time)
      assert.equal(made.digest, digestOf('of ann', made.created_time))
      assert.deepEqual([made.schema, made.profile, made.experiment_ids], [undefined, undefined, undefined])
      bench.wait(3)
      await setSetTags(bench.room, bench.root, made.dataset_id, { a: '2' })
      const kept = await get(made.dataset_id)
      assert.deepEqual([kept.last_updated_by, kept.last_update_time], ['ann', made.created_time + 3])
      assert.equal(kept.digest, made.digest, 'tags are no part of what is in it')
      await setSetTags(bench.room, bench.root, made.dataset_id, { 'mlflow.user': 'bob' })
      const changed = await get(made.dataset_id)
      assert.deepEqual([changed.created_by, changed.last_updated_by], ['ann', 'bob'])
      const nobody = await make('of nobody')
      assert.deepEqual([nobody.created_by, nobody.last_updated_by], [undefined, undefined])
    })

    it('a record keeps who made it and when; who merges into it without a name does not push aside who did last', async () => {
      const { dataset_id } = await make('of hands')
      const by = (user: string | undefined) => ({
        inputs: { q: 1 },
        ...(user !== undefined && { tags: { 'mlflow.user': user } }),
      })
      await put(dataset_id, [by('ann')])
      const [made] = await readAll(dataset_id)
      bench.wait(2)
      await put(dataset_id, [by('bob')])
      bench.wait(2)
      await put(dataset_id, [by(undefined)])
      const [now, ...others] = await readAll(dataset_id)
      assert.deepEqual(others, [])
      assert.deepEqual([now?.['created_by'], now?.['last_updated_by']], ['ann', 'bob'])
      assert.deepEqual([made?.['created_by'], made?.['last_updated_by']], ['ann', 'ann'])
      assert.equal(now?.['created_time'], made?.['created_time'])
      assert.equal(Number(now?.['last_update_time']), Number(made?.['last_update_time']) + 4)
      await put(dataset_id, [by('cat'), { inputs: { q: 2 }, tags: { 'mlflow.user': 'dog' } }, { inputs: { q: 3 } }])
      assert.equal((await get(dataset_id)).last_updated_by, 'dog', 'the last who is named')
    })

    it('outputs of a merge replace those before, also by nought and nothing told apart', async () => {
      const { dataset_id } = await make('outputs')
      const outputs = async (record: object) => {
        await put(dataset_id, [{ inputs: {}, ...record }])
        return (await readAll(dataset_id))[0]?.['outputs']
      }
      assert.equal(await outputs({}), undefined)
      assert.equal(await outputs({ outputs: 0 }), 0)
      assert.equal(await outputs({ outputs: false }), false)
      assert.equal(await outputs({ outputs: null }), false, 'null says nothing')
      assert.deepEqual(await outputs({ outputs: ['a', null] }), ['a', null])
      assert.equal(await outputs({ outputs: '' }), '')
    })

    for (const [what, outputs, type] of [
      ['texts', ['a', 1], 'string'],
      ['whole numbers', [1, 'a'], 'integer'],
      ['doubles', [0.5], 'float'],
      ['yes and no', [true], 'boolean'],
      ['lists', [[1]], 'array'],
      ['objects', [{ a: 1 }, { b: [] }, { a: 'x' }], { a: 'integer', b: 'array' }],
      ['an object, then text', [{ a: null }, 'x'], { a: 'null' }],
      ['text, then an object', ['x', { a: 1 }], 'string'],
    ] as const) {
      it(`the schema of outputs that are ${what}`, async () => {
        const { dataset_id } = await make(`schema of ${what}`)
        for (const [at, one] of outputs.entries()) await put(dataset_id, [{ inputs: { at }, outputs: one }])
        assert.deepEqual(JSON.parse((await get(dataset_id)).schema ?? '{}'), {
          inputs: { at: 'integer' },
          outputs: type,
          expectations: {},
          version: '1.0',
        })
      })
    }

    it('put at once, the same record is new once and each other one is counted', async () => {
      const { dataset_id } = await make('at once')
      const puts = Array.from({ length: 8 }, (_, at) =>
        put(dataset_id, [{ inputs: { shared: true } }, { inputs: { at } }]),
      )
      const counts = await Promise.all(puts)
      assert.equal(
        counts.reduce((sum, one) => sum + one.inserted_count, 0),
        9,
      )
      assert.equal(
        counts.reduce((sum, one) => sum + one.updated_count, 0),
        7,
      )
      assert.equal((await readAll(dataset_id)).length, 9)
      assert.equal((await get(dataset_id)).profile, '{"num_records":9}')
    })

    it('more records than one statement names are deleted in one call, and the count follows', async () => {
      const { dataset_id, digest } = await make('large')
      await put(
        dataset_id,
        Array.from({ length: 300 }, (_, at) => ({ inputs: { at } })),
      )
      const ids = (await readAll(dataset_id)).map((record) => String(record['dataset_record_id']))
      bench.wait(1)
      assert.equal(await deleteRecords(bench.room, bench.root, dataset_id, ids.slice(0, 257)), 257)
      assert.equal((await get(dataset_id)).profile, '{"num_records":43}')
      const full = await get(dataset_id)
      assert.notEqual(full.digest, digest)
      bench.wait(1)
      assert.equal(await deleteRecords(bench.room, bench.root, dataset_id, []), 0)
      assert.deepEqual(await get(dataset_id), full, 'nothing went, so nothing changed')
      assert.equal(await deleteRecords(bench.room, bench.root, dataset_id, ids), 43)
      assert.equal((await get(dataset_id)).profile, undefined)
    })

    it('no records put change no schema, though the time', async () => {
      const { dataset_id } = await make('none put')
      await put(dataset_id, [{ inputs: { a: 1 } }])
      const { schema } = await get(dataset_id)
      bench.wait(1)
      assert.deepEqual(await put(dataset_id, []), { inserted_count: 0, updated_count: 0 })
      assert.equal((await get(dataset_id)).schema, schema)
    })

    it('one experiment that is not there refuses the whole call', async () => {
      const experiment = await createExperiment(bench.room, bench.root, { name: 'half a link' })
      const missing = ['RESOURCE_DOES_NOT_EXIST', /No Experiment with id=999999/] as const
      const count = async () => (await bench.room.db.all('SELECT dataset_id FROM evaluation_datasets')).length
      const sets = await count()
      await refused(make('half', {}, [experiment, '999999']), ...missing)
      assert.equal(await count(), sets)
      const { dataset_id } = await make('whole')
      await refused(linkSet(bench.room, bench.root, dataset_id, { add: [experiment, '999999'] }), ...missing)
      assert.equal((await get(dataset_id)).experiment_ids, undefined)
      bench.wait(4)
      const joined = await linkSet(bench.room, bench.root, dataset_id, { add: [experiment, experiment] })
      assert.deepEqual(joined.experiment_ids, [experiment])
      assert.equal(joined.last_update_time, joined.created_time + 4)
    })

    it('their making and their end are audited by name', async () => {
      const { dataset_id } = await make('audited')
      await deleteSet(bench.room, bench.root, dataset_id)
      await deleteSet(bench.room, bench.root, dataset_id)
      assert.deepEqual(await audited(dataset_id), [
        { created: 'dataset', name: 'audited' },
        { deleted: 'dataset', name: 'audited' },
      ])
    })
  })
}
