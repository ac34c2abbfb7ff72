/** A database of MLflow as a source: its rows as Slipway has them, in parts that are small, of old releases and of new ones. */
import assert from 'node:assert/strict'
import Sqlite from 'better-sqlite3'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import type { Row } from '../../store/db.ts'
import { mlflowDatabase } from './database.ts'
import { storeMlflow } from './store.fixture.ts'
import type { Stored } from './store.fixture.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-mlflow-database-'))
after(() => rmSync(root, { recursive: true, force: true }))

interface Read {
  readonly parts: string[]
  readonly rows: Record<string, Row[]>
  readonly files: string[]
  readonly place: string
}

let made = 0
async function read(rows: Stored, options: { old?: boolean; artifacts?: string } = {}): Promise<Read> {
  const file = join(root, `${made++}.db`)
  storeMlflow(file, rows, options)
  const source = await mlflowDatabase(`sqlite:///${file}`, options.artifacts)
  const found: Read = { parts: [], rows: {}, files: [], place: source.place }
  try {
    for await (const part of source.parts()) {
      found.parts.push(part.name)
      for await (const { owner, path } of part.files()) found.files.push(`${owner}: ${path}`)
      for await (const [table, some] of part.rows()) (found.rows[table] ??= []).push(...some)
    }
  } finally {
    await source.close()
  }
  assert.equal(found.place, `sqlite:///${file}`)
  return found
}

const EXPERIMENT = { experiment_id: 3, name: 'flights', lifecycle_stage: 'active' }
const RUN = { run_uuid: 'r1', experiment_id: 3, lifecycle_stage: 'active', status: 'FINISHED' }
const point = (value: number | null, step: number, more: Record<string, number | string> = {}) => ({
  run_uuid: 'r1',
  key: 'loss',
  value,
  step,
  timestamp: 1000 + step,
  is_nan: 0,
  ...more,
})

describe('a database of MLflow', () => {
  for (const old of [false, true])
    it(`without anything in it has no rows but is one${old ? ', of an old release too' : ''}`, async () => {
      const { parts, rows } = await read({}, { old })
      assert.deepEqual(parts, ['experiments', 'evaluation'])
      assert.deepEqual(Object.values(rows).flat(), [])
    })

  it('that is not there, or of something else, is refused', async () => {
    const address = `sqlite:///${join(root, 'none.db')}`
    await assert.rejects(mlflowDatabase(address, undefined), { code: 'not_found' })
    const other = join(root, 'other.db')
    storeMlflow(other, {}, { old: true })
    writeFileSync(join(root, 'text.db'), 'no database')
    await assert.rejects(mlflowDatabase(`sqlite:///${join(root, 'text.db')}`, undefined))
    const database = new Sqlite(other)
    database.exec('DROP TABLE runs')
    database.close()
    await assert.rejects(mlflowDatabase(`sqlite:///${other}`, undefined), {
      code: 'unprocessable',
      message: /is not a database of MLflow: it has no runs/,
    })
  })

  it('is cut into parts of fifty runs, by their ids', async () => {
    const runs = Array.from({ length: 101 }, (_, i) => ({ ...RUN, run_uuid: `r${String(i).padStart(3, '0')}` }))
    const { parts, rows } = await read({ experiments: [EXPERIMENT], runs: runs.toReversed() })
    assert.deepEqual(parts, [
      'experiments',
      'runs r000 to r049',
      'runs r050 to r099',
      'runs r100 to r100',
      'evaluation',
    ])
    assert.equal(new Set((rows['runs'] ?? []).map((row) => row['run_id'])).size, 101)
  })

  it('has experiments, whose files move in unless they lie in a bucket', async () => {
    const { rows } = await read({
      experiments: [
        { ...EXPERIMENT, artifact_location: '/srv/mlruns/3', creation_time: 5, last_update_time: 6 },
        { ...EXPERIMENT, experiment_id: 12, name: 'b', artifact_location: 's3://bucket/12', creation_time: 7 },
        { ...EXPERIMENT, experiment_id: 4, name: 'c', lifecycle_stage: 'deleted' },
      ],
      experiment_tags: [{ experiment_id: 3, key: 'team', value: null }],
    })
    const row = (
      id: string,
      name: string,
      place: string,
      [creation_time, last_update_time, stage = 'active']: readonly [number, number, string?],
    ) => ({
      experiment_id: id,
      project: 'default',
      name,
      artifact_location: place,
      lifecycle_stage: stage,
      creation_time,
      last_update_time,
    })
    assert.deepEqual(rows['experiments'], [
      row('3', 'flights', 'mlflow-artifacts:/3', [5, 6]),
      row('4', 'c', 'mlflow-artifacts:/4', [0, 0, 'deleted']),
      row('12', 'b', 's3://bucket/12', [7, 7]),
    ])
    assert.deepEqual(rows['experiment_tags'], [{ experiment_id: '3', key: 'team', value: '' }])
  })

  it('has runs with what was left empty filled in, and alive last when they ended, else began', async () => {
    const place = '/srv/mlruns/3/r1/artifacts'
    const { rows } = await read({
      experiments: [EXPERIMENT],
      runs: [
        { ...RUN, name: 'first', user_id: 'ada', start_time: 10, end_time: 20, artifact_uri: place },
        { ...RUN, run_uuid: 'r2', status: 'RUNNING', start_time: 30 },
        { ...RUN, run_uuid: 'r3', lifecycle_stage: 'deleted', deleted_time: 40 },
      ],
      params: [{ run_uuid: 'r1', key: 'lr', value: '0.1' }],
      tags: [{ run_uuid: 'r2', key: 'note', value: null }],
    })
    const shown = (rows['runs'] ?? []).map((row) =>
      [
        'run_id',
        'run_name',
        'user_id',
        'status',
        'start_time',
        'end_time',
        'heartbeat_at',
        'deleted_time',
        'artifact_uri',
      ].map((name) => row[name]),
    )
    assert.deepEqual(shown, [
      ['r1', 'first', 'ada', 'FINISHED', 10, 20, 20, null, 'mlflow-artifacts:/3/r1/artifacts'],
      ['r2', '', '', 'RUNNING', 30, null, 30, null, ''],
      ['r3', '', '', 'FINISHED', 0, null, 0, 40, ''],
    ])
    assert.deepEqual(rows['run_params'], [{ run_id: 'r1', key: 'lr', value: '0.1' }])
    assert.deepEqual(rows['run_tags'], [{ run_id: 'r2', key: 'note', value: '' }])
  })

  it('has every point, infinities as the largest number, and the sum of each metric', async () => {
    const metrics = [
      point(3, 0),
      point(0, 1, { is_nan: 1 }),
      point(Infinity, 2),
      point(1, 3),
      point(7, 0, { key: 'auc' }),
    ]
    const { rows } = await read({ experiments: [EXPERIMENT], runs: [RUN], metrics })
    const most = Number.MAX_VALUE
    assert.deepEqual(
      (rows['metric_points'] ?? []).map((row) => [row['key'], row['step'], row['value'], row['is_nan']]),
      [
        ['auc', 0, 7, 0],
        ['loss', 0, 3, 0],
        ['loss', 1, 0, 1],
        ['loss', 2, most, 0],
        ['loss', 3, 1, 0],
      ],
    )
    assert.deepEqual(
      (rows['latest_metrics'] ?? []).map((row) => [
        row['key'],
        row['value'],
        row['step'],
        row['min_value'],
        row['max_value'],
        row['experiment_id'],
      ]),
      [
        ['auc', 7, 0, 7, 7, '3'],
        ['loss', 1, 3, 1, most, '3'],
      ],
    )
  })

  it('has each point once where a metric is longer than a page', async () => {
    await read({ experiments: [EXPERIMENT], runs: [RUN], metrics: [point(1, 0)] })
    const file = join(root, `${made - 1}.db`)
    const database = new Sqlite(file)
    // points of one time differ by their step, their value or their mark alone
    database.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
      INSERT INTO metrics SELECT 'r1', 'loss', i % 3, 1000 + i / 9, i / 3 % 3, 0 FROM n`)
    const expected = database.prepare('SELECT COUNT(*) AS n, SUM(value * (step + 1)) AS sum FROM metrics').get()
    database.close()
    const source = await mlflowDatabase(`sqlite:///${file}`, undefined)
    let [n, sum] = [0, 0]
    for await (const part of source.parts())
      for await (const [table, some] of part.rows())
        if (table === 'metric_points') {
          n += some.length
          for (const row of some) sum += Number(row['value']) * (Number(row['step']) + 1)
        }
    await source.close()
    assert.deepEqual({ n, sum }, { ...(expected as object) })
  })

  it('has the datasets and models that runs used, with their places in order', async () => {
    const dataset = {
      dataset_uuid: 'd1',
      experiment_id: 3,
      name: 'train',
      digest: 'abc',
      dataset_source_type: 'local',
      dataset_source: '{}',
    }
    const input = { source_type: 'DATASET', source_id: 'd1', destination_type: 'RUN', destination_id: 'r1' }
    const stored: Stored = {
      experiments: [EXPERIMENT],
      runs: [RUN],
      datasets: [dataset, { ...dataset, dataset_uuid: 'd2', name: 'eval' }],
      inputs: [
        { ...input, input_uuid: 'i1' },
        { ...input, input_uuid: 'i2', source_id: 'd2' },
      ],
      input_tags: [{ input_uuid: 'i1', name: 'context', value: 'training' }],
    }
    const links = [
      { source_type: 'RUN_OUTPUT', source_id: 'r1', destination_type: 'MODEL_OUTPUT', destination_id: 'm-2', step: 4 },
      { source_type: 'RUN_INPUT', source_id: 'r1', destination_type: 'MODEL_INPUT', destination_id: 'm-1', step: 0 },
    ]
    const { rows } = await read({ ...stored, inputs: [...(stored['inputs'] ?? []), ...links] })
    assert.deepEqual(
      (rows['dataset_inputs'] ?? []).map((row) => [row['run_id'], row['name'], row['digest'], row['position']]),
      [
        ['r1', 'eval', 'abc', 0],
        ['r1', 'train', 'abc', 1],
      ],
    )
    assert.deepEqual(rows['dataset_input_tags'], [
      { run_id: 'r1', name: 'train', digest: 'abc', key: 'context', value: 'training' },
    ])
    assert.deepEqual(rows['run_models'], [
      { run_id: 'r1', model_id: 'm-1', step: 0, position: 0, role: 'input' },
      { run_id: 'r1', model_id: 'm-2', step: 4, position: 1, role: 'output' },
    ])
    const before = await read(stored, { old: true })
    assert.deepEqual([before.rows['run_models'], before.rows['dataset_inputs']?.length], [undefined, 2])
  })

  it('has the files of runs below the folder that is named, and none of what lies elsewhere', async () => {
    const artifacts = join(root, 'artifacts')
    for (const run of ['r1', 'r2']) {
      mkdirSync(join(artifacts, `3/${run}/artifacts/model`), { recursive: true })
      writeFileSync(join(artifacts, `3/${run}/artifacts/model/MLmodel`), run)
    }
    const at = (run: string, artifact_uri: string) => ({ ...RUN, run_uuid: run, artifact_uri })
    const stored = {
      experiments: [EXPERIMENT],
      runs: [
        at('r1', 'mlflow-artifacts:/3/r1/artifacts'),
        at('r2', 's3://bucket/3/r2/artifacts'),
        at('r4', 'mlflow-artifacts:/3/r4/artifacts'),
      ],
    }
    assert.deepEqual((await read(stored, { artifacts })).files, ['3/r1: model/MLmodel'])
    assert.deepEqual((await read(stored)).files, [])
  })
})
