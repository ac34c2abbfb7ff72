/** Differences from the incumbent against figures that are computed by comparing every pair of rows. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { GateResult } from '../../contract/registry.ts'
import { prng } from '../../stats/prng.ts'
import type { ComparedGate } from './compare.ts'
import { areaOf, inProduction, judgeOne, meanOf, near, rowsOf, Z } from './rows.fixture.ts'

const gate = (metric: string, more: Partial<ComparedGate> = {}): ComparedGate => ({
  metric,
  not_worse_than: 'production',
  margin: 0.02,
  confidence: 0.95,
  ...more,
})
const METRICS = { roc_auc: 0.8, log_loss: 0.5, brier: 0.2, rmse: 0.4, mae: 0.3, accuracy: 0.7 }
const incumbents = inProduction(METRICS)
const method = (result: GateResult): unknown => result.evidence['method']

/** What a row adds, written out anew. */
const TERM: Readonly<Record<string, (score: number, y: number) => number>> = {
  log_loss: (score, y) => -Math.log(y === 1 ? score : 1 - score),
  brier: (score, y) => (score - y) * (score - y),
  rmse: (score, y) => (score - y) * (score - y),
  mae: (score, y) => Math.abs(score - y),
  accuracy: (score, y) => (score >= 0.5 ? (y === 1 ? 1 : 0) : y === 1 ? 0 : 1),
}
const LESS = new Set(['log_loss', 'brier', 'rmse', 'mae'])

describe('on the same rows', () => {
  test('areas: the difference and its one-sided ends are those of every pair of rows', () => {
    const evaluation = rowsOf(240)
    const [a, b] = [evaluation.score, evaluation.incumbent].map((scores) => areaOf(scores, evaluation.y))
    assert.ok(a && b)
    const part = (own: number[], other: number[]): number =>
      meanOf(own.map((one, i) => one - (other[i] ?? 0))).error ** 2
    const error = Math.sqrt(part(a.positives, b.positives) + part(a.negatives, b.negatives))
    for (const confidence of [0.9, 0.95, 0.99] as const) {
      const result = judgeOne(gate('roc_auc', { confidence }), { metrics: METRICS, evaluation, incumbents })
      assert.equal(method(result), 'DeLong, same rows')
      near(result.value, a.area - b.area)
      near(result.interval?.[0], a.area - b.area - Z[confidence] * error, 1e-6)
      near(result.interval?.[1], a.area - b.area + Z[confidence] * error, 1e-6)
      assert.equal(result.n, 240)
    }
  })
  for (const metric of ['roc_auc', 'log_loss', 'brier', 'rmse', 'mae', 'accuracy']) {
    test(`${metric}: the bootstrap's estimate is exact, its ends are those of another bootstrap`, () => {
      const evaluation = rowsOf(300)
      const result = judgeOne(gate(metric, { method: 'bootstrap' }), { metrics: METRICS, evaluation, incumbents })
      assert.equal(method(result), 'paired bootstrap, 2000 draws, same rows')
      const figure = (rows: readonly number[], scores: Float64Array): number => {
        if (metric === 'roc_auc') {
          return areaOf(
            rows.map((i) => scores[i] ?? 0),
            rows.map((i) => evaluation.y[i] ?? 0),
          ).area
        }
        const { mean } = meanOf(rows.map((i) => TERM[metric]?.(scores[i] ?? 0, evaluation.y[i] ?? 0) ?? Number.NaN))
        return (LESS.has(metric) ? -1 : 1) * (metric === 'rmse' ? Math.sqrt(mean) : mean)
      }
      const gain = (rows: readonly number[]): number =>
        figure(rows, evaluation.score) - figure(rows, evaluation.incumbent)
      const every = Array.from(evaluation.y, (_, i) => i)
      near(result.value, gain(every))
      const random = prng(99)
      const draws = Array.from({ length: metric === 'roc_auc' ? 200 : 1000 }, () =>
        gain(every.map(() => random.below(300))),
      )
      draws.sort((x, y) => x - y)
      const [low = 0, high = 0] = [draws[Math.floor(draws.length * 0.05)], draws[Math.floor(draws.length * 0.95)]]
      const width = high - low
      near(result.interval?.[0], low, 0.2 * width)
      near(result.interval?.[1], high, 0.2 * width)
    })
  }
  test('beyond 20,000 rows there is no bootstrap: means by their error, areas by DeLong', () => {
    const most = rowsOf(20_000)
    const beyond = rowsOf(20_001)
    const all = (metric: string, evaluation: typeof most): GateResult =>
      judgeOne(gate(metric, { method: 'bootstrap' }), { metrics: METRICS, evaluation, incumbents })
    assert.equal(method(all('accuracy', most)), 'paired bootstrap, 400 draws, same rows')
    assert.equal(method(all('roc_auc', most)), 'paired bootstrap, 400 draws, same rows')
    assert.equal(method(all('roc_auc', beyond)), 'DeLong, same rows')
    for (const metric of ['accuracy', 'mae', 'log_loss']) {
      const result = all(metric, beyond)
      assert.equal(method(result), 'paired means, same rows')
      const term = TERM[metric]
      assert.ok(term)
      const gains = Array.from(beyond.y, (y, i) => {
        const gain = term(beyond.score[i] ?? 0, y) - term(beyond.incumbent[i] ?? 0, y)
        return LESS.has(metric) ? -gain : gain
      })
      const { mean, error } = meanOf(gains)
      near(result.value, mean)
      near(result.interval?.[0], mean - Z[0.95] * error)
      near(result.interval?.[1], mean + Z[0.95] * error)
    }
  })
  test('beyond 20,000 rows the error of a root is that of leaving out each row in turn', () => {
    const rows = rowsOf(20_001)
    const result = judgeOne(gate('rmse'), { metrics: METRICS, evaluation: rows, incumbents })
    const squares = [rows.score, rows.incumbent].map((scores) =>
      Array.from(rows.y, (y, i) => (y - (scores[i] ?? 0)) ** 2),
    )
    const sums = squares.map((all) => all.reduce((sum, one) => sum + one, 0))
    const n = rows.y.length
    const root = (k: number, without = 0): number =>
      Math.sqrt(((sums[k] ?? 0) - without) / (n - (without === 0 ? 0 : 1)))
    near(result.value, root(1) - root(0))
    const left = Array.from(rows.y, (_, i) => root(1, squares[1]?.[i]) - root(0, squares[0]?.[i]))
    const jackknife = meanOf(left).error * (n - 1)
    near(result.interval?.[0], root(1) - root(0) - Z[0.95] * jackknife, 1e-5)
  })
  test('rows that do not give the metric leave the figures of the hold-outs', () => {
    const evaluation = rowsOf(60)
    const judged = { metrics: { ...METRICS, f1: 0.6 }, incumbents: inProduction({ ...METRICS, f1: 0.55 }) }
    const compared = (metric: string, of: object): unknown =>
      method(judgeOne(gate(metric), { ...judged, evaluation: { ...evaluation, ...of } }))
    assert.equal(compared('f1', {}), 'different hold-outs, no error known')
    assert.equal(compared('mae', { incumbent: null }), 'different hold-outs, no error known')
    assert.match(
      String(compared('roc_auc', { y: new Float64Array(60) })),
      /^different hold-outs/,
      'one class has no area',
    )
    const none = { y: new Float64Array(0), score: new Float64Array(0), incumbent: new Float64Array(0) }
    assert.equal(compared('mae', none), 'different hold-outs, no error known')
    assert.match(String(compared('mae', {})), /same rows/)
  })
})

describe('on different hold-outs', () => {
  /** The standard error of an area by Hanley and McNeil's formula, written out. */
  const hanley = (area: number, p: number, n: number): number => {
    const [q1, q2] = [area / (2 - area), (2 * area * area) / (1 + area)]
    return Math.sqrt((area * (1 - area) + (p - 1) * (q1 - area * area) + (n - 1) * (q2 - area * area)) / (p * n))
  }
  test('an area has the error of both counts', () => {
    const metrics = { roc_auc: 0.8, rows: 1000, base_rate: 0.3 }
    const result = judgeOne(gate('roc_auc', { margin: 0.05 }), {
      metrics,
      incumbents: inProduction({ roc_auc: 0.79, rows: 500, base_rate: 0.2 }),
    })
    const reach = Z[0.95] * Math.hypot(hanley(0.8, 300, 700), hanley(0.79, 100, 400))
    near(result.value, 0.01)
    near(result.interval?.[0], 0.01 - reach)
    near(result.interval?.[1], 0.01 + reach)
    assert.equal(method(result), 'different hold-outs')
    assert.equal(result.n, null)
  })
  test('an error that is not known leaves no interval, and the reason says so', () => {
    const full = { roc_auc: 0.8, log_loss: 0.5, rows: 1000, base_rate: 0.3 }
    for (const missing of ['rows', 'base_rate']) {
      const metrics = Object.fromEntries(Object.entries(full).filter(([name]) => name !== missing))
      const judged = { metrics, incumbents: inProduction({ ...full, roc_auc: 0.7 }) }
      const { interval, reason } = judgeOne(gate('roc_auc'), judged)
      assert.equal(interval, null)
      assert.match(reason, /by 0\.1 on different hold-outs, with an error that is not known, above /)
    }
    const loss = judgeOne(gate('log_loss'), { metrics: full, incumbents: inProduction({ ...full, log_loss: 0.49 }) })
    near(loss.value, -0.01)
    assert.equal(loss.interval, null)
  })
  for (const metric of ['log_loss', 'mae', 'rmse', 'accuracy'])
    test(`${metric} has the error of the rows of both hold-outs`, () => {
      const [mine, theirs] = [rowsOf(900), rowsOf(400)]
      const metrics = { ...METRICS, [metric]: 0.5 }
      const production = { version: '1', metrics: { [metric]: 0.5 }, signature: null, rows: theirs }
      const judged = { metrics, evaluation: { ...mine, incumbent: null }, incumbents: { production } }
      const result = judgeOne(gate(metric), judged)
      const error = ({ y, score }: typeof mine): number => {
        const terms = Array.from(y, (label, i) => TERM[metric]?.(score[i] ?? 0, label) ?? Number.NaN)
        const { mean, error } = meanOf(terms)
        return metric === 'rmse' ? error / (2 * Math.sqrt(mean)) : error
      }
      const reach = Z[0.95] * Math.hypot(error(mine), error(theirs))
      near(result.interval?.[0], -reach)
      near(result.interval?.[1], reach)
      assert.equal(method(result), 'different hold-outs')
      assert.match(result.reason, /\] on different hold-outs, /)
    })
  test('an area that logs no counts has the error of its rows; a difference within it does not hold', () => {
    const [mine, theirs] = [rowsOf(900), rowsOf(400)]
    const production = { version: '1', metrics: { roc_auc: 0.7 }, signature: null, rows: theirs }
    const judged = { evaluation: { ...mine, incumbent: null }, incumbents: { production } }
    const result = judgeOne(gate('roc_auc', { margin: 0.001 }), { ...judged, metrics: { roc_auc: 0.7007 } })
    const error = ({ y, score }: typeof mine): number => {
      const { positives, negatives } = areaOf(score, y)
      return Math.hypot(meanOf(positives).error, meanOf(negatives).error)
    }
    const reach = Z[0.95] * Math.hypot(error(mine), error(theirs))
    near(result.interval?.[0], 0.0007 - reach, 1e-6)
    assert.equal(result.outcome, 'failed', 'the figure alone is better, and chance is not ruled out')
  })
  test('a margin is what may be lost, not more: at the margin itself the gate does not hold', () => {
    const judged = { metrics: { f1: 0.5 }, incumbents: inProduction({ f1: 0.75 }) }
    assert.equal(judgeOne(gate('f1', { margin: 0.25 }), judged).outcome, 'failed')
    const held = judgeOne(gate('f1', { margin: 0.26 }), judged)
    assert.equal(held.outcome, 'passed')
    assert.equal(held.threshold, -0.26)
    assert.equal(
      held.reason,
      'f1 differs from version 1 by -0.25 on different hold-outs, with an error that is not known, above -0.26',
    )
    assert.deepEqual(held.evidence, { incumbent: '1', method: 'different hold-outs, no error known', candidate: 0.5 })
    const failed = judgeOne(gate('f1', { margin: 0.25 }), judged)
    assert.equal(
      failed.reason,
      'f1 differs from version 1 by -0.25 on different hold-outs, with an error that is not known, not above -0.25',
    )
  })
  test('without a figure of either there is no data, without an incumbent nothing to be worse than', () => {
    const missing = judgeOne(gate('f1'), { metrics: { f1: 0.5 }, incumbents: inProduction({}) })
    assert.deepEqual([missing.outcome, missing.value], ['no_data', 0.5])
    assert.equal(missing.reason, 'version 1 has no "f1" to compare with')
    const unknown = judgeOne(gate('f1'), { incumbents: inProduction({ f1: 0.5 }) })
    assert.deepEqual([unknown.outcome, unknown.reason], ['no_data', 'no step logged the metric "f1"'])
    const first = judgeOne(gate('f1', { not_worse_than: 'champion' }), { metrics: { f1: 0.5 }, incumbents })
    assert.deepEqual([first.outcome, first.reason, first.threshold], ['passed', 'nothing is champion yet', -0.02])
    assert.equal(first.name, 'f1 not worse than champion')
  })
})
