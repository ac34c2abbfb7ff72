import assert from 'node:assert/strict'
import { test } from 'node:test'
import { comparisonText, failingFirst, foldSlices, gateFigure, nearness } from './gates.ts'

test('a gate says what it compares, with shares in per cent', () => {
  assert.match(comparisonText({ gate: 'error_rate_vs_stable' }), /both, in the same minutes/)
  assert.match(comparisonText({ gate: 'sample_ratio' }), /users served by the candidate/)
  assert.equal(comparisonText({ gate: 'metric bought', metric: 'bought' }), 'mean value of each version')
  assert.equal(comparisonText({ gate: 'of a later server' }), '')
  assert.equal(comparisonText({ gate: 'metric of a later server' }), '', 'its name alone makes no gate one of a metric')
  assert.equal(gateFigure('error_rate_vs_stable', 0.0375), '3.75 %')
  assert.equal(gateFigure('quality', 0.0375), '0.0375')
  assert.equal(gateFigure('sample_ratio', null), '–')
})

test('an e-value is as near to its limit as its logarithm, and never beyond', () => {
  const at = (evidence: number) => nearness({ gate: 'error_rate', evidence, boundary: 100 })
  assert.deepEqual([at(0.2), at(1), at(10), at(100), at(1e300)], [0, 0, 0.5, 1, 1])
  assert.equal(nearness({ gate: 'score_shift', evidence: 0.01, boundary: 0.04 }), 0.25)
})

test('gates that fail come first, the others keep their order', () => {
  const gates = ['passing', 'waiting', 'passing', 'failing'].map((status, i) => ({ status, i }))
  assert.deepEqual(
    failingFirst(gates).map(({ i }) => i),
    [3, 1, 0, 2],
  )
})

test('all rows and failing slices are shown, other slices folded', () => {
  const all = [
    { slice: null, bad: false },
    { slice: 'carrier = UA', bad: true },
    { slice: 'carrier = DL', bad: false },
  ]
  assert.deepEqual(
    foldSlices(all, ({ bad }) => bad).map((part) => part.map(({ slice }) => slice)),
    [[null, 'carrier = UA'], ['carrier = DL']],
  )
})
