/** Gates over slices against tests of each slice that are computed anew, and corrections written out. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { GateResult } from '../../contract/registry.ts'
import type { Evaluation } from './evaluation.ts'
import { areaOf, inProduction, judgeOne, meanOf, near, rowsOf, Z } from './rows.fixture.ts'
import type { SlicedGate, SliceFinding } from './slice-gates.ts'

const incumbents = inProduction({ roc_auc: 0.8 })
const PAIRED = { metric: 'mae', slice: 'group', not_worse_than: 'production', margin: 0.02, confidence: 0.95 } as const

function findings(result: GateResult): SliceFinding[] {
  return result.evidence['slices'] as SliceFinding[]
}

/** Rows of slices by name: their number, and what the scores of the candidate and the incumbent are off by. */
function off(slices: Readonly<Record<string, readonly [n: number, own: number, other: number]>>): Evaluation {
  const rows = Object.entries(slices).flatMap(([name, [n, own, other]]) =>
    Array.from({ length: n }, (_, i) => ({ name, y: i % 2, own, other })),
  )
  const column = (of: (row: (typeof rows)[number]) => number): Float64Array => Float64Array.from(rows, of)
  return {
    y: column((row) => row.y),
    score: column((row) => row.y + row.own),
    incumbent: column((row) => row.y + row.other),
    slices: { group: rows.map((row) => row.name) },
  }
}

/** The share of a standard normal below z, by Simpson's rule. */
function below(z: number): number {
  const steps = 2000
  const width = (z + 12) / steps
  let sum = 0
  for (let i = 0; i <= steps; i++) {
    const weight = i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2
    sum += weight * Math.exp(-((-12 + i * width) ** 2) / 2)
  }
  return (sum * width) / 3 / Math.sqrt(2 * Math.PI)
}

function rowsIn(evaluation: Evaluation, value: string): number[] {
  return Array.from(evaluation.y, (_, i) => i).filter((i) => evaluation.slices['group']?.[i] === value)
}

describe('each slice', () => {
  test('a paired mean: estimate, ends and chance are those of the rows of the slice', () => {
    const evaluation = rowsOf(900, 5, 3)
    const found = findings(judgeOne(PAIRED, { evaluation, incumbents }))
    assert.deepEqual(
      found.map(({ value, n }) => [value, n]),
      [
        ['g0', 300],
        ['g1', 300],
        ['g2', 300],
      ],
    )
    for (const { value, estimate, low, high, p } of found) {
      const gains = rowsIn(evaluation, value).map((i) => {
        const y = evaluation.y[i] ?? 0
        return Math.abs((evaluation.incumbent[i] ?? 0) - y) - Math.abs((evaluation.score[i] ?? 0) - y)
      })
      const { mean, error } = meanOf(gains)
      near(estimate, mean)
      near(low, mean - Z[0.975] * error)
      near(high, mean + Z[0.975] * error)
      near(p, below((mean + 0.02) / error), 1e-6)
    }
  })
  test('a paired area and an area against a limit', () => {
    const evaluation = rowsOf(1200, 6, 4)
    const paired = findings(judgeOne({ ...PAIRED, metric: 'roc_auc' }, { evaluation, incumbents }))
    const limited = findings(judgeOne({ metric: 'roc_auc', slice: 'group', at_least: 0.7 }, { evaluation }))
    for (const [i, { value }] of paired.entries()) {
      const rows = rowsIn(evaluation, value)
      const [own, other] = [evaluation.score, evaluation.incumbent].map((scores) =>
        areaOf(
          rows.map((at) => scores[at] ?? 0),
          rows.map((at) => evaluation.y[at] ?? 0),
        ),
      )
      assert.ok(own && other)
      if (own.positives.length === 0) continue
      const error = (of: (kind: 'positives' | 'negatives') => number[]): number =>
        Math.hypot(meanOf(of('positives')).error, meanOf(of('negatives')).error)
      const both = error((kind) => own[kind].map((one, at) => one - (other[kind][at] ?? 0)))
      near(paired[i]?.estimate, own.area - other.area)
      near(paired[i]?.p, below((own.area - other.area + 0.02) / both), 1e-5)
      const alone = error((kind) => own[kind])
      near(limited[i]?.estimate, own.area)
      near(limited[i]?.low, own.area - Z[0.975] * alone, 1e-6)
      near(limited[i]?.p, below((own.area - 0.7) / alone), 1e-5)
    }
  })
  test('200 rows are enough, 199 are not', () => {
    const evaluation = off({ enough: [200, 0.1, 0.1], few: [199, 0.9, 0.1] })
    const result = judgeOne(PAIRED, { evaluation, incumbents })
    assert.equal(result.outcome, 'passed', result.reason)
    assert.deepEqual(
      findings(result).map((one) => one.value),
      ['enough'],
    )
    const none = judgeOne(PAIRED, { evaluation: off({ few: [199, 0.9, 0.1] }), incumbents })
    assert.deepEqual([none.outcome, none.reason], ['no_data', 'no value of group has 200 rows that give mae'])
    assert.deepEqual([none.slice, none.name], ['group', 'mae not worse than production by group'])
  })
  test('without spread a slice beyond the limit is certain, and one at it is not beyond', () => {
    const evaluation = off({ worse: [200, 0.5, 0.25], same: [200, 0.25, 0.25], at: [200, 0.5, 0.375] })
    const result = judgeOne({ ...PAIRED, margin: 0.125 }, { evaluation, incumbents })
    assert.deepEqual(
      findings(result).map(({ value, estimate, p }) => [value, estimate, p]),
      [
        ['worse', -0.25, 0],
        ['same', 0, 1],
        ['at', -0.125, 1],
      ],
    )
    assert.equal(result.reason, 'beyond -0.125: worse (-0.2500, 200 rows)')
    assert.deepEqual([result.value, result.threshold, result.interval, result.n], [-0.25, -0.125, [-0.25, -0.25], 200])
  })
  test('a slice of one class has no area and is left out', () => {
    const evaluation = rowsOf(600, 7, 2)
    const y = evaluation.y.map((one, i) => (i % 2 === 0 ? 0 : one))
    const result = judgeOne({ metric: 'roc_auc', slice: 'group', at_least: 0.1 }, { evaluation: { ...evaluation, y } })
    assert.deepEqual(
      findings(result).map((one) => one.value),
      ['g1'],
    )
  })
})

describe('all slices', () => {
  test('the lowest is told where none is beyond, and a limit from above turns the sign', () => {
    const evaluation = off({ a: [200, 0.25, 0], b: [300, 0.5, 0], c: [200, 0.125, 0] })
    const held = judgeOne({ metric: 'mae', slice: 'group', at_most: 0.5 }, { evaluation })
    assert.equal(held.outcome, 'passed')
    assert.equal(held.name, 'mae at most 0.5 by group')
    assert.equal(held.reason, 'none of 3 slices is beyond -0.5; the lowest is b with -0.5000')
    assert.deepEqual([held.value, held.n, held.evidence['correction']], [-0.5, 300, 'bh'])
    const failed = judgeOne({ metric: 'mae', slice: 'group', at_most: 0.2 }, { evaluation })
    assert.equal(failed.reason, 'beyond -0.2: a (-0.2500, 200 rows), b (-0.5000, 300 rows)')
    const least = judgeOne({ metric: 'accuracy', slice: 'group', at_least: 0.5 }, { evaluation })
    assert.deepEqual([least.outcome, least.threshold], ['passed', 0.5])
    const free = judgeOne({ metric: 'mae', slice: 'group' }, { evaluation })
    assert.deepEqual([free.outcome, free.threshold], ['failed', -0], 'without a limit the limit is 0')
  })
  test('a slice is called by its corrected chance: by Holm and by Benjamini and Hochberg, as written out here', () => {
    const corrected = {
      bh: (p: readonly number[]) =>
        p.map((one) =>
          Math.min(1, ...p.filter((q) => q >= one).map((q) => (q * p.length) / p.filter((r) => r <= q).length)),
        ),
      holm: (p: readonly number[]) =>
        p.map((one) =>
          Math.max(...p.filter((q) => q <= one).map((q) => Math.min(1, q * p.filter((r) => r >= q).length))),
        ),
    }
    let differ = 0
    for (let seed = 1; seed <= 12; seed++) {
      const evaluation = rowsOf(1000, seed, 5)
      // the candidate gets a little worse from slice to slice
      const score = evaluation.score.map((one, i) => one + (i % 5) * 0.02 * ((evaluation.y[i] ?? 0) === 1 ? -1 : 1))
      const called = (['bh', 'holm'] as const).map((multiplicity) => {
        const gate: SlicedGate = { ...PAIRED, margin: 0, multiplicity }
        const result = judgeOne(gate, { evaluation: { ...evaluation, score }, incumbents })
        const found = findings(result)
        const adjusted = corrected[multiplicity](found.map((one) => one.p))
        const bad = found.filter((one, i) => one.estimate < 0 && (adjusted[i] ?? 1) < 0.05)
        assert.equal(result.outcome, bad.length === 0 ? 'passed' : 'failed')
        for (const { value } of found) {
          assert.equal(
            result.reason.includes(`${value} (`),
            bad.some((one) => one.value === value),
            result.reason,
          )
        }
        return bad.length
      })
      if (called[0] !== called[1]) differ++
    }
    assert.ok(differ > 0, 'the two corrections differ somewhere, so that each is told from the other')
  })
  for (const [why, gate, judged, reason] of [
    ['no predictions', PAIRED, { evaluation: null }, 'the evaluation left no predictions with a column "group"'],
    ['no column', { ...PAIRED, slice: 'x' }, {}, 'the evaluation left no predictions with a column "x"'],
    ['another metric', { ...PAIRED, metric: 'f1' }, {}, 'slices are judged by metrics of rows, not by "f1"'],
    [
      'no scores',
      PAIRED,
      { evaluation: { ...rowsOf(400), incumbent: null } },
      'the incumbent was not scored on the same rows',
    ],
  ] as const) {
    test(`no data: ${why}`, () => {
      const result = judgeOne(gate, { evaluation: rowsOf(400), incumbents, ...judged })
      assert.deepEqual([result.outcome, result.reason], ['no_data', reason])
    })
  }
  test('a limit needs no incumbent', () => {
    const evaluation = { ...rowsOf(400), incumbent: null }
    assert.equal(judgeOne({ metric: 'mae', slice: 'group', at_most: 0.9 }, { evaluation }).outcome, 'passed')
    assert.equal(judgeOne({ metric: 'roc_auc', slice: 'group', at_most: 0.1 }, { evaluation }).outcome, 'passed')
  })
})
