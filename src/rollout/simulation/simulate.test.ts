import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Plan } from '../../contract/rollout/plan.ts'
import { prng } from '../../stats/prng.ts'
import { simulate } from './simulate.ts'
import { quantileOf, stoppedWithin, study } from './study.ts'
import { drawnAgain, madeUp } from './world.ts'
import type { Fault } from './world.ts'
import { alphaOf } from '../evidence/spending.ts'

const plan = Plan.parse({
  shadow: { requests: 300 },
  canary: [5000],
  each: { min_requests: 200 },
  gates: { error_rate: { at_most: 0.01 } },
  alpha: 0.05,
})
const bare = Plan.parse({ ...plan, shadow: { requests: 0 }, canary: [10_000], each: { min_requests: 600 } })
const played = (of: Plan, fault: Fault, runs: number) =>
  study(of, { runs, seed: 3, every: 20, labelDelay: 50, rows: (random) => madeUp(random, fault, 3000) })

test('parts of alpha sum to the plan’s alpha', () => {
  const all = [
    'error_rate',
    'error_rate_vs_stable',
    'error_rate_slices',
    'latency',
    'quality',
    'quality_slices',
    'decision_flips',
    'breaker',
    'metrics',
  ] as const
  const sum = all.reduce((total, one) => total + alphaOf(plan, one), 0)
  assert.ok(Math.abs(sum - 0.05) < 1e-12)
})

test('equal versions go through, and the same seed gives the same result', () => {
  const result = played(plan, { errors: 0.005 }, 20)
  assert.ok(result.promoted >= 18, JSON.stringify(result))
  assert.equal(result.promoted + result.stopped + result.undecided, 20)
  assert.deepEqual(played(plan, { errors: 0.005 }, 20), result)
})

test('5 % failures against 1 % are stopped within 250 canary requests in most runs, without a shadow step', () => {
  const result = played(bare, { errors: 0.05 }, 60)
  assert.ok(stoppedWithin(result, 250) >= 0.85, JSON.stringify(result))
  assert.equal(quantileOf(result.canary, 1, 61), null)
})

test('a version is stopped for failing more often than stable, and not for what meets both', () => {
  const wide = { ...bare, canary: [3000], gates: { error_rate: { at_most: 0.3 } } }
  const worse = played(Plan.parse(wide), { errors: 0.05, stableErrors: 0.002 }, 20)
  assert.ok(worse.stopped >= 18 && (worse.by['error_rate_vs_stable'] ?? 0) >= 18, JSON.stringify(worse))
  const alike = { errors: 0.02, stableErrors: 0.02, outage: 100 }
  assert.equal(played(Plan.parse(wide), alike, 20).stopped, 0)
  const unasked = Plan.parse({ ...wide, gates: { ...wide.gates, error_rate_vs_stable: false } })
  assert.equal(played(unasked, { errors: 0.05, stableErrors: 0.002 }, 20).stopped, 0)
})

test('of sixty rollouts of equal versions that fail as often as is allowed at most three are stopped, breaker included', () => {
  const whole = Plan.parse({ ...plan, canary: [1000, 5000] })
  const result = study(whole, {
    runs: 60,
    seed: 11,
    every: 50,
    labelDelay: 50,
    rows: (random) => madeUp(random, { errors: 0.01, stableErrors: 0.01 }, 5000),
  })
  assert.ok(result.stopped <= 3, JSON.stringify(result))
  assert.ok(result.promoted >= 57, JSON.stringify(result))
})

test('a version whose scores are turned round in one slice is stopped by its labels and the slice is named', () => {
  const result = played(plan, { errors: 0, brokenSlice: 'group=0' }, 10)
  assert.ok(result.stopped >= 9 && (result.by['quality group=0'] ?? 0) >= 9, JSON.stringify(result))
})

test('a version that fails in one slice is stopped in shadow and the slice is named', () => {
  const result = played(plan, { errors: 0, failingSlice: 'group=8' }, 10)
  assert.deepEqual([result.stopped, result.by['error_rate group=8'], quantileOf(result.canary, 1, 10)], [10, 10, 0])
})

test('recorded rows are drawn again with their own slices; their answers as recorded, or an equal model with a fault', () => {
  const recorded = [...madeUp(prng(5), { errors: 0 }, 400)].map((row) => ({ ...row, candidate: 1 - (row.stable ?? 0) }))
  const bad = study(plan, {
    runs: 5,
    seed: 1,
    every: 20,
    labelDelay: 0,
    rows: (random) => drawnAgain(random, recorded, null, 3000),
  })
  assert.equal(bad.stopped, 5)
  const rows = [...drawnAgain(prng(1), recorded, { errors: 0 }, 200)]
  assert.ok(rows.every((row) => Math.abs((row.candidate ?? 0) - (row.stable ?? 1)) < 0.25))
  assert.equal([...drawnAgain(prng(1), [], null, 200)].length, 0)
})

test('each step counts the requests of its own time', () => {
  const steps = Plan.parse({ ...bare, canary: [5000, 10_000], each: { min_requests: 400 } })
  const rows = madeUp(prng(5), { errors: 0 }, 3000)
  const { outcome, canary, rows: played } = simulate(steps, rows, { random: prng(6), every: 20, labelDelay: 50 })
  assert.equal(outcome, 'promoted')
  // 400 of about 800 rows, and then 400 more; at most one look later each
  assert.ok(canary >= 800 && canary < 840, `${canary}`)
  assert.ok(played >= 1150 && played < 1300, `${played}`)
})
