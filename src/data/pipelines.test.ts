/** Data sets and pipelines: a version is a source that is pinned, an output becomes a version, and what a run read stays. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { auditLog } from '../auth/audit.ts'
import { Worker } from '../jobs/worker.ts'
import { ANA } from '../pipelines/bench.fixture.ts'
import type { DataSets } from '../pipelines/context/deps.ts'
import { failure, files, pinned, sourced } from '../pipelines/data/sources.fixture.ts'
import { putTree } from '../store/blobs/trees.ts'
import { dataRoom } from './room.ts'
import { addGiven, removeVersion } from './sets.ts'

/** A room of data sets beside pipelines on one store. */
async function opened(t: TestContext) {
  const dataDir = mkdtempSync(join(tmpdir(), 'slipway-data-sets-'))
  t.after(() => rmSync(dataDir, { recursive: true, force: true }))
  let sets: DataSets | undefined
  const room = await sourced(
    t,
    {},
    {
      dataSets: () => {
        if (sets === undefined) throw new Error('the room is not there yet')
        return sets
      },
    },
  )
  const { db, blobs, clock } = room.bench.room.context.deps
  const worker = new Worker(db)
  const rest = { changed: () => undefined, onError: () => undefined }
  const context = { db, blobs, clock, audit: auditLog(clock), worker, dataDir, ...rest }
  sets = dataRoom(context).sets
  const add = async (name: string, tree: string) => {
    const given = { name, project: 'sourced', tree, single: false, note: '', tags: {} }
    return (await addGiven(context, ANA, given)).row
  }
  return { room, context, add, put: (path: string) => putTree(blobs, path) }
}

test('a run has the version that was the latest when it began, and its next one the newer; what it read stays', async (t) => {
  const { room, context, add, put } = await opened(t)
  const file = join(room.folder, 'rows.csv')
  const write = async (text: string) => {
    writeFileSync(file, text)
    return add('rows', (await put(file)).digest)
  }
  assert.equal((await write('a\n1\n')).version, 1)
  const first = await room.run({ data_set: 'rows@latest' })
  assert.equal(first.state, 'succeeded', first.message)
  const { kind, place, version, files: count } = pinned(first)
  assert.deepEqual([kind, place, version, count], ['data_set', 'rows@latest', '1', 1])
  assert.deepEqual(await room.got(first), { '': 'a\n1\n' })
  await write('a\n2\n')
  const second = await room.run({ data_set: 'rows@latest' })
  assert.deepEqual(await room.got(second), { '': 'a\n2\n' })
  const third = await room.run({ data_set: 'rows@1' })
  assert.deepEqual([await room.got(third), third.steps[0]?.state], [{ '': 'a\n1\n' }, 'cached'])
  await assert.rejects(
    removeVersion(context, ANA, { name: 'rows' }, { wanted: '1', force: false }),
    new RegExp(`rows@1 is kept for pipeline run ${third.id}, which read it; pipeline run ${first.id}, which read it`),
  )
  await removeVersion(context, { ...ANA, role: 'maintainer' }, { name: 'rows' }, { wanted: '1', force: true })
  const gone = await room.run({ data_set: 'rows@1' })
  assert.equal(gone.state, 'failed')
  assert.match(failure(gone), /source "given": the project has no data set rows@1/)
})

test('a version that is too old for "fresh" fails the run, or is told', async (t) => {
  const { room, context, put } = await opened(t)
  const file = join(room.folder, 'rows.csv')
  writeFileSync(file, 'a\n1\n')
  const given = { name: 'old', project: 'sourced', tree: (await put(file)).digest, single: false, note: '', tags: {} }
  await addGiven(context, ANA, { ...given, data_at: new Date(Date.now() - 3 * 86_400_000).toISOString() })
  const failed = await room.run({ data_set: 'old@1', fresh: '1 day' })
  assert.match(failure(failed), /the data is 3 days old, of .*; "fresh" allows 1 day/)
  const told = await room.run({ data_set: 'old@1', fresh: '1 day', stale: 'warn' })
  assert.deepEqual([told.state, pinned(told).stale?.includes('3 days')], ['succeeded', true])
})

test('an output becomes a version when the run has succeeded, once for the same content', async (t) => {
  const { room, context, add, put } = await opened(t)
  const file = join(room.folder, 'rows.csv')
  writeFileSync(file, 'a\n1\n')
  await add('rows', (await put(file)).digest)
  const given = files({ data_set: 'rows@1' })
  const project = JSON.parse(given['slipway.yaml'] ?? '{}') as object
  const text = JSON.stringify({ ...project, data_sets: { made: 'copy.out' } })
  const begin = () => room.bench.begin({ ...given, 'slipway.yaml': text })
  const run = await room.bench.end(await begin())
  assert.equal(run.state, 'succeeded', run.message)
  await room.bench.end(await begin())
  const versions = await context.db.all<{ version: number; made_by: string }>(
    "SELECT version, made_by FROM data_set_versions WHERE project = 'sourced' AND name = 'made'",
  )
  assert.deepEqual(
    versions.map(({ version, made_by }) => [version, JSON.parse(made_by)]),
    [[1, { kind: 'step', run: run.id, step: 'copy', output: 'out' }]],
  )
})

test('a data set that is no such table as the project file says is refused, profiled or not', async (t) => {
  const { room, add, put } = await opened(t)
  const file = join(room.folder, 'rows.csv')
  writeFileSync(file, 'a\n1\n')
  await add('rows', (await put(file)).digest)
  await room.bench.store.db.tx((tx) => tx.run("UPDATE data_set_versions SET state = 'ready', table_rows = 1"))
  assert.equal(pinned(await room.run({ data_set: 'rows@1', table: 'csv' })).rows, 1)
  assert.match(failure(await room.run({ data_set: 'rows@1', table: 'parquet' })), /its file is no parquet file/)
})
