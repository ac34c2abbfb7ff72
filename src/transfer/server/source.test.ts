/** A running MLflow server as a source, by a server that speaks like one: its parts, its rows, its files and what it tells twice. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Row } from '../../store/db.ts'
import { startSpoken } from './mlflow-server.fixture.ts'
import type { Asked, SpokenServer } from './mlflow-server.fixture.ts'
import { mlflowServer } from './source.ts'

let spoken: SpokenServer
before(async () => {
  spoken = await startSpoken()
})
after(() => spoken.close())

interface Read {
  readonly parts: string[]
  readonly rows: Record<string, Row[]>
  readonly files: Record<string, string>
  readonly notes: readonly string[]
}

async function read(answers: SpokenServer['answers']): Promise<Read> {
  spoken.answers = answers
  const source = await mlflowServer(spoken.url, {})
  assert.equal(source.follow, true)
  const found: Read = { parts: [], rows: {}, files: {}, notes: source.notes ?? [] }
  for await (const part of source.parts()) {
    found.parts.push(part.name)
    for await (const { owner, path, open } of part.files()) {
      const chunks: Uint8Array[] = []
      for await (const chunk of open()) chunks.push(chunk)
      found.files[`${owner}: ${path}`] = Buffer.concat(chunks).toString()
    }
    for await (const [table, some] of part.rows()) (found.rows[table] ??= []).push(...some)
  }
  return found
}

const V2 = '/api/2.0/mlflow'
const EXPERIMENT = {
  experiment_id: '3',
  name: 'flights',
  lifecycle_stage: 'active',
  artifact_location: 'mlflow-artifacts:/3',
}
const run = (id: string, info: object = {}, data: object = {}) => ({
  info: { run_id: id, status: 'FINISHED', artifact_uri: `mlflow-artifacts:/3/${id}/artifacts`, ...info },
  data,
})

/** Runs on pages of two, as they are asked for experiment 3 alone. */
function searched(runs: readonly object[]): (asked: Asked, reply: { end: (text: string) => void }) => void {
  return ({ body }, reply) => {
    const at = Number(body['page_token'] ?? 0)
    const wanted = (body['experiment_ids'] as string[]).includes('3') ? runs : []
    const more = at + 2 < wanted.length ? { next_page_token: String(at + 2) } : {}
    reply.end(JSON.stringify({ runs: wanted.slice(at, at + 2), ...more }))
  }
}

describe('a running MLflow server', () => {
  it('without anything in it has its two parts, and no notes', async () => {
    const { parts, rows, notes } = await read({})
    assert.deepEqual(parts, ['experiments', 'evaluation'])
    assert.deepEqual([Object.values(rows).flat(), notes], [[], []])
  })

  it('has its experiments in the order in which they were made', async () => {
    const experiments = [
      { ...EXPERIMENT, experiment_id: '9', name: 'late', creation_time: 20 },
      {
        ...EXPERIMENT,
        creation_time: '10',
        last_update_time: 15,
        tags: [{ key: 'team', value: 'a' }, { key: 'none' }],
      },
    ]
    const { rows } = await read({ [`${V2}/experiments/search`]: { experiments } })
    assert.deepEqual(
      rows['experiments']?.map((row) => [row['experiment_id'], row['creation_time'], row['last_update_time']]),
      [
        ['3', 10, 15],
        ['9', 20, 20],
      ],
    )
    assert.deepEqual(rows['experiment_tags'], [
      { experiment_id: '3', key: 'team', value: 'a' },
      { experiment_id: '3', key: 'none', value: '' },
    ])
  })

  it('has its runs in parts that are named by all of their runs', async () => {
    const named = (ids: readonly string[]): Promise<string[]> =>
      read({
        [`${V2}/experiments/search`]: { experiments: [EXPERIMENT] },
        [`${V2}/runs/search`]: searched(ids.map((id) => run(id))),
      }).then(({ parts }) => parts.filter((name) => name.startsWith('runs')))
    const before = await named(['a', 'b', 'c'])
    assert.equal(before.length, 2)
    assert.match(before[0] ?? '', /^runs of 3: 2 from a, [0-9a-f]{16}$/)
    const later = await named(['a', 'b', 'c', 'd'])
    assert.equal(later[0], before[0], 'a part that is as it was is not read again')
    assert.notEqual(later[1], before[1], 'one that has grown is')
    assert.notEqual((await named(['a', 'x', 'c']))[0], before[0])
  })

  it('has of each run its row, its params, its tags and its points', async () => {
    const data = {
      params: [{ key: 'lr', value: '0.1' }],
      tags: [{ key: 'note' }],
      metrics: [
        { key: 'loss', value: 2, timestamp: '5', step: '1' },
        { key: 'odd', value: 'NaN', timestamp: 5 },
      ],
    }
    const history = ({ query }: Asked, reply: { end: (text: string) => void }): void => {
      const points =
        query['metric_key'] === 'odd'
          ? [{ key: 'odd', value: 'NaN', timestamp: 5 }]
          : [
              { key: 'loss', value: 'Infinity', timestamp: 4 },
              { key: 'loss', value: 2, timestamp: 5, step: 1 },
            ]
      reply.end(JSON.stringify({ metrics: points }))
    }
    const { rows, notes } = await read({
      [`${V2}/experiments/search`]: { experiments: [EXPERIMENT] },
      [`${V2}/runs/search`]: searched([
        run('a', { start_time: '10', run_name: 'first' }, data),
        run('b', { end_time: 20, status: 'FAILED' }),
      ]),
      [`${V2}/metrics/get-history`]: history,
    })
    assert.deepEqual(notes, [])
    assert.deepEqual(
      rows['runs']?.map((row) =>
        ['run_id', 'run_name', 'status', 'start_time', 'end_time', 'heartbeat_at'].map((name) => row[name]),
      ),
      [
        ['a', 'first', 'FINISHED', 10, null, 10],
        ['b', '', 'FAILED', 0, 20, 20],
      ],
    )
    assert.deepEqual(rows['run_params'], [{ run_id: 'a', key: 'lr', value: '0.1' }])
    assert.deepEqual(rows['run_tags'], [{ run_id: 'a', key: 'note', value: '' }])
    assert.deepEqual(
      rows['metric_points']?.map((row) => [row['key'], row['step'], row['value'], row['is_nan']]),
      [
        ['loss', 0, Number.MAX_VALUE, 0],
        ['loss', 1, 2, 0],
        ['odd', 0, 0, 1],
      ],
    )
    assert.deepEqual(
      rows['latest_metrics']?.map((row) => [row['key'], row['value'], row['is_nan'], row['max_value']]),
      [
        ['loss', 2, 0, Number.MAX_VALUE],
        ['odd', 0, 1, null],
      ],
    )
  })

  it('that says two things of a metric is told of, unless the run goes on', async () => {
    const data = { metrics: [{ key: 'loss', value: 2, step: 7 }] }
    const of = (status: string, metrics: readonly object[]): Promise<Read> =>
      read({
        [`${V2}/experiments/search`]: { experiments: [EXPERIMENT] },
        [`${V2}/runs/search`]: searched([run('a', { status }, data)]),
        [`${V2}/metrics/get-history`]: { metrics },
      })
    const said = 'the run says 2 at step 7'
    const older = [{ key: 'loss', value: 3, step: 6 }]
    assert.deepEqual((await of('FINISHED', older)).notes, [
      `run a: the history of "loss" ends with 3 at step 6, ${said}`,
    ])
    assert.deepEqual((await of('FINISHED', [])).notes, [`run a: the history of "loss" is empty, ${said}`])
    assert.deepEqual((await of('RUNNING', older)).notes, [])
    assert.deepEqual((await of('FINISHED', [{ key: 'loss', value: 2, step: 7 }])).notes, [])
  })

  it('has the files of its runs, folder by folder, and none that lie in a bucket', async () => {
    const listed: Readonly<Record<string, readonly object[]>> = {
      '': [
        { path: 'model', is_dir: true },
        { path: 'a.txt', file_size: '1' },
      ],
      model: [{ path: 'model/MLmodel', file_size: 2 }],
    }
    const { files } = await read({
      [`${V2}/experiments/search`]: { experiments: [EXPERIMENT] },
      [`${V2}/runs/search`]: searched([run('a'), run('b', { artifact_uri: 's3://bucket/3/b/artifacts' })]),
      [`${V2}/artifacts/list`]: ({ query }, reply) => {
        assert.equal(query['run_id'], 'a')
        reply.end(JSON.stringify({ files: listed[query['path'] ?? ''] ?? [] }))
      },
      '/get-artifact': ({ query }, reply) => void reply.end(query['path'] === 'a.txt' ? 'a' : 'mm'),
    })
    assert.deepEqual(files, { '3/a: model/MLmodel': 'mm', '3/a: a.txt': 'a' })
  })

  it('has its models with versions in order, their places, and the numbers of their runs', async () => {
    const version = (number: string, more: object = {}) => ({
      name: 'delay',
      version: number,
      source: 'runs:/a/model',
      run_id: 'a',
      ...more,
    })
    const { rows, parts } = await read({
      [`${V2}/registered-models/search`]: ({ query }, reply) => {
        const models =
          query['filter'] === undefined
            ? [
                {
                  name: 'delay',
                  creation_timestamp: 1,
                  aliases: [
                    { alias: 'b', version: '2' },
                    { alias: 'a', version: '10' },
                  ],
                },
              ]
            : []
        reply.end(JSON.stringify({ registered_models: models }))
      },
      [`${V2}/model-versions/search`]: ({ query }, reply) => {
        assert.equal(query['filter'], "name = 'delay'")
        reply.end(
          JSON.stringify({
            model_versions: [version('10'), version('2', { run_id: 'gone', current_stage: 'Staging' })],
          }),
        )
      },
      [`${V2}/model-versions/get-download-uri`]: { artifact_uri: 'mlflow-artifacts:/3/a/artifacts/model' },
      [`${V2}/runs/get`]: ({ query }, reply) => {
        if (query['run_id'] === 'gone') return void reply.writeHead(404).end()
        const metrics = [{ key: 'loss', value: 0.5 }, { key: 'auc' }, { key: 'odd', value: 'NaN' }]
        reply.end(JSON.stringify({ run: { data: { metrics } } }))
      },
    })
    assert.equal(parts.at(-1), 'model delay')
    assert.equal(rows['registered_models']?.[0]?.['last_version'], 10)
    assert.deepEqual(
      rows['model_versions']?.map((row) => [row['version'], row['stage'], row['storage'], row['metrics']]),
      [
        [2, 'Staging', 'mlflow-artifacts:/3/a/artifacts/model', '{}'],
        [10, 'None', 'mlflow-artifacts:/3/a/artifacts/model', '{"auc":0,"loss":0.5}'],
      ],
    )
    assert.deepEqual(
      rows['model_aliases']?.map((row) => [row['alias'], row['version'], row['moved_at']]),
      [
        ['a', 10, 1],
        ['b', 2, 1],
      ],
    )
  })
})
