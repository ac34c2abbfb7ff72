/** A version beside others, against figures that are computed as plainly as can be. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ScoreNative } from '../context/context.ts'
import { compareTables } from './comparison.ts'
import type { Compared, Comparison, ComparisonTask } from './comparison.ts'
import { areaOf, meanOf, near, rowsOf, Z } from './rows.fixture.ts'

const N = 3000
const rows = rowsOf(N, 7)
// in one slice the candidate knows nothing of the answer, while the other version does
const score = rows.score.map((one, i) => (i % 2 === 1 ? 0.2 + ((i * 37) % 100) / 200 : one))
const other = rows.y.map((y, i) => (i % 2 === 1 ? 0.2 + 0.5 * y + ((i * 13) % 10) / 100 : (rows.incumbent[i] ?? 0)))

const lines = Array.from(rows.y, (y, i) => `${i},${y},${score[i]},${i % 2 === 1 ? 'odd' : 'even'}`)
const EVALUATION = Buffer.from(`id,y,score,group\n${lines.join('\n')}\n`)
const HOLDOUT = Buffer.from(`id,x\n${Array.from(other, (score, i) => `${i},${score}`).join('\n')}\n`)

function losses(scores: Float64Array): number[] {
  return Array.from(scores, (p, i) => -Math.log(rows.y[i] === 1 ? p : 1 - p))
}
const lossOf = (scores: Float64Array): number => meanOf(losses(scores)).mean

const CANDIDATE = {
  evaluation: EVALUATION,
  holdout: HOLDOUT,
  metrics: { log_loss: lossOf(score), roc_auc: areaOf(score, rows.y).area, trees: 5 },
}
const BASE = { evaluation: null, native: 'its folder', metrics: { log_loss: 0.5, roc_auc: 0.7, trees: 4 } }

/** Answers with what a row has as its x. */
const scoreNative: ScoreNative = (_, columns) => Float64Array.from(columns('x', 'number') ?? [], Number)

const found = (asked: Partial<ComparisonTask> = {}, scorer: ScoreNative | undefined = scoreNative): Compared =>
  compareTables({ candidate: CANDIDATE, others: [BASE], gated: [], ...asked }, scorer)

const compare = (asked: Partial<ComparisonTask> = {}): Comparison =>
  found(asked).others[0] ?? assert.fail('it was compared with nothing')

const ownCalibration = (evaluation: Uint8Array | null): Compared['calibration'] =>
  found({ candidate: { ...CANDIDATE, evaluation }, others: [] }).calibration

test('a loss has its difference on the same rows, with its interval and its sign', () => {
  const found = compare().metrics['log_loss']
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

test('an area has its difference by pairs', () => {
  const found = compare().metrics['roc_auc']
  near(found?.delta, areaOf(score, rows.y).area - areaOf(other, rows.y).area)
  assert.equal(found?.method, 'DeLong, same rows')
  assert.equal(found.better, false)
})

test('a figure that is of no rows has its difference alone, and is called neither better nor worse', () => {
  const { n, delta, interval, better } = compare().metrics['trees'] ?? {}
  assert.deepEqual({ n, delta, interval, better }, { n: null, delta: 1, interval: null, better: null })
})

test('the slice that became worse is named with its harm, the other is not', () => {
  const { slices, looked } = compare({ gated: ['roc_auc'] })
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

test('a loss of a gate is what slices are looked at by', () => {
  assert.deepEqual(compare({ gated: ['log_loss'] }).looked, ['log_loss by group'])
})

test('calibration is of ten bins, of both on the same rows', () => {
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
  near(compare().calibration?.ece, plainly(other))
  const own = ownCalibration(EVALUATION)
  near(own?.ece, plainly(score))
  near(own?.brier, meanOf(Array.from(score, (p, i) => (p - (rows.y[i] ?? 0)) ** 2)).mean)
  near(own?.base_rate, 1 / 3)
})

test('where the other cannot be scored, figures of two hold-outs are all there is', () => {
  const found = compare({ others: [{ ...BASE, native: null }] })
  assert.deepEqual([found.slices, found.looked, found.calibration], [[], [], null])
  const { method, n, delta } = found.metrics['log_loss'] ?? {}
  assert.deepEqual([method, n], ['different hold-outs, no error known', null])
  near(delta, lossOf(score) - 0.5)
})

test('scores that are no probabilities have no calibration', () => {
  const evaluation = Buffer.from('y,score\n1,3\n0,-1\n')
  assert.equal(ownCalibration(evaluation), null)
  assert.equal(ownCalibration(null), null)
})

test('calibration is of labels that are all 0 or 1 and of scores that all lie between them, both included', () => {
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
    const evaluation = Buffer.from(`y,score\n${text}\n`)
    const found = ownCalibration(evaluation)
    assert.equal(found !== null, known, text)
  }
})

test('a version that left no rows is compared by its figures alone', () => {
  for (const evaluation of [null, Buffer.from('y,score\n')]) {
    const found = compare({ candidate: { ...CANDIDATE, evaluation } })
    assert.deepEqual([found.slices, found.calibration], [[], null])
    const { value, n, delta } = found.metrics['trees'] ?? {}
    assert.deepEqual([value, n, delta], [4, null, 1])
    near(found.metrics['log_loss']?.delta, lossOf(score) - 0.5)
  }
})
