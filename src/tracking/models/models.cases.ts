/** Cases: logged models with their metrics and search; artifacts, uploads in parts; reset. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { text } from 'node:stream/consumers'
import { findLink, makeLink } from '../artifacts/links.ts'
import {
  artifactFiles,
  deleteArtifacts,
  findArtifact,
  listFolder,
  openArtifact,
  putArtifact,
  reachableDigests,
  UPLOAD_MS,
} from '../artifacts/artifacts.ts'
import { createExperiment, getExperiment } from '../experiments/experiments.ts'
import { searchExperiments } from '../experiments/search.ts'
import { logOutputs } from './inputs.ts'
import * as models from './logged-models.ts'
import { logMetric } from '../metrics/metrics.ts'
import { searchLoggedModels } from './search.ts'
import { resetTracking } from '../reset.ts'
import { getRun } from '../searches/read.ts'
import { createRun } from '../runs/runs.ts'
import { refused } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import { abortUpload, completeUpload, createUpload, putPart } from '../artifacts/uploads.ts'

export function modelCases(bench: Bench): void {
  describe('logged models', () => {
    it('are made, finalised, tagged, linked to runs, and deleted', async () => {
      const { room, root } = bench
      const { run_id } = await createRun(room, root, { experiment_id: '0' })
      const made = await models.createLoggedModel(room, root, {
        experiment_id: '0',
        name: 'clf',
        model_type: 'classifier',
        source_run_id: run_id,
        params: [{ key: 'depth', value: '3' }],
      })
      const id = String(made.info['model_id'])
      assert.match(id, /^m-[0-9a-f]{32}$/)
      assert.equal(made.info['artifact_uri'], `mlflow-artifacts:/0/models/${id}/artifacts`)
      assert.equal(made.info['status'], 'LOGGED_MODEL_PENDING')
      assert.deepEqual([made.info['model_type'], made.info['source_run_id']], ['classifier', run_id])
      await models.finalizeLoggedModel(room, root, id, 'LOGGED_MODEL_READY')
      await models.setModelTags(room, root, id, [
        { key: 'a', value: '1' },
        { key: 'b', value: '2' },
      ])
      await models.deleteModelTag(room, root, id, 'b')
      await refused(models.deleteModelTag(room, root, id, 'b'), 'RESOURCE_DOES_NOT_EXIST', /^No tag with key 'b' found/)
      await models.logModelParams(room, root, id, [
        { key: 'width', value: '4' },
        { key: 'depth', value: '3' },
      ])
      await refused(
        models.logModelParams(room, root, id, [{ key: 'depth', value: '9' }]),
        'INVALID_PARAMETER_VALUE',
        /key='depth'/,
      )
      await logOutputs(room, root, run_id, [{ model_id: id, step: 2 }])
      await logMetric(room, root, run_id, {
        key: 'auc',
        value: 0.9,
        timestamp: 1,
        step: 0,
        model_id: id,
        dataset_name: 'ev',
        dataset_digest: 'd1',
      })
      const model = await models.getLoggedModel(room, root, id)
      assert.equal(model.info['status'], 'LOGGED_MODEL_READY')
      assert.deepEqual(model.info['tags'], [{ key: 'a', value: '1' }])
      assert.equal(model.data.params.length, 2)
      assert.deepEqual(model.data.metrics, [
        {
          key: 'auc',
          value: 0.9,
          timestamp: 1,
          step: 0,
          model_id: id,
          run_id,
          dataset_name: 'ev',
          dataset_digest: 'd1',
        },
      ])
      const run = await getRun(room, root, run_id)
      assert.deepEqual(run.outputs?.model_outputs, [{ model_id: id, step: 2 }])
      assert.equal(run.data.metrics[0]?.value, 0.9)
      await models.deleteLoggedModel(room, root, id)
      await refused(models.getLoggedModel(room, root, id), 'RESOURCE_DOES_NOT_EXIST', /^Logged model with ID 'm-/)
      assert.equal((await models.getLoggedModel(room, root, id, true)).info['model_id'], id)
      await refused(
        models.createLoggedModel(room, root, { experiment_id: '0', name: 'a/b' }),
        'INVALID_PARAMETER_VALUE',
        /^Invalid model name/,
      )
      await refused(
        logMetric(room, root, run_id, { key: 'auc', value: 1, timestamp: 9, step: 9, model_id: 'm-none' }),
        'RESOURCE_DOES_NOT_EXIST',
        /m-none/,
      )
      assert.equal((await getRun(room, root, run_id)).data.metrics[0]?.value, 0.9)
    })

    it('are found and ordered by the last number of a metric alone, of the datasets that are asked for', async () => {
      const { room, root } = bench
      const experiment_id = await createExperiment(room, root, { name: 'models with histories' })
      const runs = [await createRun(room, root, { experiment_id }), await createRun(room, root, { experiment_id })]
      const numbers = {
        // run, dataset, step, time, value: by step, then time, then value the last is 0.1, 0.5 and 0.9
        a: [
          [0, 'train', 0, 900, 0.8],
          [1, 'test', 1, 100, 0.1],
        ],
        b: [
          [0, 'train', 1, 1, 0.2],
          [1, 'train', 1, 2, 0.5],
        ],
        c: [
          [0, 'test', 2, 5, 0.9],
          [1, 'train', 2, 5, 0.3],
        ],
      } as const
      for (const [name, points] of Object.entries(numbers)) {
        const { info } = await models.createLoggedModel(room, root, { experiment_id, name })
        for (const [run, dataset_name, step, timestamp, value] of points) {
          const point = {
            key: 'acc',
            value,
            timestamp,
            step,
            model_id: String(info['model_id']),
            dataset_name,
            dataset_digest: 'd1',
          }
          await logMetric(room, root, runs[run]?.run_id ?? '', point)
        }
        bench.wait(1)
      }
      const order_by = [{ field_name: 'metrics.acc', ascending: false }]
      const find = async (asked: Partial<Parameters<typeof searchLoggedModels>[2]>) => {
        const standard = { experiment_ids: [experiment_id], datasets: [], order_by, max_results: 50 }
        const { models } = await searchLoggedModels(room, root, { ...standard, ...asked })
        return models.map((model) => model.info['name']).join('')
      }
      assert.equal(await find({}), 'cba')
      assert.equal(await find({ filter: 'metrics.acc > 0.7' }), 'c')
      assert.equal(await find({ filter: 'metrics.acc < 0.6' }), 'ba')
      const train = [{ dataset_name: 'train' }]
      assert.equal(await find({ datasets: train }), 'abc')
      assert.equal(await find({ filter: 'metrics.acc > 0.4', datasets: train }), 'ab')
      const ofTrain = [{ field_name: 'metrics.acc', ascending: true, dataset_name: 'train' }]
      assert.equal(await find({ order_by: ofTrain }), 'cba')
      assert.equal(await find({ experiment_ids: [] }), '')
    })

    it('are found by the state as clients know it', async () => {
      const { room, root } = bench
      const experiment_id = await createExperiment(room, root, { name: 'models by state' })
      for (const status of ['LOGGED_MODEL_READY', 'LOGGED_MODEL_UPLOAD_FAILED', undefined] as const) {
        const { info } = await models.createLoggedModel(room, root, { experiment_id, name: status ?? 'pending' })
        if (status !== undefined) await models.finalizeLoggedModel(room, root, String(info['model_id']), status)
      }
      const count = async (filter: string) => {
        const asked = { experiment_ids: [experiment_id], datasets: [], order_by: [], max_results: 50, filter }
        return (await searchLoggedModels(room, root, asked)).models.length
      }
      assert.equal(await count("status = 'FAILED'"), 1)
      assert.equal(await count("status = 'LOGGED_MODEL_UPLOAD_FAILED'"), 1)
      assert.equal(await count("status != 'READY'"), 2)
      assert.equal(await count("status IN ('READY', 'PENDING')"), 2)
      assert.equal(await count("attributes.status NOT IN ('READY', 'FAILED')"), 1)
      for (const bad of ["status = 'odd'", "status IN ('READY', 'toString')"]) {
        await refused(count(bad), 'INVALID_PARAMETER_VALUE', /Unknown model status in filter: '(odd|toString)'/)
      }
      await refused(count("status LIKE 'R%'"), 'INVALID_PARAMETER_VALUE', /LIKE/)
    })

    it('are searched by filter, dataset and metric order, in pages', async () => {
      const { room, root } = bench
      const experiment = await createExperiment(room, root, { name: 'models' })
      const { run_id } = await createRun(room, root, { experiment_id: experiment })
      const ids: string[] = []
      for (let i = 0; i < 5; i++) {
        bench.wait(1)
        const model = await models.createLoggedModel(room, root, {
          experiment_id: experiment,
          name: `m${i}`,
          tags: [{ key: 'odd', value: String(i % 2) }],
        })
        const model_id = String(model.info['model_id'])
        ids.push(model_id)
        if (i === 4) continue
        const dataset_name = i < 2 ? 'train' : 'test'
        await logMetric(room, root, run_id, {
          key: 'my acc',
          value: i / 10,
          timestamp: i,
          step: 0,
          model_id,
          dataset_name,
          dataset_digest: 'd1',
        })
      }
      const find = async (asked: object) => {
        const standard = { experiment_ids: [experiment], datasets: [], order_by: [], max_results: 50 }
        const { models } = await searchLoggedModels(room, root, { ...standard, ...asked })
        return models.map((model) => model.info['name'])
      }
      assert.deepEqual(await find({}), ['m4', 'm3', 'm2', 'm1', 'm0'])
      assert.deepEqual(await find({ filter: "tags.odd = '1'" }), ['m3', 'm1'])
      assert.deepEqual(await find({ filter: 'metrics.`my acc` >= 0.1' }), ['m3', 'm2', 'm1'])
      assert.deepEqual(await find({ filter: 'metrics.`my acc` >= 0.1', datasets: [{ dataset_name: 'train' }] }), ['m1'])
      assert.deepEqual(await find({ filter: "status = 'PENDING' AND name != 'm0'" }), ['m4', 'm3', 'm2', 'm1'])
      assert.deepEqual(await find({ order_by: [{ field_name: 'metrics.my acc', ascending: false }] }), [
        'm3',
        'm2',
        'm1',
        'm0',
        'm4',
      ])
      assert.deepEqual(await find({ order_by: [{ field_name: 'name', ascending: true }] }), [
        'm0',
        'm1',
        'm2',
        'm3',
        'm4',
      ])
      const seen: unknown[] = []
      let page_token: string | undefined
      do {
        const page = await searchLoggedModels(room, root, {
          experiment_ids: [experiment],
          datasets: [],
          order_by: [{ field_name: 'metrics.my acc', ascending: true }],
          max_results: 2,
          page_token,
        })
        seen.push(...page.models.map((model) => model.info['name']))
        page_token = page.next_page_token
      } while (page_token !== undefined)
      assert.deepEqual(seen, ['m0', 'm1', 'm2', 'm3', 'm4'])
    })
  })

  describe('artifacts', () => {
    const newTree = async () => {
      const row = await createRun(bench.room, bench.root, { experiment_id: '0' })
      return { row, path: `0/${row.run_id}/artifacts` }
    }
    const put = (path: string, content: string) => putArtifact(bench.room, bench.root, path, Buffer.from(content))
    const content = async (path: string) => text((await openArtifact(bench.room, bench.root, path)).stream)

    it('are stored by content, listed by folder, replaced and deleted', async () => {
      const { room, root } = bench
      const { row, path } = await newTree()
      await put(`${path}/a.txt`, 'one')
      await put(`${path}/dir/b.txt`, 'two')
      await put(`${path}/dir/sub/c.txt`, 'one')
      await put(`${path}/dir2`, 'x')
      assert.deepEqual(await listFolder(room, root, path), [
        { path: 'a.txt', is_dir: false, file_size: 3 },
        { path: 'dir', is_dir: true },
        { path: 'dir2', is_dir: false, file_size: 1 },
      ])
      assert.deepEqual(
        (await listFolder(room, root, `${path}/dir`)).map((f) => f.path),
        ['dir/b.txt', 'dir/sub'],
      )
      assert.equal(await content(`${path}/dir/sub/c.txt`), 'one')
      await put(`${path}/a.txt`, 'changed')
      assert.equal(await content(`${path}/a.txt`), 'changed')
      const files = await artifactFiles(room.db, row.artifact_uri)
      assert.deepEqual(
        files.map((f) => [f.path, f.size]),
        [
          ['a.txt', 7],
          ['dir/b.txt', 3],
          ['dir/sub/c.txt', 3],
          ['dir2', 1],
        ],
      )
      const reachable: string[] = []
      for await (const digest of reachableDigests(room)) reachable.push(digest)
      assert.ok(files.every((file) => reachable.includes(file.digest)))
      assert.equal(await deleteArtifacts(room, root, `${path}/dir`), 2)
      assert.deepEqual(
        (await artifactFiles(room.db, row.artifact_uri)).map((f) => f.path),
        ['a.txt', 'dir2'],
      )
      await refused(openArtifact(room, root, `${path}/dir/b.txt`), 'RESOURCE_DOES_NOT_EXIST', /^No such artifact/)
      await refused(put(`${path}/../x`, ''), 'INVALID_PARAMETER_VALUE', /^Invalid path$/)
      assert.deepEqual(await artifactFiles(room.db, 's3://bucket/x'), [])
      const long = `${path}/${'ü'.repeat(900)}`
      await put(long, 'long')
      assert.equal(await content(long), 'long')
      await refused(put(`${path}/${'ü'.repeat(1100)}`, ''), 'INVALID_PARAMETER_VALUE', /^Invalid path$/)
    })

    it('are reached by a link for its time, which keeps the bytes', async () => {
      const { room, root } = bench
      const row = await createRun(room, root, { experiment_id: '0' })
      const path = `${row.experiment_id}/${row.run_id}/artifacts/linked`
      const { digest, size } = await putArtifact(room, root, path, Buffer.from('linked alone'))
      const secret = await makeLink(room, { path: 'linked', digest, size }, 10)
      await deleteArtifacts(room, root, path)
      let kept = false
      for await (const one of reachableDigests(room)) kept ||= one === digest
      assert.ok(kept)
      bench.wait(9_999)
      assert.equal((await findLink(room, secret)).digest, digest)
      bench.wait(1)
      await refused(findLink(room, secret), 'RESOURCE_DOES_NOT_EXIST', /expired/)
      await refused(findArtifact(room, root, path), 'RESOURCE_DOES_NOT_EXIST', /No such artifact/)
      for (const seconds of [0, 604_801, Number.NaN]) {
        await refused(
          makeLink(room, { path: 'linked', digest, size }, seconds),
          'INVALID_PARAMETER_VALUE',
          /between 1 and 604800/,
        )
      }
    })

    it('belong to the project of their run', async () => {
      const { room } = bench
      const row = await createRun(room, bench.member('red'), { experiment_id: '0' })
      const path = `${row.experiment_id}/${row.run_id}/artifacts/x`
      await putArtifact(room, bench.member('red'), path, Buffer.from('x'))
      await refused(openArtifact(room, bench.member('blue'), path), 'RESOURCE_DOES_NOT_EXIST', /No such/)
      await refused(
        putArtifact(room, bench.member('blue'), path, Buffer.from('y')),
        'RESOURCE_DOES_NOT_EXIST',
        /No such/,
      )
      await refused(listFolder(room, bench.member('blue'), ''), 'RESOURCE_DOES_NOT_EXIST', /No such/)
      assert.equal(await content(path), 'x')
      await refused(findArtifact(room, bench.member('blue'), path), 'RESOURCE_DOES_NOT_EXIST', /No such/)
    })

    it('arrive in parts, in any order, whole or not at all', async () => {
      const { room, root } = bench
      const { path } = await newTree()
      const given = { folder: path, file: '/home/me/big.bin' }
      const id = await createUpload(room, root, { ...given, parts: 2 })
      const two = await putPart(room, { id, part: 2 }, parts('world'))
      const one = await putPart(room, { id, part: 1 }, parts('hello ', 'big '))
      const chosen = [
        { part_number: 2, etag: two },
        { part_number: 1, etag: `"${one}"` },
      ]
      await refused(
        completeUpload(room, root, { ...given, id, parts: [{ part_number: 1, etag: two }] }),
        'INVALID_PARAMETER_VALUE',
        /was not stored with ETag/,
      )
      await refused(
        completeUpload(room, root, { folder: path, file: 'other', id, parts: chosen }),
        'INVALID_PARAMETER_VALUE',
        /of another path/,
      )
      await completeUpload(room, root, { ...given, id, parts: chosen })
      assert.equal(await content(`${path}/big.bin`), 'hello big world')
      await refused(putPart(room, { id, part: 1 }, parts('x')), 'RESOURCE_DOES_NOT_EXIST', /^No upload with id=/)
      const other = await createUpload(room, root, { ...given, parts: 1 })
      await abortUpload(room, root, path, other)
      await refused(abortUpload(room, root, path, other), 'RESOURCE_DOES_NOT_EXIST', /^No upload/)
      const left = await createUpload(room, root, { ...given, parts: 1 })
      await putPart(room, { id: left, part: 1 }, parts('x'))
      bench.wait(UPLOAD_MS)
      await createUpload(room, root, { ...given, parts: 1 })
      await refused(putPart(room, { id: left, part: 1 }, parts('x')), 'RESOURCE_DOES_NOT_EXIST', /^No upload/)
      const kept = await room.db.all('SELECT digest FROM artifact_upload_parts WHERE upload_id = ?', [left])
      assert.deepEqual(kept, [], 'what nobody ended is forgotten after a day')
    })
  })

  it('reset leaves the default experiment and nothing else', async () => {
    await resetTracking(bench.room)
    const { experiments } = await searchExperiments(bench.room, bench.root, { max_results: 100, view_type: 'ALL' })
    assert.deepEqual(
      experiments.map((experiment) => experiment.name),
      ['Default'],
    )
    assert.equal((await getExperiment(bench.room, bench.root, '0')).lifecycle_stage, 'active')
  })
}

async function* parts(...chunks: string[]): AsyncIterable<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk)
}
