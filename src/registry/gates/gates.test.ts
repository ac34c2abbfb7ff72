/** Gates: limits, paired comparison with the incumbent, leak alarm, slices, signature; no data never passes. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { digestOf } from '../../../test/outcomes.ts'
import type { Gate } from '../../contract/registry.ts'
import { prng } from '../../stats/prng.ts'
import { readEvaluation } from './evaluation.ts'
import type { Evaluation } from './evaluation.ts'
import { judge, RULES } from './gates.ts'
import type { Judged } from './inputs.ts'

/** 4,000 rows of which `noise` spoils the candidate's score; the incumbent's noise is 1. */
function evaluation(noise: number, options: { spoiled?: string; incumbent?: boolean; n?: number } = {}): Evaluation {
  const random = prng(7)
  const n = options.n ?? 4000
  const y = new Float64Array(n)
  const score = new Float64Array(n)
  const incumbent = new Float64Array(n)
  const carrier: string[] = []
  for (let i = 0; i < n; i++) {
    const truth = random.uniform() < 0.3 ? 1 : 0
    const name = ['AA', 'B6', 'UA', 'DL'][random.below(4)] ?? 'AA'
    const shared = random.uniform()
    const spoiled = name === options.spoiled ? -1 : 1
    y[i] = truth
    score[i] = spoiled * truth * 0.5 + noise * random.uniform() * 0.5 + shared
    incumbent[i] = truth * 0.5 + random.uniform() * 0.5 + shared
    carrier.push(name)
  }
  return { y, score, incumbent: options.incumbent === false ? null : incumbent, slices: { carrier } }
}

const base: Judged = { metrics: { roc_auc: 0.77 }, evaluation: null, signature: null, data: [], incumbents: {} }
const production = { version: '1', metrics: { roc_auc: 0.76, rows: 20_000, base_rate: 0.3 }, signature: null }
const one = (gate: Gate, judged: Partial<Judged> = {}) => {
  const [result] = judge([gate], { ...base, ...judged })
  assert.ok(result)
  return result
}

describe('limits', () => {
  test('a value at the limit passes, below it fails and says so', () => {
    assert.equal(one({ metric: 'roc_auc', at_least: 0.77 }).outcome, 'passed')
    const failed = one({ metric: 'roc_auc', at_least: 0.8 })
    assert.equal(failed.outcome, 'failed')
    assert.match(failed.reason, /0\.77, below 0\.8/)
    assert.equal(one({ metric: 'log_loss', at_most: 0.5 }, { metrics: { log_loss: 0.6 } }).outcome, 'failed')
  })
  test('a metric that nobody logged is no data, never a pass', () => {
    assert.equal(one({ metric: 'f1', at_least: 0 }).outcome, 'no_data')
  })
})

describe('against the incumbent', () => {
  const gate: Gate = { metric: 'roc_auc', not_worse_than: 'production', margin: 0.02, confidence: 0.95 }
  test('the first version has nothing to be compared with', () => assert.equal(one(gate).outcome, 'passed'))
  test('an equal model passes and a spoiled one fails, on the same rows', () => {
    const equal = one(gate, { evaluation: evaluation(1), incumbents: { production } })
    assert.equal(equal.outcome, 'passed', equal.reason)
    assert.equal(equal.evidence['method'], 'DeLong, same rows')
    const worse = one(gate, { evaluation: evaluation(6), incumbents: { production } })
    assert.equal(worse.outcome, 'failed', worse.reason)
    assert.ok((worse.interval?.[0] ?? 0) < -0.02)
  })
  test('different hold-outs are compared with the error of both', () => {
    const metrics = { roc_auc: 0.745, rows: 20_000, base_rate: 0.3 }
    const close = one(gate, { metrics, incumbents: { production } })
    assert.equal(close.outcome, 'failed', close.reason)
    assert.equal(one({ ...gate, margin: 0.03 }, { metrics, incumbents: { production } }).outcome, 'passed')
  })
  test('an incumbent without the metric is no data', () => {
    const incumbents = { production: { ...production, metrics: {} } }
    assert.equal(one(gate, { incumbents }).outcome, 'no_data')
  })
  test('less is better for a loss', () => {
    const loss: Gate = { metric: 'log_loss', not_worse_than: 'production', margin: 0.01, confidence: 0.95 }
    const incumbents = { production: { ...production, metrics: { log_loss: 0.5 } } }
    assert.equal(one(loss, { metrics: { log_loss: 0.49 }, incumbents }).outcome, 'passed')
    assert.equal(one(loss, { metrics: { log_loss: 0.52 }, incumbents }).outcome, 'failed')
  })
})

describe('intervals of the rows', () => {
  const incumbents = { production }
  const noisy = (noise: number): Partial<Judged> => {
    // scores as probabilities, for losses of them
    const rows = evaluation(noise, { n: 1200 })
    const squash = (x: number): number => 1 / (1 + Math.exp(-3 * (x - 1)))
    return {
      evaluation: { ...rows, score: rows.score.map(squash), incumbent: rows.incumbent?.map(squash) ?? null },
      incumbents,
      metrics: { roc_auc: 0.77, log_loss: 0.5, brier: 0.2, rmse: 0.4, accuracy: 0.7 },
    }
  }
  for (const metric of ['log_loss', 'brier', 'rmse', 'accuracy']) {
    test(`${metric} is compared by a paired bootstrap, the same each time`, () => {
      const gate: Gate = { metric, not_worse_than: 'production', margin: 0.05, confidence: 0.95 }
      const equal = one(gate, noisy(1))
      assert.equal(equal.outcome, 'passed', equal.reason)
      assert.match(String(equal.evidence['method']), /^paired bootstrap, \d+ draws, same rows$/)
      assert.deepEqual(one(gate, noisy(1)), equal)
      const worse = one({ ...gate, margin: 0.005 }, noisy(4))
      assert.equal(worse.outcome, 'failed', worse.reason)
      assert.ok((worse.interval?.[0] ?? 0) < (worse.value ?? 0) && (worse.value ?? 0) < (worse.interval?.[1] ?? 0))
    })
  }
  test('an area may be bootstrapped too, and comes out near DeLong', () => {
    const gate: Gate = { metric: 'roc_auc', not_worse_than: 'production', margin: 0.02, confidence: 0.95 }
    const [delong, bootstrap] = [one(gate, noisy(2)), one({ ...gate, method: 'bootstrap' }, noisy(2))]
    assert.match(String(bootstrap.evidence['method']), /bootstrap/)
    assert.ok(Math.abs((delong.interval?.[0] ?? 0) - (bootstrap.interval?.[0] ?? 1)) < 0.004)
  })
  test('with a confidence the end of the interval is judged, not the value', () => {
    const rows = noisy(1)
    const auc = one({ metric: 'roc_auc', at_least: 0.7 }, rows).interval
    const [low = 0] = auc ?? []
    const limit = low + 0.001
    const metrics = { ...rows.metrics, roc_auc: limit + 0.01 }
    assert.equal(one({ metric: 'roc_auc', at_least: limit }, { ...rows, metrics }).outcome, 'passed')
    const sure = one({ metric: 'roc_auc', at_least: limit, confidence: 0.99 }, { ...rows, metrics })
    assert.equal(sure.outcome, 'failed', sure.reason)
    assert.equal(one({ metric: 'log_loss', at_most: 5, confidence: 0.95 }, rows).outcome, 'passed')
    assert.equal(
      one({ metric: 'log_loss', at_most: 5, confidence: 0.95 }, { ...rows, evaluation: null }).outcome,
      'no_data',
    )
  })
})

describe('slices', () => {
  const gate: Gate = {
    metric: 'roc_auc',
    slice: 'carrier',
    not_worse_than: 'production',
    margin: 0.02,
    confidence: 0.95,
  }
  test('the spoiled slice is named and no other', () => {
    const result = one(gate, { evaluation: evaluation(1, { spoiled: 'UA' }), incumbents: { production } })
    assert.equal(result.outcome, 'failed')
    assert.match(result.reason, /UA/)
    assert.doesNotMatch(result.reason, /AA|B6|DL/)
  })
  test('equal models pass in every slice', () => {
    const result = one(gate, { evaluation: evaluation(1), incumbents: { production } })
    assert.equal(result.outcome, 'passed', result.reason)
  })
  test('Holm and other metrics of rows', () => {
    const spoiled = { evaluation: evaluation(1, { spoiled: 'UA' }), incumbents: { production } }
    for (const metric of ['roc_auc', 'mae', 'rmse', 'accuracy']) {
      const result = one({ ...gate, metric, multiplicity: 'holm' }, spoiled)
      assert.equal(result.evidence['correction'], 'holm')
      assert.match(result.reason, /UA/, `${metric}: ${result.reason}`)
      assert.doesNotMatch(result.reason, /AA|B6|DL/)
    }
    const most = one({ metric: 'mae', slice: 'carrier', at_most: 0.1 }, spoiled)
    assert.equal(most.outcome, 'failed', 'a limit from above is one of slices too')
    assert.equal(one({ metric: 'mae', slice: 'carrier', at_most: 3 }, spoiled).outcome, 'passed')
  })
  test('twenty equal slices are called worse about as seldom as is promised', () => {
    const random = prng(9)
    let calls = 0
    for (let round = 0; round < 30; round++) {
      const rows = evaluation(1)
      const noise = () => Float64Array.from(rows.y, (y) => y + random.normal())
      const region = Array.from(rows.y, (_, i) => `r${i % 20}`)
      const judged = {
        evaluation: { ...rows, score: noise(), incumbent: noise(), slices: { region } },
        incumbents: { production },
      }
      const result = one({ ...gate, metric: 'mae', slice: 'region', margin: 0, multiplicity: 'holm' }, judged)
      if (result.outcome === 'failed') calls++
    }
    assert.ok(calls <= 6, `${calls} of 30 rounds called a slice worse; 1.5 are expected`)
  })
  test('no such column is no data', () => {
    assert.equal(
      one({ ...gate, slice: 'region' }, { evaluation: evaluation(1), incumbents: { production } }).outcome,
      'no_data',
    )
  })
})

describe('leak alarm', () => {
  const gate: Gate = { metric: 'roc_auc', jump_at_most: 0.1, against: 0.77 }
  test('a gain that nobody can believe fails, a usual one passes', () => {
    assert.equal(one(gate, { metrics: { roc_auc: 0.92 } }).outcome, 'failed')
    assert.equal(one(gate, { metrics: { roc_auc: 0.78 } }).outcome, 'passed')
    assert.match(one(gate, { metrics: { roc_auc: 0.92 } }).reason, /seen the answer/)
  })
  test('a worse model is not a leak', () => assert.equal(one(gate, { metrics: { roc_auc: 0.5 } }).outcome, 'passed'))
})

describe('signature and data', () => {
  const field = (name: string, type: string, required = true) => ({ name, type, required })
  const before = { inputs: [field('a', 'integer'), field('b', 'string', false)], outputs: [] }
  const judged = (inputs: ReturnType<typeof field>[]) =>
    one(
      { signature: 'compatible' },
      { signature: { inputs, outputs: [] }, incumbents: { production: { ...production, signature: before } } },
    )
  test('wider types, new optional and dropped inputs are compatible', () => {
    assert.equal(judged([field('a', 'double'), field('c', 'double', false)]).outcome, 'passed')
  })
  for (const [inputs, reason] of [
    [[field('a', 'string')], /"a" changes from integer to string/],
    [[field('a', 'integer'), field('c', 'double')], /"c" is required/],
    [[field('a', 'integer'), field('b', 'string', true)], /"b" may no longer be missing/],
  ] as const) {
    test(`refused: ${reason.source}`, () => {
      const result = judged([...inputs])
      assert.equal(result.outcome, 'failed')
      assert.match(result.reason, reason)
    })
  }
  test('added, removed and changed columns are named, and outputs that callers read', () => {
    const result = judged([field('a', 'double'), field('c', 'double', false)])
    assert.deepEqual(
      [result.evidence['added'], result.evidence['removed'], result.evidence['changed']],
      [['c'], ['b'], ['a: integer → double']],
    )
    const outputs = (type: string) => ({ inputs: [field('a', 'integer')], outputs: [field('0', type)] })
    const other = one(
      { signature: 'compatible' },
      { signature: outputs('string'), incumbents: { production: { ...production, signature: outputs('double') } } },
    )
    assert.match(other.reason, /output "0" changes from double to string/)
  })
  test('no signature is no data; unknown data fails', () => {
    assert.equal(one({ signature: 'compatible' }).outcome, 'no_data')
    assert.equal(one({ data: 'digest known' }).outcome, 'failed')
    assert.equal(one({ data: 'digest known' }, { data: ['sha256:1'] }).outcome, 'passed')
  })
})

describe('predictions file', () => {
  test('columns by name, quoted cells, the incumbent when every row has it', () => {
    const read = readEvaluation('id,y,score,incumbent,carrier\r\n1,0,0.25,0.5,"A,""A"\r\n2,1,0.75,0.5,B6\r\n')
    assert.deepEqual([...read.y], [0, 1])
    assert.deepEqual([...(read.incumbent ?? [])], [0.5, 0.5])
    assert.deepEqual(read.slices, { carrier: ['A,"A', 'B6'] }, 'ids and numbers are no slices')
    assert.equal(readEvaluation('y,score,incumbent\n0,0.1,\n').incumbent, null)
  })
  for (const [csv, reason] of [
    ['a,b\n1,2\n', /no column "y"/],
    ['y,score\n1,high\n', /"score" has "high" on line 2/],
    ['y,score\n1\n', /"score" has "" on line 2/],
  ] as const) {
    test(`refused: ${reason.source}`, () => assert.throws(() => readEvaluation(csv), reason))
  }
})

test('the rules of judging are the numbered ones: who changes what comes of the same inputs gives RULES the next number', () => {
  const than = { not_worse_than: 'production', margin: 0.02, confidence: 0.95 } as const
  const gates: Gate[] = [
    { metric: 'roc_auc', at_least: 0.7, confidence: 0.99 },
    { metric: 'mae', slice: 'carrier', at_most: 0.5 },
    { metric: 'roc_auc', ...than },
    { metric: 'roc_auc', ...than, method: 'bootstrap' },
    { metric: 'brier', ...than },
    { metric: 'roc_auc', slice: 'carrier', ...than },
    { metric: 'rmse', slice: 'carrier', ...than, multiplicity: 'holm' },
    { metric: 'roc_auc', jump_at_most: 0.1 },
    { signature: 'compatible' },
    { data: 'digest known' },
  ]
  const metrics = { roc_auc: 0.77, brier: 0.2, rmse: 0.4, mae: 0.3, rows: 4000, base_rate: 0.3 }
  const incumbents = { production: { ...production, metrics: { ...metrics, roc_auc: 0.76 } } }
  const outcomes = [evaluation(1), evaluation(3, { spoiled: 'UA' }), null].map((rows) =>
    judge(gates, { ...base, metrics, incumbents, evaluation: rows }),
  )
  assert.deepEqual({ rules: RULES, digest: digestOf(outcomes) }, { rules: 3, digest: 'b3859a4b93e76e79' })
})
