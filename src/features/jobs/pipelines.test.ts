/** A source of a pipeline that is the rows of another one with their features: what its step gets, what is told, and what refuses it. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { auditLog } from '../../auth/audit.ts'
import { makeIds } from '../../contract/ids.ts'
import { FeaturesSection } from '../../contract/features/section.ts'
import { dataRoom } from '../../data/room.ts'
import { Worker } from '../../jobs/worker.ts'
import type { FeatureJoins } from '../../pipelines/context/deps.ts'
import { sourceReads } from '../../pipelines/data/pin.ts'
import { referenceTable } from '../../monitoring/profiles/table.ts'
import { failure, files, pinned, sourced } from '../../pipelines/data/sources.fixture.ts'
import { compileSource, Source } from '../../pipelines/spec/external/source.ts'
import { treeFiles, treeTable } from '../../store/blobs/trees.ts'
import { planApply, writePlan } from '../definitions/apply.ts'
import { openOnline } from '../online/open.ts'
import { rowsOf } from './jobs.fixture.ts'
import { scratchOf } from './limits.ts'
import { joinsOf } from './now.ts'

/** Pipelines beside the room's joins, on one store. */
async function opened(t: TestContext) {
  const dataDir = mkdtempSync(join(tmpdir(), 'slipway-joined-'))
  t.after(() => rmSync(dataDir, { recursive: true, force: true }))
  let joins: FeatureJoins | undefined
  const features = () => {
    if (joins === undefined) throw new Error('the room is not there yet')
    return joins
  }
  const room = await sourced(t, {}, { features })
  const { context: pipelines } = room.bench.room
  const { db, blobs, clock } = pipelines.deps
  const audit = auditLog(clock)
  const told = { changed: () => undefined, onError: (error: unknown) => assert.fail(String(error)) }
  const data = dataRoom({ db, blobs, clock, audit, worker: new Worker(db), dataDir, ...told })
  const below = () => ({ data, pipelines: { sources: sourceReads(pipelines) } })
  const ids = makeIds(Date.now, randomBytes)
  const context = { db, blobs, clock, ids, audit, dataDir, online: openOnline(dataDir), below, ...told }
  mkdirSync(scratchOf(context), { recursive: true })
  joins = joinsOf(context)
  const stats = join(room.folder, 'stats.csv')
  const labels = join(room.folder, 'labels.csv')
  writeFileSync(stats, 'driver_id,at,trips\n1,2024-01-01,5\n1,2024-01-03,9\n2,2024-01-02,7\n')
  writeFileSync(labels, 'driver_id,asked,late\n1,2024-01-02,yes\n2,2024-01-02,no\n3,2024-01-02,no\n')
  writeFileSync(join(room.folder, 'names.csv'), 'driver,id\nbo,2\nann,1\n')
  const apply = async (ttl?: string) => {
    const view = { entities: ['driver'], source: 'stats', event_time: 'at', features: { trips: 'int' } }
    const section = FeaturesSection.parse({
      entities: { driver: { keys: { driver_id: 'int' } } },
      views: { stats: { ...view, ...(ttl !== undefined && { ttl }) } },
      services: { eta: { features: ['stats'] } },
    })
    const sources = { stats: compileSource(Source.parse({ file: stats, table: 'csv' })) }
    await db.tx(async (tx) => {
      const planned = await planApply(tx, 'sourced', { section, sources })
      assert.deepEqual(planned.faults, [])
      await writePlan(tx, 'sourced', { planned, at: 1, by: 'ada' })
    })
  }
  const run = async (more: object = {}) => {
    const asked = 'query' in more ? {} : { entities: 'labels' }
    const given = files({ features: { service: 'eta', ...asked, time: 'asked', ...more } })
    const project = JSON.parse(given['slipway.yaml'] ?? '{}') as { sources: object }
    const names = { file: join(room.folder, 'names.csv'), table: 'csv' }
    const sources = { ...project.sources, labels: { file: labels, table: 'csv' }, names }
    const text = JSON.stringify({ ...project, sources })
    return room.bench.end(await room.bench.begin({ ...given, 'slipway.yaml': text }))
  }
  return { blobs, apply, run }
}

test('a step gets the rows with their features as they were then, and the run tells by which versions', async (t) => {
  const { blobs, apply, run } = await opened(t)
  assert.match(failure(await run()), /source "given": feature service "eta" does not exist/)
  await apply()
  const first = await run()
  assert.equal(first.state, 'succeeded', first.message)
  const { kind, place, version, rows, digest } = pinned(first)
  assert.deepEqual([kind, rows], ['features', 3])
  assert.match(place, /^eta of .*labels\.csv$/)
  assert.match(
    version ?? '',
    /^eta@1 \(stats@1\); missing: trips 1 not_found; read: labels sha256:[0-9a-f]{12}, stats sha256:[0-9a-f]{12}$/,
  )
  const out = first.steps[0]?.outputs['out']?.digest
  assert.equal(out, digest)
  const [file, ...others] = await treeFiles(blobs, digest)
  assert.deepEqual([file?.path, others], ['', []])
  assert.deepEqual(await rowsOf(blobs.path(file?.digest ?? '') ?? '', 'driver_id, late, trips'), [
    { driver_id: '1', late: 'yes', trips: 5n },
    { driver_id: '2', late: 'no', trips: 7n },
    { driver_id: '3', late: 'no', trips: null },
  ])
  const again = await run()
  assert.deepEqual([again.steps[0]?.state, pinned(again).digest], ['cached', digest])
  await apply('12h')
  const newer = await run()
  assert.deepEqual([newer.steps[0]?.state, pinned(newer).version?.slice(0, 15)], ['succeeded', 'eta@2 (stats@2)'])
  const older = await run({ service: 'eta@1' })
  assert.deepEqual([older.steps[0]?.state, pinned(older).digest], ['cached', digest])
})

test('a column that is not there, or an expression that does not fit, fails the run by its name', async (t) => {
  const { apply, run } = await opened(t)
  await apply()
  assert.match(
    failure(await run({ time: 'when' })),
    /source "given": the table of entities has no column "when"; it has/,
  )
  assert.match(failure(await run({ service: 'eta@7' })), /source "given": feature service "eta@7" does not exist/)
})

const QUERY = `SELECT n.driver, CAST(l.driver_id AS BIGINT) AS driver_id, l.late = 'yes' AS y,
  CAST(l.asked AS TIMESTAMP) + INTERVAL 36 HOUR AS asked
FROM labels l JOIN names n ON n.id = l.driver_id`

test('keys, moments and labels may be computed by a query over sources, and all that were read are told', async (t) => {
  const { blobs, apply, run } = await opened(t)
  await apply()
  const ended = await run({ query: QUERY })
  assert.equal(ended.state, 'succeeded', ended.message)
  const { place, version, rows, digest } = pinned(ended)
  assert.deepEqual([place, rows], [`eta of ${QUERY}`, 2])
  assert.match(
    version ?? '',
    /; nothing is missing; read: labels sha256:\w{12}, names sha256:\w{12}, stats sha256:\w{12}$/,
  )
  const [file] = await treeFiles(blobs, digest)
  // of the first the row of the 3rd is seen, which the moment that the source has would not see
  assert.deepEqual(await rowsOf(blobs.path(file?.digest ?? '') ?? '', 'driver, y, trips'), [
    { driver: 'ann', y: true, trips: 9n },
    { driver: 'bo', y: false, trips: 7n },
  ])
  const again = await run({ query: `${QUERY} ORDER BY n.driver DESC;\n` })
  assert.deepEqual([again.steps[0]?.state, pinned(again).digest], ['cached', digest])
})

test('what was joined is a reference that live traffic is compared with', async (t) => {
  const { blobs, apply, run } = await opened(t)
  await apply()
  const query = 'SELECT driver_id, CAST(asked AS TIMESTAMP) AS event_timestamp, late FROM labels'
  const ended = await run({ query, time: 'event_timestamp' })
  const bytes = (await treeTable(blobs, pinned(ended).digest)) ?? assert.fail('the tree has a table')
  const { times, cells } = await referenceTable(bytes, ['trips', 'late'])
  assert.deepEqual(new Set(times), new Set([Date.UTC(2024, 0, 2)]))
  assert.deepEqual(cells[0]?.map((trips, i) => [trips, cells[1]?.[i]]).toSorted(), [
    ['', 'no'],
    ['5', 'yes'],
    ['7', 'no'],
  ])
})

test('a query that does not fit, is two, or reads what it was not given fails the run by its name', async (t) => {
  const { apply, run } = await opened(t)
  await apply()
  assert.match(
    failure(await run({ query: 'SELECT driver FROM labels' })),
    /source "given": .*Referenced column "driver" not found/,
  )
  assert.match(
    failure(await run({ query: 'SELECT 1 FROM labels); DROP TABLE asking; SELECT (1' })),
    /source "given": .*(the query of the table of entities is 3 statements, and one was expected|syntax error)/,
  )
  assert.match(
    failure(await run({ query: "SELECT * FROM labels, read_text('/etc/hostname')" })),
    /source "given": Permission Error: .*\/etc\/hostname/,
  )
})
