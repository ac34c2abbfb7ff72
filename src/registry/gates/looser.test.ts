/** Which gates are weaker than which: every part of every kind of gate, turned each way. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Gate } from '../../contract/registry.ts'
import { stricterGates, weakerGates, weakerText } from './looser.ts'

const beside = { metric: 'auc', not_worse_than: 'production', margin: 0.01, confidence: 0.95 } as const

/** Each pair: the stricter gate, the weaker one. */
const PAIRS: readonly [string, Gate, Gate][] = [
  ['a lower limit', { metric: 'auc', at_least: 0.8 }, { metric: 'auc', at_least: 0.7 }],
  ['a higher limit from above', { metric: 'loss', at_most: 0.2 }, { metric: 'loss', at_most: 0.3 }],
  ['one limit of two', { metric: 'auc', at_least: 0.8, at_most: 0.99 }, { metric: 'auc', at_least: 0.8 }],
  ['the value for the interval', { metric: 'auc', at_least: 0.8, confidence: 0.9 }, { metric: 'auc', at_least: 0.8 }],
  [
    'less confidence',
    { metric: 'auc', at_least: 0.8, confidence: 0.95 },
    { metric: 'auc', at_least: 0.8, confidence: 0.9 },
  ],
  [
    'a slice that may be worse',
    { metric: 'auc', at_least: 0.8, slice: 's' },
    { metric: 'auc', at_least: 0.6, slice: 's' },
  ],
  [
    'a slice of which less is better',
    { metric: 'loss', at_most: 0.2, slice: 's' },
    { metric: 'loss', at_most: 0.4, slice: 's' },
  ],
  [
    'fewer calls over slices',
    { metric: 'auc', at_least: 0.8, slice: 's' },
    { metric: 'auc', at_least: 0.8, slice: 's', multiplicity: 'holm' },
  ],
  ['a wider margin', beside, { ...beside, margin: 0.02 }],
  ['a comparison with less confidence', beside, { ...beside, confidence: 0.9 }],
  ['a larger jump', { metric: 'auc', jump_at_most: 0.1 }, { metric: 'auc', jump_at_most: 0.2 }],
  ['a jump from nothing', { metric: 'auc', jump_at_most: 0.1, against: 0.6 }, { metric: 'auc', jump_at_most: 0.1 }],
  ['a lower grade', { reproducibility: 'A' }, { reproducibility: 'B' }],
  ['fewer approvals', { approvals: 2, role: 'maintainer' }, { approvals: 1, role: 'maintainer' }],
  ['approvals by more people', { approvals: 1, role: 'admin' }, { approvals: 1, role: 'maintainer' }],
]

for (const [name, strict, weak] of PAIRS) {
  test(`${name} is weaker, and the way back is not`, () => {
    assert.deepEqual(weakerGates([strict], [weak]), [{ gate: strict, becomes: weak }])
    assert.deepEqual(weakerGates([weak], [strict]), [])
    assert.deepEqual(weakerGates([strict], [strict]), [])
    assert.deepEqual(stricterGates([strict], [weak]), [strict])
    assert.deepEqual(stricterGates([weak], [strict]), [strict])
  })
}

/** Neither stands for the other: both hold afterwards. */
const APART: readonly [string, Gate, Gate][] = [
  ['a turned direction', { metric: 'auc', at_least: 0.5 }, { metric: 'auc', at_most: 0.5 }],
  ['another metric', { metric: 'auc', at_least: 0.5 }, { metric: 'f1', at_least: 0.9 }],
  ['a slice for the whole', { metric: 'auc', at_least: 0.5 }, { metric: 'auc', at_least: 0.9, slice: 's' }],
  ['another slice', { metric: 'auc', at_least: 0.5, slice: 's' }, { metric: 'auc', at_least: 0.9, slice: 't' }],
  ['a comparison with another alias', beside, { ...beside, not_worse_than: 'candidate', margin: 0 }],
  ['another method', { ...beside, method: 'delong' }, { ...beside, method: 'bootstrap' }],
  [
    'another start of a jump',
    { metric: 'auc', jump_at_most: 0.1, against: 0.6 },
    { metric: 'auc', jump_at_most: 0.1, against: 0.7 },
  ],
  ['another kind', { scan: 'clean' }, { signature: 'compatible' }],
  ['more approvals by more people', { approvals: 1, role: 'admin' }, { approvals: 2, role: 'maintainer' }],
]

for (const [name, held, asked] of APART) {
  test(`${name}: both are asked, whichever was first`, () => {
    assert.equal(weakerGates([held], [asked]).length, 1)
    assert.equal(weakerGates([asked], [held]).length, 1)
    assert.deepEqual(stricterGates([held], [asked]), [held, asked])
    assert.deepEqual(stricterGates([asked], [held]), [asked, held])
  })
}

test('a set of gates: what is gone, what is weaker and what is new come out each in its place', () => {
  const held: Gate[] = [{ metric: 'auc', at_least: 0.8 }, { scan: 'clean' }, { metric: 'f1', at_least: 0.5 }]
  const asked: Gate[] = [{ metric: 'f1', at_least: 0.6 }, { metric: 'auc', at_least: 0.7 }, { data: 'digest known' }]
  assert.deepEqual(weakerGates(held, asked).map(weakerText), [
    '{metric: auc, at_least: 0.8} becomes {metric: auc, at_least: 0.7}',
    '{scan: clean} is gone',
  ])
  assert.deepEqual(stricterGates(held, asked), [held[0], held[1], asked[0], asked[2]])
  assert.deepEqual(weakerGates(held, []).length, 3)
  assert.deepEqual(weakerGates([], held), [])
})
