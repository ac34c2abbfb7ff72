/** Metrics of the business: levels that hold however often one looks, gates against their e-process, ends of an A/B. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Plan } from '../../contract/rollout/plan.ts'
import { near } from '../../stats/near.fixture.ts'
import { prng } from '../../stats/prng.ts'
import { wealth } from './gamblers.fixture.ts'
import { countValue, metricGates, outcomeOf, tellMetrics } from './metrics.ts'
import type { MetricState, Outcome } from './metrics.ts'

const plan = Plan.parse({
  mode: 'ab',
  metrics: [{ name: 'bought', min_values: 10 }],
  ab: { metric: 'bought', max_values: 3000 },
})

interface Shop {
  readonly stable: number
  readonly candidate: number
  readonly better?: 'higher' | 'lower'
}

/** One A/B, looked at every ten values; the first outcome, and whether every interval on the way held the true difference. */
function played(
  seed: number,
  { stable, candidate, better = 'higher' }: Shop,
): { says: Outcome['says']; held: boolean } {
  const random = prng(seed)
  const own = Plan.parse({ ...plan, metrics: [{ name: 'bought', min_values: 10, better }] })
  const known: Record<string, MetricState> = {}
  let held = true
  for (let i = 0; i < 4000; i++) {
    const arm = random.uniform() < 0.5 ? 1 : 0
    countValue(known, own, { name: 'bought', arm, value: random.uniform() < (arm === 1 ? candidate : stable) ? 1 : 0 })
    if (i % 10 !== 9) continue
    const [from, to] = metricGates(known, own)[0]?.interval ?? [-1, 1]
    held &&= from <= candidate - stable && candidate - stable <= to
    const says = outcomeOf(known, own)?.says ?? 'undecided'
    if (says !== 'undecided') return { says, held }
  }
  return { says: 'undecided', held }
}

function study(shop: Shop, runs: number): ReturnType<typeof played>[] {
  return Array.from({ length: runs }, (_, i) => played(100 + i, shop))
}

test('equal sides are told apart in at most alpha of the comparisons, though one looks hundreds of times', () => {
  const all = study({ stable: 0.3, candidate: 0.3 }, 100)
  const told = all.filter(({ says }) => says === 'better' || says === 'worse').length
  assert.ok(told <= 8, `${told} of 100`)
  assert.ok(all.filter(({ held }) => !held).length <= 5, 'the intervals hold the truth at all times')
})

test('a side that is clearly better or worse is named so, by what the metric calls better', () => {
  const says = (shop: Shop): string[] => [...new Set(study(shop, 10).map((one) => one.says))]
  assert.deepEqual(says({ stable: 0.3, candidate: 0.5 }), ['better'])
  assert.deepEqual(says({ stable: 0.5, candidate: 0.3 }), ['worse'])
  assert.deepEqual(says({ stable: 0.3, candidate: 0.5, better: 'lower' }), ['worse'])
})

test('values beyond the range count as its ends; a plan without an A/B has no outcome', () => {
  const known: Record<string, MetricState> = {}
  countValue(known, plan, { name: 'bought', arm: 1, value: 1e9 })
  countValue(known, plan, { name: 'bought', arm: 0, value: -5 })
  countValue(known, plan, { name: 'unknown', arm: 0, value: 1 })
  const [gate] = metricGates(known, plan)
  assert.deepEqual([gate?.candidate, gate?.stable, gate?.status, Object.keys(known)], [1, 0, 'waiting', ['bought']])
  assert.equal(outcomeOf(known, Plan.parse({ metrics: [{ name: 'bought' }] })), undefined)
})

describe('the gate of a metric', () => {
  const two = Plan.parse({
    alpha: 0.033,
    metrics: [
      { name: 'bought', min_values: 3, tolerance: 0.1 },
      { name: 'seconds', min_values: 2, tolerance: 6, better: 'lower', range: [0, 60] },
    ],
  })
  const after = (values: readonly (readonly [name: string, arm: 0 | 1, value: number])[], of = two) => {
    const known: Record<string, MetricState> = {}
    for (const [name, arm, value] of values) countValue(known, of, { name, arm, value })
    return metricGates(known, of)
  }
  const pairs = (name: string, n: number, stable: number, candidate: number) =>
    Array.from({ length: n }, () => [[name, 0, stable] as const, [name, 1, candidate] as const]).flat()

  test('is there for each metric of the plan, waits for values of both sides, and says what is allowed', () => {
    const [bought, seconds] = after([...pairs('bought', 2, 1, 1), ['bought', 1, 0], ['bought', 1, 0]])
    assert.deepEqual(
      [bought?.gate, bought?.status, bought?.n, bought?.n_min, bought?.candidate, bought?.stable, bought?.slice],
      ['metric bought', 'waiting', 2, 3, 0.5, 1, null],
    )
    assert.equal(
      bought?.reason,
      'bought 0.5 in 4 values of the candidate, 1 in 2 of stable; higher is better, worse by 0.1 is allowed',
    )
    assert.deepEqual([seconds?.status, seconds?.n, seconds?.interval, seconds?.candidate], ['waiting', 0, null, null])
    assert.equal(seconds?.reason, '0 values of the candidate and 0 of stable: nothing to compare')
  })

  test('is told with its metric, as no other gate is, whatever it is called', () => {
    const [bought, seconds] = after([])
    assert.ok(bought !== undefined && seconds !== undefined)
    const others = ['error_rate', 'metric', 'metric sold', 'bought'].map((gate) => ({ ...bought, gate }))
    const metrics = (of: typeof two) => tellMetrics([...others, seconds, bought], of).map((gate) => gate.metric)
    assert.deepEqual(metrics(two), [undefined, undefined, undefined, undefined, 'seconds', 'bought'])
    assert.deepEqual(
      metrics(Plan.parse({})),
      others.concat(seconds, bought).map(() => undefined),
    )
    assert.deepEqual(tellMetrics([bought], two), [{ ...bought, metric: 'bought' }])
  })

  test('passes with the values that it needs, and compares nothing while one side has none', () => {
    assert.equal(after(pairs('bought', 3, 1, 1))[0]?.status, 'passing')
    assert.equal(after([['bought', 1, 1]])[0]?.reason, '1 values of the candidate and 0 of stable: nothing to compare')
  })

  test('fails by the wealth of bets on what is worse, in the sense of the metric, at its share of alpha', () => {
    const [bought] = after(pairs('bought', 40, 1, 0))
    near(
      bought?.evidence,
      wealth(
        Array.from({ length: 40 }, () => 1),
        0.1,
      ),
      1e-9,
    )
    near(bought?.boundary, 2 / 0.001, 1e-9)
    assert.equal(bought?.status, 'failing')
    const [, slower] = after(pairs('seconds', 40, 0, 60))
    near(
      slower?.evidence,
      wealth(
        Array.from({ length: 40 }, () => 1),
        0.1,
      ),
      1e-9,
    )
    const [, quicker] = after(pairs('seconds', 40, 60, 0))
    assert.deepEqual([slower?.status, quicker?.status], ['failing', 'passing'])
  })

  test('has its interval in the sign of the metric: candidate less stable', () => {
    const [better] = after(pairs('bought', 200, 0, 1))
    const [, slower] = after(pairs('seconds', 200, 0, 60))
    for (const [gate, least] of [
      [better, 0.5],
      [slower, 30],
    ] as const)
      assert.ok((gate?.interval?.[0] ?? 0) > least && (gate?.interval?.[1] ?? 0) >= 2 * least, JSON.stringify(gate))
  })

  test('that decides an A/B never fails, however bad it is; the others do', () => {
    const ab = Plan.parse({ ...two, mode: 'ab', ab: { metric: 'bought', alpha: 0.02, max_values: 100 } })
    const [bought, seconds] = after([...pairs('bought', 60, 1, 0), ...pairs('seconds', 60, 0, 60)], ab)
    assert.deepEqual([bought?.status, seconds?.status], ['passing', 'failing'])
    near(bought?.boundary, 100, 1e-9)
  })
})

test('an A/B without a difference ends with its last comparison', () => {
  const ab = Plan.parse({ ...plan, ab: { metric: 'bought', max_values: 20 } })
  const known: Record<string, MetricState> = {}
  const says: string[] = []
  for (let i = 0; i < 21; i++) {
    for (const arm of [0, 1] as const) countValue(known, ab, { name: 'bought', arm, value: i % 2 })
    says.push(outcomeOf(known, ab)?.says ?? '')
  }
  assert.deepEqual([says[18], says[19], says[20]], ['undecided', 'no difference', 'no difference'])
  assert.equal(outcomeOf({}, ab)?.reason, '0 values of the candidate and 0 of stable: nothing to compare')
})

test('a metric may be called like something that every object has', () => {
  const named = Plan.parse({
    ...plan,
    metrics: [{ name: 'constructor', min_values: 1 }],
    ab: { metric: 'constructor' },
  })
  const known: Record<string, MetricState> = {}
  assert.deepEqual([metricGates(known, named)[0]?.n, outcomeOf(known, named)?.says], [0, 'undecided'])
  for (const arm of [0, 1] as const) countValue(known, named, { name: 'constructor', arm, value: 1 })
  const kept = JSON.parse(JSON.stringify(known)) as typeof known
  assert.deepEqual([metricGates(kept, named)[0]?.n, metricGates(kept, named)[0]?.status], [1, 'passing'])
})
