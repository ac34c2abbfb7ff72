/** A version beside another for people to read, against figures that are computed as plainly as can be. */
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
import { compareVersions, ownCalibration } from './change.ts'
import { areaOf, meanOf, near, rowsOf, Z } from './rows.fixture.ts'

const N = 3000
const rows = rowsOf(N, 7)
// in one slice the candidate knows nothing of the answer, while the other version does
const score = rows.score.map((one, i) => (i % 2 === 1 ? 0.2 + ((i * 37) % 100) / 200 : one))
const other = rows.y.map((y, i) => (i % 2 === 1 ? 0.2 + 0.5 * y + ((i * 13) % 10) / 100 : (rows.incumbent[i] ?? 0)))

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
  const lines = Array.from(rows.y, (y, i) => `${i},${y},${score[i]},${i % 2 === 1 ? 'odd' : 'even'}`)
  const evaluation = await table(`id,y,score,group\n${lines.join('\n')}\n`)
  const holdout = await table(`id,x\n${Array.from(other, (_, i) => `${i},${i}`).join('\n')}\n`)
  const metrics = { log_loss: lossOf(score), roc_auc: areaOf(score, rows.y).area, trees: 5 }
  candidate = {
    ...(await requireVersion(bench.room.db, 'm', 2)),
    evaluation,
    holdout,
    metrics: JSON.stringify(metrics),
  }
  const before = { log_loss: 0.5, roc_auc: 0.7, trees: 4 }
  base = { ...(await requireVersion(bench.room.db, 'm', 1)), metrics: JSON.stringify(before) }
})
after(() => opened.close())

function losses(scores: Float64Array): number[] {
  return Array.from(scores, (p, i) => -Math.log(rows.y[i] === 1 ? p : 1 - p))
}
const lossOf = (scores: Float64Array): number => meanOf(losses(scores)).mean

/** A room in which the other version answers what `other` says of a row. */
const room = (): Registry => ({
  ...bench.room,
  scoreNative: (_, columns) => Float64Array.from(columns('x', 'number') ?? [], (x) => other[Number(x)] ?? 0),
})
const compare = (within = room(), gated: readonly string[] = []) =>
  compareVersions(within, { candidate, other: base, gated })

test('a loss has its difference on the same rows, with its interval and its sign', async () => {
  const found = (await compare()).metrics['log_loss']
  const [a, b] = [losses(score), losses(other)]
  const { mean, error } = meanOf(a.map((one, i) => one - (b[i] ?? 0)))
  near(found?.delta, mean)
  assert.equal(found?.value, 0.5)
  assert.equal(found.n, N)
  // by a bootstrap: near the normal interval of the paired differences
  near(found.interval?.[0], mean - Z[0.975] * error, 0.01)
  near(found.interval?.[1], mean + Z[0.975] * error, 0.01)
  assert.equal(found.better, mean < 0)
})

test('an area has its difference by pairs', async () => {
  const found = (await compare()).metrics['roc_auc']
  near(found?.delta, areaOf(score, rows.y).area - areaOf(other, rows.y).area)
  assert.equal(found?.method, 'DeLong, same rows')
  assert.equal(found.better, false)
})

test('a figure that is of no rows has its difference alone, and is called neither better nor worse', async () => {
  const { n, delta, interval, better } = (await compare()).metrics['trees'] ?? {}
  assert.deepEqual({ n, delta, interval, better }, { n: null, delta: 1, interval: null, better: null })
})

test('the slice that became worse is named with its harm, the other is not', async () => {
  const { slices, looked } = await compare(room(), ['roc_auc'])
  assert.deepEqual(looked, ['roc_auc by group'])
  assert.deepEqual(
    slices.map(({ slice, value, metric }) => ({ slice, value, metric })),
    [{ slice: 'group', value: 'odd', metric: 'roc_auc' }],
  )
  const odd = (of: Float64Array): Float64Array => of.filter((_, i) => i % 2 === 1)
  const delta = areaOf(odd(score), odd(rows.y)).area - areaOf(odd(other), odd(rows.y)).area
  near(slices[0]?.delta, delta)
  near(slices[0]?.harm, (-delta * slices[0]!.n) / N)
  assert.equal(slices[0]?.n, N / 2)
})

test('a loss of a gate is what slices are looked at by', async () => {
  assert.deepEqual((await compare(room(), ['log_loss'])).looked, ['log_loss by group'])
})

test('calibration is of ten bins, of both on the same rows', async () => {
  const plainly = (scores: Float64Array): number => {
    let sum = 0
    for (let bin = 0; bin < 10; bin++) {
      const inside = [...scores.keys()].filter((i) => Math.min(9, Math.floor(scores[i]! * 10)) === bin)
      if (inside.length === 0) continue
      const mean = (of: Float64Array): number => inside.reduce((total, i) => total + of[i]!, 0) / inside.length
      sum += (inside.length / N) * Math.abs(mean(scores) - mean(rows.y))
    }
    return sum
  }
  near((await compare()).calibration?.ece, plainly(other))
  const own = await ownCalibration(bench.room, candidate)
  near(own?.ece, plainly(score))
  near(own?.brier, meanOf(Array.from(score, (p, i) => (p - (rows.y[i] ?? 0)) ** 2)).mean)
  near(own?.base_rate, 1 / 3)
})

test('where the other cannot be scored, figures of two hold-outs are all there is', async () => {
  const found = await compare(bench.room)
  assert.deepEqual([found.slices, found.looked, found.calibration], [[], [], null])
  const { method, n, delta } = found.metrics['log_loss'] ?? {}
  assert.deepEqual([method, n], ['different hold-outs, no error known', null])
  near(delta, lossOf(score) - 0.5)
})

test('scores that are no probabilities have no calibration', async () => {
  const evaluation = await table('y,score\n1,3\n0,-1\n')
  assert.equal(await ownCalibration(bench.room, { ...candidate, evaluation }), null)
  assert.equal(await ownCalibration(bench.room, { ...candidate, evaluation: null }), null)
})

test('calibration is of labels that are all 0 or 1 and of scores that all lie between them, both included', async () => {
  const CASES: readonly [string, boolean][] = [
    ['0,0\n1,1', true],
    ['1,0.5', true],
    ['', false],
    ['0,0.2\n1,0.7\n2,0.9', false],
    ['2,0.9\n0,0.2\n1,0.7', false],
    ['0,0.2\n0.5,0.7', false],
    ['-1,0.2\n1,0.7', false],
    ['0,0.2\n1,1.01', false],
    ['0,-0.01\n1,0.7', false],
  ]
  for (const [text, known] of CASES) {
    const evaluation = await table(`y,score\n${text}\n`)
    const found = await ownCalibration(bench.room, { ...candidate, evaluation })
    assert.equal(found !== null, known, text)
  }
})

test('a version that left no rows is compared by its figures alone', async () => {
  for (const evaluation of [null, await table('y,score\n')]) {
    const found = await compareVersions(room(), { candidate: { ...candidate, evaluation }, other: base, gated: [] })
    assert.deepEqual([found.slices, found.calibration], [[], null])
    const { value, n, delta } = found.metrics['trees'] ?? {}
    assert.deepEqual([value, n, delta], [4, null, 1])
    near(found.metrics['log_loss']?.delta, lossOf(score) - 0.5)
  }
})
