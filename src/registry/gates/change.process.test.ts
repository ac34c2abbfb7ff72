/** Which comparisons of versions are computed and which are kept, and that a thread of its own computes them. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { putManifest } from '../../store/blobs/trees.ts'
import { root, wanted } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import { requireVersion } from '../context/context.ts'
import type { Registry, VersionRow } from '../context/context.ts'
import { openRegistry } from '../opened.fixture.ts'
import type { Opened } from '../opened.fixture.ts'
import { registerVersion } from '../versions/register.ts'
import { Comparisons } from './change.ts'
import type { Change } from './change.ts'

let opened: Opened
let bench: Bench
let candidate: VersionRow
let base: VersionRow

async function table(text: string): Promise<string> {
  const { digest, size } = await bench.room.blobs.put(Buffer.from(text))
  return (await putManifest(bench.room.blobs, [{ path: 'data.csv', digest, size, executable: false }])).digest
}

before(async () => {
  opened = await openRegistry()
  bench = opened.bench
  for (const auc of [0.7, 0.8]) await registerVersion(bench.room, root, await wanted(bench, { model: 'm', auc }))
  const native = await table('{}')
  const state = "UPDATE model_versions SET lowering_state = 'native', lowering_tree = ? WHERE version = 1"
  await bench.room.db.tx((t) => t.run(state, [native]))
  const evaluation = await table('id,y,score\na,1,0.75\nb,0,0.5\nc,0,0.25\n')
  const holdout = await table('id,x\na,0.5\nb,0.75\nc,0.25\n')
  const made = await requireVersion(bench.room.db, 'm', 2)
  candidate = { ...made, evaluation, holdout, metrics: '{"brier":0.125}' }
  base = { ...(await requireVersion(bench.room.db, 'm', 1)), metrics: '{"brier":0.3}' }
})
after(() => opened.close())

/** A module that answers with what a row has as its x, and on no account on the main thread. */
const SCORER = `data:text/javascript,${encodeURIComponent(`
  import { isMainThread } from 'node:worker_threads'
  export function scoreNative(dir, columns) {
    if (isMainThread) throw new Error('it is scored on the main thread')
    return Float64Array.from(columns('x', 'number') ?? [])
  }`)}`

/** A room that counts what is read of its blobs. */
function counting(): { room: Registry; reads: () => number } {
  let reads = 0
  const { blobs } = bench.room
  const counted = Object.create(blobs, {
    bytes: { value: (digest: string) => (reads++, blobs.bytes(digest)) },
    read: { value: (digest: string) => (reads++, blobs.read(digest)) },
    path: { value: (digest: string) => blobs.path(digest) },
  }) as Registry['blobs']
  return { room: { ...bench.room, scorer: SCORER, blobs: counted }, reads: () => reads }
}

test('what was found is kept: two who ask at once share it, and a later one reads nothing', async () => {
  const { room: counted, reads } = counting()
  const comparisons = new Comparisons(counted)
  const change = { candidate, others: [base], gated: ['brier'] }
  const [first, second] = await Promise.all([comparisons.of(change), comparisons.of({ ...change })])
  assert.equal(first, second)
  const once = reads()
  assert.ok(once > 0)
  assert.deepEqual([first.calibration?.brier, first.others[0]?.calibration?.brier], [0.125, 0.875 / 3])
  assert.equal(await comparisons.of({ ...change }), first)
  assert.equal(reads(), once)
})

test('whatever decides it is asked anew where it differs', async () => {
  // none of them is computed: each fails at its first read, and while it is on its way it is the same for all who ask the same
  const comparisons = new Comparisons({
    ...bench.room,
    blobs: { ...bench.room.blobs, bytes: () => Promise.reject(new Error('unread')) },
  })
  const change = { candidate, others: [base], gated: ['brier'] }
  const DIFFERENT: readonly Partial<Change>[] = [
    { gated: ['log_loss'] },
    { others: [] },
    ...[{ lowering_state: 'python' as const }, { metrics: '{"brier":0.9}' }, { evaluation: 'b' }, { tree: 'c' }].map(
      (differs) => ({ others: [{ ...base, ...differs }] }),
    ),
    { others: [{ ...base, lowering_tree: 'd' }] },
    ...[{ metrics: '{"brier":0.9}' }, { holdout: null }, { evaluation: null }].map((differs) => ({
      candidate: { ...candidate, ...differs },
    })),
  ]
  const asked = [{}, ...DIFFERENT].map((differs) => comparisons.of({ ...change, ...differs }))
  const same = comparisons.of({ ...change, candidate: { ...candidate, description: 'told anew' } })
  assert.equal(new Set(asked).size, asked.length)
  assert.equal(same, asked[0])
  await Promise.allSettled(asked)
})

test('no more is kept than so many answers, the latest', async () => {
  const { room: counted, reads } = counting()
  const comparisons = new Comparisons(counted, 1)
  const asked = async (gated: string): Promise<number> => {
    const before = reads()
    await comparisons.of({ candidate, others: [], gated: [gated] })
    return reads() - before
  }
  assert.ok((await asked('a')) > 0)
  assert.equal(await asked('a'), 0)
  assert.ok((await asked('b')) > 0)
  assert.equal(await asked('b'), 0)
  assert.ok((await asked('a')) > 0)
})

test('a fault is told as it is, and is not kept', async () => {
  const comparisons = new Comparisons(bench.room)
  const unreadable = { ...candidate, evaluation: await table('y,score\n1,high\n') }
  const asked = () => comparisons.of({ candidate: unreadable, others: [], gated: [] })
  await assert.rejects(asked(), { code: 'unprocessable', message: /column "score" has "high" on line 2/ })
  const text = 'y,score\n1,0.7\n0,0.2\n'
  const gone = { ...candidate, evaluation: await table(text) }
  const { digest } = await bench.room.blobs.put(Buffer.from(text))
  await bench.room.blobs.delete(digest)
  const change = { candidate: gone, others: [], gated: [] }
  await assert.rejects(comparisons.of(change), { code: 'not_found' })
  await bench.room.blobs.put(Buffer.from(text))
  assert.equal((await comparisons.of(change)).calibration?.n, 2)
})
