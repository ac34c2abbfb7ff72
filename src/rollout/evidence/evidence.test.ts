/** What each observation adds to the evidence: which counts, which tests, from when on an answer is slow, how many slices. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Plan } from '../../contract/rollout/plan.ts'
import { freshEvidence, lossOf, lossOptions, observe, OLDEST_RULES, RULES, versusOptions } from './evidence.ts'
import type { Evidence, Observation } from './evidence.ts'

const plan = Plan.parse({ gates: { decision_flips: { at_most: 0.1, threshold: 0.5 } } })
const seen = (observations: readonly Observation[], of: Plan = plan): Evidence => {
  const evidence = freshEvidence()
  observe(evidence, of, observations)
  return evidence
}
const times = (n: number, one: (i: number) => Observation): Observation[] => Array.from({ length: n }, (_, i) => one(i))
const changed = (observations: readonly Observation[], of: Plan = plan): string[] => {
  const [now, before] = [seen(observations, of), freshEvidence()]
  return Object.keys(before).filter(
    (key) => JSON.stringify(now[key as keyof Evidence]) !== JSON.stringify(before[key as keyof Evidence]),
  )
}

describe('an answer of the candidate', () => {
  test('to a caller counts as a request, one in shadow as none; either may fail', () => {
    const { counts, errors } = seen([
      ['c', 0, 100, 0],
      ['c', 1, 100, 0],
      ['c', 0, 100, 0],
      ['c', 1, 100, 1],
      ['c', 0, 100, 1],
    ])
    assert.deepEqual(counts, { canary: 3, pairs: 0, labelled: 0, failed: 1 })
    assert.deepEqual([errors.n, errors.events], [5, 2])
  })

  test('is slow or not only once it is known what slow is, and if it did not fail', () => {
    const known = times(1000, () => ['s', 10_000])
    const { slow } = seen([['c', 0, 9e6, 0], ...known, ['c', 1, 9e6, 0], ['c', 0, 9e6, 1], ['c', 0, 9000, 0]])
    assert.deepEqual(slow, { n: 2, events: 1 })
  })

  test('is slow above the threshold, not at it', () => {
    const known = times(1000, () => ['s', 100])
    const { slow, slow_above } = seen([...known, ['c', 0, 20_000, 0], ['c', 0, 20_001, 0]])
    assert.deepEqual([slow_above, slow], [20_000, { n: 2, events: 1 }])
  })
})

describe('answers of stable', () => {
  const above = (us: number, n = 1000, of: Plan = plan): number | null =>
    seen(
      times(n, () => ['s', us]),
      of,
    ).slow_above

  test('tell what slow is from the thousandth on: three times their p99, or what the plan says', () => {
    assert.equal(above(10_000, 999), null)
    const [plain, named] = [
      above(10_000),
      above(10_000, 1000, Plan.parse({ gates: { latency: { p99_ratio_at_most: 5 } } })),
    ]
    assert.ok(plain !== null && Math.abs(plain / 30_000 - 1) < 0.05, String(plain))
    assert.ok(named !== null && Math.abs(named / 50_000 - 1) < 0.05, String(named))
  })

  test('never call slow what is under twenty milliseconds', () => {
    assert.equal(above(1000), 20_000)
  })

  test('fix it once, within a batch as well', () => {
    const batch = [...times(1000, () => ['s', 10_000]), ...times(500, () => ['s', 90_000])]
    assert.equal(seen(batch).slow_above, above(10_000))
  })

  test('over a hundred seconds are still told apart by their greatest and least', () => {
    const threshold = above(150_000_000)
    assert.ok(threshold !== null && Math.abs(threshold / 450_000_000 - 1) < 0.05, String(threshold))
  })

  test('fix it once: later ones change nothing, and their latencies are not kept', () => {
    const evidence = seen(times(1000, () => ['s', 10_000]))
    assert.equal(evidence.stable, null)
    const before = JSON.stringify(evidence)
    observe(
      evidence,
      plan,
      times(500, () => ['s', 90_000]),
    )
    assert.equal(JSON.stringify(evidence), before)
  })

  test('are gathered over batches', () => {
    const evidence = freshEvidence()
    for (let i = 0; i < 10; i++) {
      assert.equal(evidence.slow_above, null)
      observe(
        evidence,
        plan,
        times(100, () => ['s', 10_000]),
      )
    }
    assert.notEqual(evidence.slow_above, null)
  })
})

describe('rows that both scored', () => {
  test('add to the shift by their distance, and to the flips where the decisions differ', () => {
    const { counts, shift, flips } = seen([
      ['p', 0.4, 0.6],
      ['p', 0.6, 0.4],
      ['p', 0.5, 0.49],
      ['p', 0.5, 0.5],
    ])
    assert.equal(counts.pairs, 4)
    assert.ok(shift.n === 4 && Math.abs(shift.sum - 0.41) < 1e-12)
    assert.deepEqual(flips, { n: 4, events: 3 })
    assert.deepEqual(seen([['p', 0.4, 0.6]], Plan.parse({})).flips, { n: 0, events: 0 })
    const flipped = (stable: number, candidate: number): number => seen([['p', stable, candidate]]).flips.events
    assert.deepEqual([flipped(0.5, 0.5), flipped(0.5, 0.49), flipped(0.49, 0.5)], [0, 1, 1], 'a half is decided for')
  })

  test('with labels are compared as a whole and within each of their slices', () => {
    const { counts, quality, slices } = seen([
      ['l', 0.1, 0.3, ['c=UA', 'o=JFK']],
      ['l', 0.1, 0.5, ['c=AA']],
    ])
    assert.equal(counts.labelled, 2)
    assert.ok(quality.blocks === 2 && Math.abs(quality.sum - 0.6) < 1e-12)
    assert.deepEqual(
      Object.entries(slices).map(([name, { blocks, sum }]) => [name, blocks, Number(sum.toFixed(9))]),
      [
        ['c=UA', 1, 0.2],
        ['o=JFK', 1, 0.2],
        ['c=AA', 1, 0.4],
      ],
    )
  })
})

describe('slices', () => {
  test('beyond five hundred count in the whole alone, those that are known go on', () => {
    const labels = times(501, (i) => ['l', 0, 0, [`s=${i}`]])
    const errors = times(501, (i) => ['e', 1, [`s=${i}`]])
    const { quality, slices, slice_errors } = seen([
      ...labels,
      ...errors,
      ['l', 0, 0, ['s=0', 's=new']],
      ['e', 0, ['s=0', 's=new']],
    ])
    assert.equal(quality.blocks, 502)
    assert.deepEqual([Object.keys(slices).length, Object.keys(slice_errors).length], [500, 500])
    assert.deepEqual([slices['s=0']?.blocks, slices['s=500'], slices['s=new']], [2, undefined, undefined])
    assert.deepEqual([slice_errors['s=0'], slice_errors['s=new']], [{ n: 2, events: 1 }, undefined])
  })
})

test('each kind of observation changes its own part and no other', () => {
  const versus = Plan.parse({ gates: { error_rate_vs_stable: {} }, metrics: [{ name: 'bought' }] })
  assert.deepEqual(changed([['s', 5]]), ['stable'])
  assert.deepEqual(changed([['c', 0, 5, 0]]), ['counts', 'errors'])
  assert.deepEqual(changed([['e', 0, ['a=1']]]), ['slice_errors'])
  assert.deepEqual(changed([['e', 0, []]]), [])
  assert.deepEqual(changed([['p', 0.1, 0.2]]), ['counts', 'shift', 'flips'])
  assert.deepEqual(changed([['l', 0.1, 0.2, []]]), ['counts', 'quality'])
  assert.deepEqual(changed([['x', 5, 1, 5, 0]], versus), ['versus'])
  assert.deepEqual(changed([['x', 5, 1, 5, 0]], Plan.parse({ gates: { error_rate_vs_stable: false } })), [])
  assert.deepEqual(changed([['m', 'bought', 1, 1]], versus), ['metrics'])
  assert.deepEqual(changed([['m', 'other', 1, 1]], versus), [])
  assert.deepEqual(changed([['u', 3, 4]]), ['units'])
})

test('batches of users and of callers add up by side', () => {
  const versus = Plan.parse({ gates: { error_rate_vs_stable: {} } })
  const { units, versus: both } = seen(
    [
      ['u', 3, 4],
      ['u', 10, 20],
      ['x', 15, 2, 12, 1],
      ['x', 3, 1, 2, 0],
    ],
    versus,
  )
  assert.deepEqual(units.counts, [13, 24])
  assert.deepEqual(both.closed, { canary: { n: 15, events: 2 }, stable: { n: 12, events: 1 } })
  assert.deepEqual(both.open, { canary: { n: 3, events: 1 }, stable: { n: 2, events: 0 } })
})

test('a loss is a squared error, or a wrong decision at a half', () => {
  assert.equal(lossOf(plan, 0.8, 1), (0.8 - 1) ** 2)
  const wrong = Plan.parse({ gates: { quality: { loss: 'zero_one' } } })
  assert.deepEqual(
    [
      [0.5, 1],
      [0.49, 1],
      [0.5, 0],
      [0.49, 0],
      [0.6, 0.5],
    ].map(([score = 0, label = 0]) => lossOf(wrong, score, label)),
    [0, 1, 1, 0, 0],
  )
})

test('what a plan does not say is tolerated as usual', () => {
  assert.deepEqual(lossOptions(Plan.parse({})), { low: 0, high: 1, tolerance: 0.01 })
  const wide = Plan.parse({ gates: { quality: { loss: 'squared', tolerance: 3, range: [1, 9] } } })
  assert.deepEqual(lossOptions(wide), { low: 1, high: 9, tolerance: 3 })
  assert.deepEqual(versusOptions(Plan.parse({ gates: { error_rate_vs_stable: { ratio_at_most: 3 } } })), {
    ratio: 3,
    above: 0.005,
  })
  assert.equal(versusOptions(Plan.parse({ gates: { error_rate_vs_stable: false } })), undefined)
})

test('evidence carries the number of its rules, which changes with them alone', () => {
  assert.deepEqual([freshEvidence().rules, OLDEST_RULES, RULES], [5, 2, 5])
})
