import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Plan } from '../../contract/rollout-plan.ts'
import { prng } from '../../stats/prng.ts'
import { countValue, metricGates, outcomeOf } from './metrics.ts'
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
