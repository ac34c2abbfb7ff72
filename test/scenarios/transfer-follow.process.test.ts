/** What a later import of the same source changes and what it leaves, row by row, on SQLite and PostgreSQL. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { transferApi } from '../../src/contract/transfer.ts'
import type { Row } from '../../src/store/db.ts'
import { startPostgres } from '../postgres.ts'
import { startTestServer } from '../server.ts'

type Wire = Record<string, string | number | null>

const RUN: Wire = {
  run_id: 'a'.repeat(32),
  experiment_id: '7',
  project: 'default',
  run_name: 'night',
  user_id: 'ada',
  status: 'RUNNING',
  start_time: 1000,
  end_time: null,
  artifact_uri: 'mlflow-artifacts:/7/x/artifacts',
  lifecycle_stage: 'active',
  deleted_time: null,
  heartbeat_at: 1000,
}
const EXPERIMENT: Wire = {
  experiment_id: '7',
  project: 'default',
  name: 'seven',
  artifact_location: 'mlflow-artifacts:/7',
  lifecycle_stage: 'active',
  creation_time: 1,
  last_update_time: 1,
}
const MODEL: Wire = {
  name: 'ranker',
  project: 'default',
  description: '',
  created_at: 1,
  updated_at: 1,
  created_by: 'mlflow',
  last_version: 1,
  gates: '[]',
}

async function follows(databaseUrl: string | undefined): Promise<void> {
  const env = databaseUrl === undefined ? {} : { SLIPWAY_DATABASE_URL: databaseUrl }
  const server = await startTestServer({ env })
  try {
    const { client } = server
    const begin = async (place: string): Promise<string> =>
      (await client.call(transferApi.begin, { body: { kind: 'mlflow', place } })).import.id
    const here = await begin('http://one')
    const write = (table: string, rows: Wire[], more: { import_id?: string; dry_run?: boolean } = {}) =>
      client.call(transferApi.write, { params: { table }, body: { import_id: here, rows, follow: true, ...more } })
    const read = async (table: string): Promise<Row[]> =>
      (await client.call(transferApi.read, { params: { table }, query: {} })).rows

    await write('experiments', [EXPERIMENT])
    assert.deepEqual(await write('runs', [RUN]), { added: 1, same: 0, changed: 0, kept: [] })
    const tag = { run_id: 'a'.repeat(32), key: 'k', value: 'v' }
    await write('run_tags', [tag])
    const ended = { ...RUN, status: 'FINISHED', end_time: 5000, run_name: 'renamed', heartbeat_at: 5000 }
    const other = await begin('http://two')
    await assert.rejects(write('runs', [ended], { import_id: other }), { code: 'conflict' })
    assert.equal((await write('runs', [ended], { dry_run: true })).changed, 1)
    assert.equal((await read('runs'))[0]?.['status'], 'RUNNING', 'a dry run writes nothing')
    assert.deepEqual(await write('runs', [ended]), { added: 0, same: 0, changed: 1, kept: [] })
    const [run] = await read('runs')
    assert.deepEqual([run?.['status'], run?.['end_time'], run?.['run_name']], ['FINISHED', 5000, 'renamed'])
    assert.deepEqual(await write('runs', [ended]), { added: 0, same: 1, changed: 0, kept: [] })
    assert.equal(
      (
        await write('run_tags', [
          { ...tag, value: 'w' },
          { ...tag, key: 'l' },
        ])
      ).changed,
      1,
    )
    assert.equal((await write('runs', [{ ...ended, lifecycle_stage: 'deleted' }])).changed, 1)
    assert.equal((await read('runs'))[0]?.['lifecycle_stage'], 'deleted')
    const refused = client.call(transferApi.write, {
      params: { table: 'runs' },
      body: { import_id: here, rows: [RUN] },
    })
    await assert.rejects(refused, { code: 'conflict' }, 'whoever does not ask to follow is refused as ever')

    await write('registered_models', [MODEL])
    const gates = JSON.stringify([{ metric: 'auc', at_least: 0.9 }])
    const later = { ...MODEL, last_version: 3, updated_at: 9, gates, created_by: 'eve' }
    assert.equal((await write('registered_models', [later])).changed, 1)
    const [model] = await read('registered_models')
    assert.deepEqual([model?.['last_version'], model?.['gates'], model?.['created_by']], [3, '[]', 'mlflow'])
    assert.equal(
      (await write('registered_models', [{ ...later, last_version: 2 }])).same,
      1,
      'numbers are never given again',
    )
    const alias = { model: 'ranker', alias: 'champion', version: 1, moved_at: 5 }
    await write('model_aliases', [alias])
    const moved = await write('model_aliases', [{ ...alias, version: 2, moved_at: 8 }])
    assert.deepEqual(moved.kept, ['model_aliases ranker/champion: version is 1 here and 2 in the import'])
    assert.equal((await read('model_aliases'))[0]?.['version'], 1)
    assert.deepEqual(
      (await read('alias_moves')).map((move) => [move['to_version'], move['at'], move['actor']]),
      [[1, 5, 'import']],
    )
  } finally {
    await server.stop()
  }
}

test('a later import follows what it brought, on SQLite', () => follows(undefined))

test('a later import follows what it brought, on PostgreSQL', async (t) => {
  const database = await startPostgres()
  t.after(() => database.stop())
  await follows(database.url)
})
