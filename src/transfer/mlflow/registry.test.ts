/** Registered models and logged models of an MLflow database as rows: stages, deleted versions, moved files, last values. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import type { Row } from '../../store/db.ts'
import { registeredModelRows } from './registry.ts'
import type { Rows } from './runs.ts'
import { loggedModelPlaces, loggedModelRows } from './runs.ts'
import { openMlflowSql } from './sql.ts'
import type { MlflowSql } from './sql.ts'
import { storeMlflow } from './store.fixture.ts'
import type { Stored } from './store.fixture.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-mlflow-registry-'))
after(() => rmSync(root, { recursive: true, force: true }))

let made = 0
/** The rows by table that a reading of a database with these rows gives. */
async function read(
  rows: Stored,
  use: (sql: MlflowSql) => AsyncGenerator<Rows>,
  old = false,
): Promise<Record<string, readonly Row[]>> {
  const file = join(root, `${made++}.db`)
  storeMlflow(file, rows, { old })
  const sql = await openMlflowSql(`sqlite:///${file}`)
  const found: Record<string, readonly Row[]> = {}
  for await (const [table, some] of use(sql)) found[table] = some
  await sql.close()
  return found
}

const ID = `m-${'a'.repeat(32)}`

describe('a registered model', () => {
  const version = { name: 'delay', version: 1, creation_time: 5, current_stage: 'None', source: 'runs:/r1/model' }
  const one = (changed: Record<string, string | number | null>, old = false): Promise<Row | undefined> =>
    read(
      { registered_models: [{ name: 'delay' }], model_versions: [{ ...version, ...changed }] },
      (sql) => registeredModelRows(sql, 'delay'),
      old,
    ).then((rows) => rows['model_versions']?.[0])

  it('has its newest version, its tags and where its aliases stand', async () => {
    const rows = await read(
      {
        registered_models: [
          { name: 'delay', creation_time: 1, last_updated_time: 9, description: null },
          { name: 'other', creation_time: 2 },
        ],
        registered_model_tags: [
          { name: 'delay', key: 'team', value: null },
          { name: 'other', key: 'no', value: 'no' },
        ],
        model_versions: [
          { ...version, version: 10 },
          { ...version, version: 2 },
          { ...version, name: 'other', version: 99 },
        ],
        model_version_tags: [{ name: 'delay', version: 2, key: 'k', value: 'v' }],
        registered_model_aliases: [
          { name: 'delay', alias: 'champion', version: 2 },
          { name: 'delay', alias: 'blue', version: 10 },
        ],
      },
      (sql) => registeredModelRows(sql, 'delay'),
    )
    assert.deepEqual(rows['registered_models'], [
      {
        name: 'delay',
        project: 'default',
        description: '',
        created_at: 1,
        updated_at: 9,
        created_by: 'mlflow',
        gates: '[]',
        last_version: 10,
      },
    ])
    assert.deepEqual(rows['registered_model_tags'], [{ model: 'delay', key: 'team', value: '' }])
    assert.deepEqual(
      rows['model_versions']?.map((row) => row['version']),
      [2, 10],
    )
    assert.deepEqual(rows['model_version_tags'], [{ model: 'delay', version: 2, key: 'k', value: 'v' }])
    assert.deepEqual(rows['model_aliases'], [
      { model: 'delay', alias: 'blue', version: 10, moved_at: 9 },
      { model: 'delay', alias: 'champion', version: 2, moved_at: 9 },
    ])
  })

  for (const [stage, changed, stage_here, deleted_at] of [
    ['None', {}, 'None', null],
    ['Production', {}, 'Production', null],
    ['Deleted_Internal', { last_updated_time: 8 }, 'None', 8],
    ['Deleted_Internal', {}, 'None', 5],
    [null, {}, 'None', null],
  ] as const)
    it(`of stage ${stage} is ${deleted_at === null ? `of stage ${stage_here}` : `deleted at ${deleted_at}`}`, async () => {
      const row = await one({ current_stage: stage, ...changed })
      assert.deepEqual([row?.['stage'], row?.['deleted_at']], [stage_here, deleted_at])
    })

  for (const [source, storage, there, stored] of [
    ['runs:/r1/model', null, 'runs:/r1/model', 'runs:/r1/model'],
    [`models:/${ID}`, '/srv/mlruns/3/models/x/artifacts', `models:/${ID}`, 'mlflow-artifacts:/3/models/x/artifacts'],
    ['/srv/mlruns/3/r1/artifacts/m', null, 'mlflow-artifacts:/3/r1/artifacts/m', 'mlflow-artifacts:/3/r1/artifacts/m'],
    ['s3://bucket/m', null, 's3://bucket/m', 's3://bucket/m'],
  ] as const)
    it(`made from ${source} lies at ${stored}`, async () => {
      const row = await one({ source, storage_location: storage })
      assert.deepEqual([row?.['source'], row?.['storage']], [there, stored])
      assert.equal(row?.['model_id'], source === `models:/${ID}` ? ID : null)
    })

  it('of an old release has its source for its place', async () => {
    const row = await one({ source: 's3://bucket/m', run_id: '' }, true)
    assert.deepEqual([row?.['storage'], row?.['run_id'], row?.['created_by']], ['s3://bucket/m', null, ''])
  })

  it('has the last numbers of its run, without those that are none', async () => {
    const metric = (key: string, value: number, is_nan = 0) => ({
      run_uuid: 'r1',
      key,
      value,
      is_nan,
      step: 0,
      timestamp: 0,
    })
    const rows = await read(
      {
        registered_models: [{ name: 'delay' }],
        model_versions: [{ ...version, run_id: 'r1' }],
        latest_metrics: [
          metric('loss', 0.5),
          metric('auc', 1),
          metric('odd', 0, 1),
          { ...metric('no', 3), run_uuid: 'r2' },
        ],
      },
      (sql) => registeredModelRows(sql, 'delay'),
    )
    assert.equal(rows['model_versions']?.[0]?.['metrics'], '{"auc":1,"loss":0.5}')
  })
})

describe('a logged model', () => {
  const model = {
    model_id: ID,
    experiment_id: 3,
    name: 'net',
    artifact_location: '/srv/mlruns/3/models/x/artifacts',
    status: 2,
  }
  const logged = (more: Stored) =>
    read({ experiments: [{ experiment_id: 3, name: 'e' }], logged_models: [model], ...more }, (sql) =>
      loggedModelRows(sql, [ID]),
    )

  it('says its state in words, and its files move in', async () => {
    const states: [number, string][] = [
      [0, 'STATUS_UNSPECIFIED'],
      [1, 'PENDING'],
      [2, 'READY'],
      [3, 'UPLOAD_FAILED'],
      [9, 'STATUS_UNSPECIFIED'],
    ]
    for (const [status, word] of states) {
      const rows = await logged({ logged_models: [{ ...model, status }] })
      const [row] = rows['logged_models'] ?? []
      assert.deepEqual(
        [row?.['status'], row?.['experiment_id'], row?.['artifact_uri']],
        [word, '3', 'mlflow-artifacts:/3/models/x/artifacts'],
      )
    }
  })

  it('has its params and tags, and of each metric the last value by step and time', async () => {
    const metric = (metric_step: number, metric_value: number | null, more = {}) => ({
      model_id: ID,
      metric_name: 'loss',
      run_id: 'r1',
      metric_timestamp_ms: 7,
      metric_step,
      metric_value,
      ...more,
    })
    const rows = await logged({
      logged_model_params: [{ model_id: ID, param_key: 'depth', param_value: '3' }],
      logged_model_tags: [{ model_id: ID, tag_key: 'kind', tag_value: 'tree' }],
      logged_model_metrics: [
        metric(2, 1),
        metric(1, 9),
        metric(2, 5, { metric_timestamp_ms: 8 }),
        metric(0, 4, { dataset_name: 'eval', dataset_digest: 'abc' }),
        metric(0, null, { metric_name: 'odd' }),
      ],
    })
    assert.deepEqual(rows['logged_model_params'], [{ model_id: ID, key: 'depth', value: '3' }])
    assert.deepEqual(rows['logged_model_tags'], [{ model_id: ID, key: 'kind', value: 'tree' }])
    const shown = rows['logged_model_metrics']?.map((row) => [
      row['key'],
      row['dataset_name'],
      row['step'],
      row['value'],
      row['is_nan'],
    ])
    assert.deepEqual(
      new Set(shown?.map((row) => row.join())),
      new Set(['loss,,2,5,0', 'loss,eval,0,4,0', 'odd,,0,0,1']),
    )
  })

  it('has its files where the database says', async () => {
    const file = join(root, 'places.db')
    storeMlflow(file, { logged_models: [model, { ...model, model_id: 'm-2', artifact_location: null }] })
    const sql = await openMlflowSql(`sqlite:///${file}`)
    assert.deepEqual(await loggedModelPlaces(sql, [ID, 'm-2']), [model.artifact_location, ''])
    await sql.close()
  })
})
