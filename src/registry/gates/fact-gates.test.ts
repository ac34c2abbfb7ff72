/** Gates over facts, limits and jumps, case by case: outcome, reason and what is kept as evidence. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Gate, GateResult } from '../../contract/registry.ts'
import type { Judged } from './inputs.ts'
import { direction, digits } from './inputs.ts'
import { areaOf, inProduction, judgeOne, meanOf, near, rowsOf, Z } from './rows.fixture.ts'
import { influence, isRowMetric, ofMean, termsOf } from './row-metrics.ts'

const field = (name: string, type: string) => ({ name, type, required: true })
const SIGNED = { inputs: [field('x', 'double')], outputs: [] }
const by = (name: string, role: string) => ({ by: name, role })
const maintained = (approvals: number, role: 'maintainer' | 'admin' = 'maintainer'): Gate => ({ approvals, role })
const two = [by('ann', 'maintainer'), by('ben', 'admin'), by('cid', 'contributor')]

const jumps = (against: number, metric = 'f1'): Gate => ({ metric, jump_at_most: 0.25, against })

const CASES: readonly (readonly [Gate, Partial<Judged>, GateResult['outcome'], string])[] = [
  [{ data: 'digest known' }, {}, 'failed', 'nothing tells which data it was made from'],
  [{ data: 'digest known' }, { data: ['a', 'b'] }, 'passed', 'made from 2 data digests'],
  [{ reproducibility: 'A' }, {}, 'waiting', 'it was not reproduced yet: slipway reproduce MODEL@VERSION'],
  [
    { reproducibility: 'B' },
    { reproducibility: null },
    'waiting',
    'it was not reproduced yet: slipway reproduce MODEL@VERSION',
  ],
  [{ reproducibility: 'A' }, { reproducibility: 'A' }, 'passed', 'its reproduction was graded A'],
  [{ reproducibility: 'B' }, { reproducibility: 'A+' }, 'passed', 'its reproduction was graded A+'],
  [{ reproducibility: 'B' }, { reproducibility: 'B' }, 'passed', 'its reproduction was graded B'],
  [{ reproducibility: 'A' }, { reproducibility: 'B' }, 'failed', 'its reproduction was graded B'],
  [{ reproducibility: 'B' }, { reproducibility: 'C' }, 'failed', 'its reproduction was graded C'],
  [{ scan: 'clean' }, {}, 'no_data', 'the server does not have its files to scan'],
  [
    { scan: 'clean' },
    { scan: { verdict: 'clean', reason: 'x' } },
    'passed',
    'all that its files hold is known to be safe to load',
  ],
  [{ scan: 'clean' }, { scan: { verdict: 'suspicious', reason: 'odd' } }, 'failed', 'odd'],
  [{ scan: 'clean' }, { scan: { verdict: 'malicious', reason: 'bad' } }, 'failed', 'bad'],
  [maintained(1), {}, 'waiting', '0 of 1 approvals by a maintainer'],
  [maintained(2), { approvals: two }, 'passed', '2 of 2 approvals by a maintainer: ann, ben'],
  [maintained(3), { approvals: two }, 'waiting', '2 of 3 approvals by a maintainer: ann, ben'],
  [maintained(1), { approvals: two }, 'passed', '2 of 1 approvals by a maintainer: ann, ben'],
  [maintained(2, 'admin'), { approvals: two }, 'waiting', '1 of 2 approvals by a admin: ben'],
  [{ signature: 'compatible' }, {}, 'no_data', 'the model was saved without a signature'],
  [{ signature: 'compatible' }, { signature: SIGNED }, 'passed', 'callers of production can call it unchanged'],
  [{ metric: 'f1', at_least: 0.5 }, {}, 'no_data', 'no step logged the metric "f1"'],
  [{ metric: 'f1', at_least: 0.5 }, { metrics: { f1: 0.5 } }, 'passed', 'f1 is 0.5'],
  [{ metric: 'f1', at_least: 0.5 }, { metrics: { f1: 0.49 } }, 'failed', 'f1 is 0.49, below 0.5'],
  [{ metric: 'f1', at_most: 0.5 }, { metrics: { f1: 0.5 } }, 'passed', 'f1 is 0.5'],
  [{ metric: 'f1', at_most: 0.5 }, { metrics: { f1: 0.512349 } }, 'failed', 'f1 is 0.5123, above 0.5'],
  [{ metric: 'f1', at_least: 0.5 }, { metrics: { f1: Number.NaN } }, 'failed', 'f1 is NaN, below 0.5'],
  [{ metric: 'f1', at_most: 0.5 }, { metrics: { f1: Number.NaN } }, 'failed', 'f1 is NaN, above 0.5'],
  [{ metric: 'f1', at_least: 0.4, at_most: 0.5 }, { metrics: { f1: 0.45 } }, 'passed', 'f1 is 0.45'],
  [{ metric: 'f1', at_least: 0.4, at_most: 0.5 }, { metrics: { f1: 0.6 } }, 'failed', 'f1 is 0.6, above 0.5'],
  [{ metric: 'f1', at_least: 0.4, at_most: 0.5 }, { metrics: { f1: 0.3 } }, 'failed', 'f1 is 0.3, below 0.4'],
  [{ metric: 'f1', jump_at_most: 0.25 }, {}, 'no_data', 'no step logged the metric "f1"'],
  [{ metric: 'f1', jump_at_most: 0.25 }, { metrics: { f1: 0.5 } }, 'passed', 'there is nothing to compare with yet'],
  [jumps(0.25), { metrics: { f1: 0.5 } }, 'passed', 'f1 changes by 0.25 from 0.25'],
  [jumps(0), { metrics: { f1: 0.5 } }, 'failed', 'f1 jumps from 0 to 0.5: has the model seen the answer?'],
  [jumps(1, 'mae'), { metrics: { mae: 0.5 } }, 'failed', 'mae jumps from 1 to 0.5: has the model seen the answer?'],
  [jumps(0, 'mae'), { metrics: { mae: 0.5 } }, 'passed', 'mae changes by -0.5 from 0'],
  [
    jumps(0.5),
    { metrics: { f1: 0.5 }, incumbents: inProduction({ f1: 0 }) },
    'failed',
    'f1 jumps from 0 to 0.5: has the model seen the answer?',
  ],
  [jumps(0.5), { metrics: { f1: 0.5 }, incumbents: inProduction({ mae: 0 }) }, 'passed', 'f1 changes by 0 from 0.5'],
]

describe('outcome and reason', () => {
  for (const [gate, judged, outcome, reason] of CASES) {
    test(`${JSON.stringify(gate)}: ${outcome}, ${reason}`, () => {
      const result = judgeOne(gate, judged)
      assert.deepEqual([result.outcome, result.reason], [outcome, reason])
      assert.deepEqual(result.gate, gate)
    })
  }
})

test('what is kept of each', () => {
  const kept = (gate: Gate, judged: Partial<Judged>) => {
    const { gate: _gate, outcome: _outcome, reason: _reason, ...rest } = judgeOne(gate, judged)
    return rest
  }
  const blank = { value: null, threshold: null, interval: null, n: null, slice: null, evidence: {} }
  assert.deepEqual(kept(maintained(2), { approvals: two }), {
    ...blank,
    name: '2 approved as maintainer',
    value: 2,
    threshold: 2,
    evidence: { approvals: two.slice(0, 2) },
  })
  assert.deepEqual(kept({ scan: 'clean' }, { scan: { verdict: 'suspicious', reason: 'odd' } }), {
    ...blank,
    name: 'scan clean',
    evidence: { verdict: 'suspicious' },
  })
  assert.deepEqual(kept({ reproducibility: 'B' }, { reproducibility: 'C' }), {
    ...blank,
    name: 'reproducible, grade B or better',
    evidence: { grade: 'C' },
  })
  assert.deepEqual(kept({ data: 'digest known' }, { data: ['d'] }), {
    ...blank,
    name: 'data digest known',
    evidence: { digests: ['d'] },
  })
  assert.deepEqual(kept({ metric: 'f1', at_least: 0.4, at_most: 0.5 }, { metrics: { f1: 0.45 } }), {
    ...blank,
    name: 'f1 at least 0.4',
    value: 0.45,
    threshold: 0.4,
  })
  assert.deepEqual(kept({ metric: 'f1', at_most: 0.5 }, { metrics: { f1: 0.45 } }), {
    ...blank,
    name: 'f1 at most 0.5',
    value: 0.45,
    threshold: 0.5,
  })
  const jump = { metric: 'f1', jump_at_most: 0.25, against: 0.25 }
  assert.deepEqual(kept(jump, { metrics: { f1: 0.5 }, evaluation: rowsOf(9) }), {
    ...blank,
    name: 'f1 gains at most 0.25',
    value: 0.25,
    threshold: 0.25,
    n: 9,
    evidence: { before: 0.25, after: 0.5 },
  })
  const { against: _, ...first } = jump
  assert.deepEqual(kept(first, { metrics: { f1: 0.5 } }), { ...blank, name: 'f1 gains at most 0.25', value: 0.5 })
})

test('a signature names its columns, and what callers would notice', () => {
  const before = { inputs: [field('x', 'integer'), field('gone', 'string')], outputs: [] }
  const after = { inputs: [field('x', 'long'), { ...field('new', 'double'), required: false }], outputs: [] }
  const incumbents = { production: { version: '1', metrics: {}, signature: before } }
  const fine = judgeOne({ signature: 'compatible' }, { signature: after, incumbents })
  assert.equal(fine.name, 'signature compatible')
  assert.equal(
    fine.reason,
    'callers of production can call it unchanged; added: new; removed: gone; changed: x: integer → long',
  )
  const back = { production: { version: '1', metrics: {}, signature: after } }
  const broken = judgeOne({ signature: 'compatible' }, { signature: before, incumbents: back })
  const faults = [
    'the input "x" changes from long to integer',
    'the new input "gone" is required and callers do not send it',
  ]
  assert.deepEqual([broken.outcome, broken.reason], ['failed', faults.join('; ')])
  assert.deepEqual(broken.evidence, { faults, added: ['gone'], removed: ['new'], changed: ['x: long → integer'] })
  const bare = judgeOne({ signature: 'compatible' }, { signature: after, incumbents: inProduction({}) })
  assert.deepEqual(bare.evidence, { faults: [], added: [], removed: [], changed: [] })
})

describe('the interval of a limit', () => {
  const evaluation = rowsOf(240)
  const metrics = { roc_auc: 0.8, mae: 0.3, f1: 0.5, rmse: 0.4 }
  const { area, positives, negatives } = areaOf(evaluation.score, evaluation.y)
  const error = Math.hypot(meanOf(positives).error, meanOf(negatives).error)
  test('of an area 95 % is shown and not judged; with a confidence its one-sided ends are judged', () => {
    const shown = judgeOne({ metric: 'roc_auc', at_least: 0.8 }, { metrics, evaluation })
    near(shown.interval?.[0], area - Z[0.975] * error, 1e-6)
    near(shown.interval?.[1], Math.min(1, area + Z[0.975] * error), 1e-6)
    assert.deepEqual([shown.outcome, shown.n, shown.reason], ['passed', 240, 'roc_auc is 0.8'])
    const least = judgeOne({ metric: 'roc_auc', at_least: 0.1, confidence: 0.9 }, { metrics, evaluation })
    near(least.interval?.[0], area - Z[0.9] * error, 1e-6)
    assert.match(least.reason, /^roc_auc is 0\.8 \[0\.\d+, (0\.\d+|1)\]$/)
    const most = judgeOne({ metric: 'roc_auc', at_most: area + 0.0001, confidence: 0.9 }, { metrics, evaluation })
    assert.equal(most.outcome, 'failed', 'the upper end is beyond the limit, the value is not')
  })
  test('of a mean there is one only where a confidence asks for it', () => {
    const plain = judgeOne({ metric: 'mae', at_most: 0.9 }, { metrics, evaluation })
    assert.deepEqual([plain.interval, plain.n], [null, 240])
    const terms = Array.from(evaluation.y, (y, i) => Math.abs(y - (evaluation.score[i] ?? 0)))
    const { mean, error: own } = meanOf(terms)
    const sure = judgeOne({ metric: 'mae', at_most: 0.9, confidence: 0.95 }, { metrics, evaluation })
    near(sure.interval?.[0], mean - Z[0.95] * own)
    near(sure.interval?.[1], mean + Z[0.95] * own)
    const exact = judgeOne({ metric: 'mae', at_most: mean, confidence: 0.95 }, { metrics, evaluation })
    assert.equal(exact.outcome, 'failed')
  })
  test('rows that give none are no data where it is asked for', () => {
    const none = (metric: string, of: Judged['evaluation'], confidence?: number): GateResult =>
      judgeOne({ metric, at_least: 0, ...(confidence !== undefined && { confidence }) }, { metrics, evaluation: of })
    const single = { ...evaluation, y: new Float64Array(240) }
    for (const [metric, of] of [
      ['f1', evaluation],
      ['roc_auc', single],
      ['mae', rowsOf(1)],
      ['mae', null],
      ['roc_auc', null],
    ] as const) {
      const result = none(metric, of, 0.95)
      const reason = `the evaluation left no rows that give an interval of ${metric}`
      assert.deepEqual([result.outcome, result.reason], ['no_data', reason])
      assert.equal(result.value, metrics[metric])
      assert.deepEqual([none(metric, of).outcome, none(metric, of).interval], ['passed', null])
    }
    assert.equal(none('mae', null).n, null)
  })
})

describe('metrics of rows', () => {
  test('which metrics rows give, and their terms', () => {
    for (const metric of ['f1', 'precision', '']) {
      assert.equal(isRowMetric(metric), false)
      assert.equal(termsOf(metric, [1], [1]), undefined)
    }
    assert.equal(isRowMetric('roc_auc'), true)
    assert.equal(termsOf('roc_auc', [1], [1]), undefined)
    const labels = [1, 0, 1, 0]
    const scores = [0.5, 0.5, 0.25, 1]
    const expected: Readonly<Record<string, readonly number[]>> = {
      accuracy: [1, 0, 0, 0],
      accuracy_score: [1, 0, 0, 0],
      mae: [0.5, 0.5, 0.75, 1],
      mean_absolute_error: [0.5, 0.5, 0.75, 1],
      ...Object.fromEntries(
        [
          'brier',
          'brier_score',
          'brier_score_loss',
          'mse',
          'mean_squared_error',
          'rmse',
          'root_mean_squared_error',
        ].map((name) => [name, [0.25, 0.25, 0.5625, 1]]),
      ),
    }
    for (const [metric, terms] of Object.entries(expected)) {
      assert.equal(isRowMetric(metric), true)
      assert.deepEqual([...(termsOf(metric, labels, scores) ?? [])], terms, metric)
    }
    const losses = [...(termsOf('log_loss', [...labels, 1], [...scores, 0]) ?? [])]
    for (const [i, loss] of [Math.LN2, Math.LN2, 2 * Math.LN2, 34.538776394910684, 34.538776394910684].entries())
      near(losses[i], loss, 1e-3)
    assert.ok(losses.every(Number.isFinite), 'a certain score that is wrong costs much, not everything')
  })
  test('a root of a mean, and what each row adds to it', () => {
    assert.equal(ofMean('rmse', 0.25), 0.5)
    assert.equal(ofMean('root_mean_squared_error', 0.25), 0.5)
    assert.equal(ofMean('mse', 0.25), 0.25)
    assert.equal(ofMean('f1', 0.25), 0.25)
    const terms = Float64Array.of(0, 0.5)
    assert.deepEqual([...influence('mse', terms)], [0, 0.5])
    assert.deepEqual([...influence('rmse', terms)], [0.25, 0.75])
    assert.deepEqual([...influence('rmse', Float64Array.of(0, 0))], [0, 0])
  })
  test('more is better, but for losses, errors and times', () => {
    for (const metric of [
      'log_loss',
      'brier',
      'mean_absolute_error',
      'rmse',
      'mse',
      'mae',
      'mape',
      'fit_time',
      'latency_p99',
    ])
      assert.equal(direction(metric), -1, metric)
    for (const metric of ['roc_auc', 'f1', 'accuracy', 'timeliness']) assert.equal(direction(metric), 1, metric)
    assert.deepEqual([0.123456, -0.00001234567, 12345678, 1].map(digits), ['0.1235', '-0.00001235', '12350000', '1'])
  })
})
