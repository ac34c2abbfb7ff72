/** The incumbent's scores of the candidate's hold-out: which rows it is given, in which order they come back, and when there are none. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Gate } from '../../contract/registry.ts'
import { putManifest } from '../../store/blobs/trees.ts'
import { moveAlias } from '../aliases/aliases.ts'
import { root, wanted } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import { requireVersion } from '../context/context.ts'
import type { Cell, Registry, ScoreNative, VersionRow } from '../context/context.ts'
import { placeOf } from '../context/layout.ts'
import { openRegistry } from '../opened.fixture.ts'
import type { Opened } from '../opened.fixture.ts'
import { registerVersion } from '../versions/register.ts'
import { scoreIncumbent } from './incumbent.ts'
import { judgeVersion, readVerdict, replayVerdict } from './verdicts.ts'

let opened: Opened
let bench: Bench
let incumbent: VersionRow
/** Digest of its native form. */
let native: string
let candidate: VersionRow
/** What the evaluator was asked for, last. */
let asked: { dir: string; rows: number; numbers: Cell[] | undefined; texts: Cell[] | undefined; other: unknown }

/** Scores a row by its number in column x. */
const scoreNative: ScoreNative = (dir, columns, rows) => {
  asked = { dir, rows, numbers: columns('x', 'number'), texts: columns('c', 'string'), other: columns('no', 'number') }
  return asked.numbers === undefined ? undefined : Float64Array.from(asked.numbers, (cell) => Number(cell) / 100)
}

async function table(text: string, name = 'data.csv'): Promise<string> {
  const { digest, size } = await bench.room.blobs.put(Buffer.from(text))
  return (await putManifest(bench.room.blobs, [{ path: name, digest, size, executable: false }])).digest
}

const HOLDOUT = 'id,x,c\na,10,red\nb,,\nc,30,"blue,green"\n'

before(async () => {
  opened = await openRegistry()
  bench = opened.bench
  await registerVersion(bench.room, root, await wanted(bench, { model: 'm', auc: 0.7 }))
  await registerVersion(bench.room, root, await wanted(bench, { model: 'm', auc: 0.8 }))
  native = await table('{}', 'model.json')
  const state = "UPDATE model_versions SET lowering_state = 'native', lowering_tree = ? WHERE version = 1"
  await bench.room.db.tx((t) => t.run(state, [native]))
  incumbent = await requireVersion(bench.room.db, 'm', 1)
  const evaluation = await table('id,y,score\nc,1,0.9\na,0,0.1\n')
  candidate = { ...(await requireVersion(bench.room.db, 'm', 2)), evaluation, holdout: await table(HOLDOUT) }
})
after(() => opened.close())

const room = (): Registry => ({ ...bench.room, scoreNative })

async function scoresOf(of: Partial<VersionRow> = {}): Promise<number[] | null> {
  const digest = await scoreIncumbent(room(), { ...candidate, ...of }, incumbent)
  if (digest === null) return null
  const { buffer, byteOffset, byteLength } = await bench.room.blobs.bytes(digest)
  return [...new Float64Array(buffer.slice(byteOffset, byteOffset + byteLength))]
}

test('rows are found by id, and come back in the order of the predictions', async () => {
  assert.deepEqual(await scoresOf(), [0.3, 0.1])
  assert.equal(asked.dir, placeOf(bench.room, native))
  assert.equal(asked.rows, 3)
  assert.deepEqual(asked.numbers, [10, null, 30])
  assert.deepEqual(asked.texts, ['red', null, 'blue,green'])
  assert.equal(asked.other, undefined)
})

test('without ids the rows are taken by place, if there are as many', async () => {
  const evaluation = await table('y,score\n0,0.5\n0,0.5\n1,0.5\n')
  assert.deepEqual(await scoresOf({ evaluation }), [0.1, 0, 0.3])
  assert.equal(await scoresOf({ evaluation: await table('y,score\n0,0.5\n0,0.5\n') }), null)
  const holdout = await table('x,c\n1,a\n2,b\n')
  assert.deepEqual(await scoresOf({ holdout }), [0.01, 0.02], 'an id on one side alone does not count')
  const first = await table('x,id\n7,a\n8,c\n')
  assert.deepEqual(await scoresOf({ holdout: first }), [0.08, 0.07], 'ids may stand in any column')
})

test('there are none where a row, an input, a file or the native form is missing', async () => {
  assert.equal(await scoresOf({ evaluation: await table('id,y,score\nz,1,0.9\n') }), null, 'an id that is not there')
  assert.equal(await scoresOf({ holdout: await table('id,c\na,1\nc,2\n') }), null, 'an input that is not there')
  assert.equal(await scoresOf({ holdout: null }), null)
  assert.equal(await scoresOf({ evaluation: null }), null)
  assert.equal(await scoresOf({ holdout: await table('x', 'data.parquet') }), null, 'no table')
  assert.equal(await scoresOf({ evaluation: await table('x', 'data.parquet') }), null, 'no table')
  const of = (change: Partial<VersionRow>) => scoreIncumbent(room(), candidate, { ...incumbent, ...change })
  assert.equal(await of({ lowering_state: 'python' }), null)
  assert.equal(await of({ tree: null }), null)
  assert.equal(await of({ lowering_tree: null }), null, 'its native form was never stored, and is not on disk')
  assert.equal(await scoreIncumbent(bench.room, candidate, incumbent), null, 'no evaluator')
})

test('a verdict judges by those scores and not by what the step wrote', async () => {
  const gates: Gate[] = [{ metric: 'mae', not_worse_than: 'production', margin: 0, confidence: 0.95 }]
  await moveAlias(bench.room, root, { model: 'm', alias: 'production', version: '1' })
  // the incumbent's scores of these rows are 0 and 1: it is never wrong; the step says that it always is
  const holdout = await table(`id,x\n${Array.from({ length: 40 }, (_, i) => `r${i},${(i % 2) * 100}`).join('\n')}\n`)
  const lines = Array.from({ length: 40 }, (_, i) => `r${i},${i % 2},${0.25 + (i % 2) / 2},${1 - (i % 2)}`)
  const evaluation = await table(`id,y,score,incumbent\n${lines.join('\n')}\n`)
  const asks = {
    ...(await wanted(bench, { model: 'm', auc: 0.9, gates })),
    holdout,
    evaluation,
    metrics: { mae: 0.25 },
  }
  const { version, results } = await registerVersion(room(), root, asks)
  assert.equal(results[0]?.outcome, 'failed')
  assert.equal(results[0].value, -0.25)
  assert.match(String(results[0].evidence['method']), /same rows/)
  const { verdict_id } = await requireVersion(bench.room.db, 'm', version)
  assert.equal((await readVerdict(bench.room.db, verdict_id ?? '')).against, 'm/1')
  const blind = await judgeVersion(bench.room, await requireVersion(bench.room.db, 'm', version))
  assert.equal(blind.results[0]?.value, 0.75, 'without an evaluator the scores of the step are all there is')
  assert.equal(blind.passed, true)
})

test('large tables are scored and judged on a thread, once for what decides it, and anew in a replay', async () => {
  const scorer = `data:text/javascript,${encodeURIComponent(`
    import { isMainThread } from 'node:worker_threads'
    export const scoreNative = (_, columns) =>
      isMainThread ? undefined : Float64Array.from(columns('x', 'number'), (cell) => Number(cell) / 100)`)}`
  let reads = 0
  const { blobs } = bench.room
  const read = (digest: string) => (reads++, blobs.read(digest))
  const counted = Object.create(blobs, {
    read: { value: read },
    bytes: { value: (digest: string) => blobs.bytes(digest) },
    put: { value: (bytes: Uint8Array) => blobs.put(bytes) },
    has: { value: (digest: string) => blobs.has(digest) },
  }) as Registry['blobs']
  const large: Registry = { ...bench.room, blobs: counted, scorer, scoreNative: () => assert.fail('the main thread') }
  const gates: Gate[] = [{ metric: 'mae', not_worse_than: 'production', margin: 0, confidence: 0.95 }]
  const ids = Array.from({ length: 1500 }, (_, i) => `${i}-${'r'.repeat(40)}`)
  const asks = {
    ...(await wanted(bench, { model: 'm', auc: 0.95, gates })),
    holdout: await table(`id,x\n${ids.map((id, i) => `${id},${(i % 2) * 100}`).join('\n')}\n`),
    evaluation: await table(`id,y,score\n${ids.map((id, i) => `${id},${i % 2},${0.25 + (i % 2) / 2}`).join('\n')}\n`),
    metrics: { mae: 0.25 },
  }
  const { version, results } = await registerVersion(large, root, asks)
  assert.equal(results[0]?.value, -0.25)
  assert.match(String(results[0].evidence['method']), /same rows/)
  const row = await requireVersion(bench.room.db, 'm', version)
  const before = reads
  assert.ok(before > 0)
  assert.deepEqual((await judgeVersion(large, row)).results, results)
  assert.equal(reads, before)
  const { same } = await replayVerdict(large, row.verdict_id ?? '')
  assert.equal(same, true)
  assert.ok(reads > before)
})
