/** What is decided, as tables: of a step, of gates, of rivals, of people and of time; nothing measured is never a success. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Plan } from '../../contract/rollout/plan.ts'
import type { GateState } from '../../contract/rollout.ts'
import { decide, isReady, stepName } from './decide.ts'
import type { Decided, Rival, Situation } from './decide.ts'

const plan = Plan.parse({
  shadow: { requests: 100, labels: 20 },
  canary: [1000, 5000],
  each: { min_requests: 50 },
  max_wait_hours: 10,
})
const none = { canary: 0, pairs: 0, labelled: 0 }
const gate = (more: Partial<GateState> = {}): GateState => ({
  gate: 'error_rate',
  slice: null,
  status: 'passing',
  evidence: 1,
  boundary: 100,
  n: 200,
  n_min: 100,
  candidate: 0,
  stable: null,
  interval: null,
  reason: 'because',
  ...more,
})
/** A rollout in its first canary step that has all it needs, changed by what a test says. */
const situation = (more: Partial<Situation> = {}): Situation => ({
  plan,
  step: 1,
  counts: { canary: 50, pairs: 100, labelled: 20 },
  from: none,
  gates: [gate()],
  breaker: null,
  hours: 1,
  ...more,
})
const at = (more: Partial<Situation> = {}): Decided => decide(situation(more))
const shadow = (more: Partial<Situation> = {}): Decided => at({ step: 0, ...more })
const withPlan = (more: object): Plan => Plan.parse({ ...plan, ...more })

describe('a step that has everything', () => {
  test('goes on, and the last one promotes; the gates that passed are named with their counts', () => {
    const gates = [gate(), gate({ slice: 'carrier=UA' }), gate({ gate: 'quality', n: 20 })]
    assert.deepEqual(at({ gates }), {
      decision: 'advance',
      reason: 'canary 10 % passed: error_rate on 200, quality on 20',
    })
    assert.deepEqual(at({ step: 2 }), { decision: 'promote', reason: 'canary 50 % passed: error_rate on 200' })
    assert.deepEqual(shadow(), { decision: 'advance', reason: 'shadow passed: error_rate on 200' })
    assert.equal(shadow({ plan: withPlan({ canary: [] }) }).decision, 'promote')
    assert.equal(at({ plan: withPlan({ mode: 'blue_green' }) }).decision, 'promote')
  })

  test('tells apart what passed and what had nothing to judge, by the present rules', () => {
    const gates = [
      gate(),
      gate({ gate: 'quality', status: 'not_judged', n: 0, n_min: 0, reason: 'no labels yet' }),
      gate({ gate: 'metric bought', status: 'waiting', n: 0, n_min: 100, reason: 'nothing to compare' }),
    ]
    const metrics = withPlan({ metrics: [{ name: 'bought' }] })
    assert.deepEqual(shadow({ gates, plan: metrics }), {
      decision: 'advance',
      reason:
        'shadow passed: error_rate on 200; not judged: quality (no labels yet), metric bought (nothing to compare)',
    })
    assert.equal(
      at({ gates: gates.slice(0, 2), rules: 3 }).reason,
      'canary 10 % passed: error_rate on 200, quality on 0',
      'as it was told then',
    )
    assert.equal(
      at({ gates: gates.slice(1, 2) }).reason,
      'canary 10 % passed: no gate was judged; not judged: quality (no labels yet)',
    )
  })

  test('has the name of its split and share', () => {
    const ab = withPlan({ mode: 'ab', metrics: [{ name: 'bought' }], ab: { metric: 'bought', share: 2500 } })
    assert.deepEqual(
      [stepName(plan, 0), stepName(plan, 1), stepName(plan, 2), stepName(plan, 3)],
      ['shadow', 'canary 10 %', 'canary 50 %', 'shadow'],
    )
    assert.deepEqual(
      [stepName(ab, 1), stepName(withPlan({ mode: 'blue_green' }), 1), stepName(ab, 0)],
      ['A/B 25 %', 'green', 'shadow'],
    )
  })
})

describe('nothing measured is no success', () => {
  test('a canary step waits for its own requests, not for those of the steps before', () => {
    assert.deepEqual(at({ counts: { ...none, canary: 49 } }), { decision: 'wait', reason: '49 of 50 canary requests' })
    assert.deepEqual(
      at({ counts: { ...none, canary: 149 }, from: { ...none, canary: 100 } }).reason,
      '49 of 50 canary requests',
    )
    assert.equal(at({ counts: { ...none, canary: 150 }, from: { ...none, canary: 100 } }).decision, 'advance')
  })

  test('shadow waits for rows, then for labels; shadow rows say nothing to a canary step', () => {
    assert.equal(shadow({ counts: { canary: 99, pairs: 99, labelled: 20 } }).reason, '99 of 100 shadow rows')
    assert.equal(shadow({ counts: { canary: 0, pairs: 100, labelled: 19 } }).reason, '19 of 20 labelled shadow rows')
    assert.equal(at({ counts: { canary: 50, pairs: 0, labelled: 0 } }).decision, 'advance')
  })

  test('a gate that waits for measurements holds the step', () => {
    const waits = (more: Partial<GateState>, rest: Partial<Situation> = {}): string =>
      at({ gates: [gate(), gate({ status: 'waiting', ...more })], ...rest }).decision
    assert.deepEqual(at({ gates: [gate({ status: 'waiting', n: 99 })] }), {
      decision: 'wait',
      reason: 'gate error_rate has 99 of 100: because',
    })
    assert.equal(waits({ n: 0, n_min: 0 }), 'advance', 'one that needs none holds nothing up')
    assert.equal(waits({ n: 100 }), 'advance')
    assert.equal(waits({ gate: 'score_shift', n: 500 }), 'wait', 'a shift holds whatever its rows')
  })

  test('a metric that is posted holds a canary step and not shadow, where nobody can post it', () => {
    const posted = withPlan({ metrics: [{ name: 'bought', min_values: 10 }] })
    const gates = [gate({ gate: 'metric bought', status: 'waiting', n: 0, n_min: 10 })]
    assert.equal(at({ plan: posted, gates }).decision, 'wait')
    assert.equal(shadow({ plan: posted, gates }).decision, 'advance')
    const others = [...gates, gate({ gate: 'quality', status: 'waiting', n: 0, n_min: 10 })]
    assert.equal(shadow({ plan: posted, gates: others }).decision, 'wait')
    assert.equal(shadow({ gates }).decision, 'wait', 'a gate of no metric of the plan is a gate like any other')
  })

  test('a plan without shadow has no gates before its first step', () => {
    const straight = withPlan({ shadow: { requests: 0, labels: 0 } })
    const gates = [gate({ status: 'waiting', n: 0 })]
    assert.equal(shadow({ plan: straight, gates, counts: none }).decision, 'advance')
    assert.equal(at({ plan: straight, gates }).decision, 'wait')
  })

  test('after the longest wait a person is asked, not a moment before', () => {
    const counts = { ...none, canary: 3 }
    assert.equal(at({ counts, hours: 10 }).decision, 'wait')
    assert.deepEqual(at({ counts, hours: 10.01 }), {
      decision: 'pause',
      reason: 'no decision within 10 hours: 3 of 50 canary requests',
    })
    assert.equal(at({ hours: 99 }).decision, 'advance', 'what has everything waits for nobody')
  })

  test('the last step holds for labels that come late, and not longer than it says', () => {
    const hold = withPlan({ hold: { labels: 30, hours: 5 } })
    assert.deepEqual(at({ plan: hold, step: 2 }), {
      decision: 'wait',
      reason: 'holds for 20 of 30 labels, at most 5 hours',
    })
    assert.equal(at({ plan: hold, step: 1 }).decision, 'advance')
    assert.equal(at({ plan: hold, step: 2, hours: 5 }).decision, 'promote')
    assert.equal(at({ plan: hold, step: 2, hours: 4.99 }).decision, 'wait')
    assert.equal(at({ plan: hold, step: 2, counts: { canary: 50, pairs: 100, labelled: 30 } }).decision, 'promote')
  })
})

describe('a gate that fails', () => {
  const failing = (more: Partial<GateState> = {}): GateState => gate({ status: 'failing', evidence: 200, ...more })

  test('rolls back, or pauses where the plan says so, before anything else is asked', () => {
    const gates = [gate(), failing()]
    assert.deepEqual(at({ gates, counts: none }), { decision: 'rollback', reason: 'gate error_rate failed: because' })
    assert.equal(at({ gates, plan: withPlan({ on_failure: 'pause' }) }).decision, 'pause')
    assert.equal(at({ gates, frozen: 'Christmas' }).decision, 'rollback', 'a freeze stops no rollback')
  })

  test('is named with all others, the strongest first, slices before', () => {
    const gates = [
      failing({ gate: 'a', evidence: 200 }),
      failing({ gate: 'b', evidence: 400 }),
      failing({ gate: 'c', slice: 'x=1', evidence: 0.5 }),
      failing({ gate: 'd', slice: 'x=2', evidence: 150 }),
      failing({ gate: 'e', evidence: 300 }),
    ]
    assert.equal(
      at({ gates }).reason,
      ['d', 'c', 'b', 'e', 'a'].map((name) => `gate ${name} failed: because`).join('; '),
    )
  })

  test('of the split pauses, for what was compared was not alike, and names no fault of the candidate', () => {
    const split = failing({ gate: 'sample_ratio', reason: '600 of 1000' })
    assert.deepEqual(at({ gates: [split], counts: none }), {
      decision: 'pause',
      reason: "the split is not the plan's, so the sides are not alike: 600 of 1000",
    })
    assert.equal(at({ gates: [split, failing()] }).decision, 'rollback')
    assert.equal(at({ gates: [gate({ gate: 'sample_ratio' })] }).decision, 'advance')
  })

  test("of the gateway's breaker is named before all gates, and each gate that failed beside it", () => {
    const gates = [
      failing({ reason: '9 of 20' }),
      gate({ gate: 'latency' }),
      failing({ gate: 'quality', evidence: 30, reason: 'worse' }),
      failing({ gate: 'quality', evidence: 99, slice: 'carrier=UA', reason: 'worse on UA' }),
      failing({ gate: 'quality', evidence: 50, slice: 'carrier=AA', reason: 'worse on AA' }),
      failing({ gate: 'sample_ratio', reason: '600 of 1000' }),
    ]
    const reason =
      "the gateway's breaker stopped it: 3 in a row; gate quality failed: worse on UA (and on 2 more); " +
      "gate error_rate failed: 9 of 20; the split is not the plan's: 600 of 1000"
    assert.deepEqual(at({ breaker: '3 in a row', gates }), { decision: 'rollback', reason })
    assert.equal(at({ breaker: '3 in a row', gates: [gate()] }).reason, "the gateway's breaker stopped it: 3 in a row")
  })

  test('of more than eight reasons eight are named and the others counted', () => {
    const gates = Array.from({ length: 11 }, (_, i) => failing({ gate: `metric ${i}`, reason: 'because' }))
    const { reason } = at({ gates })
    assert.equal(reason.match(/ failed: because/g)?.length, 8)
    assert.match(reason, /; and 3 more$/)
  })

  test('is told as it was by the rules before, of which verdicts are kept', () => {
    const four = ['a', 'b', 'c', 'd'].map((name) => failing({ gate: name, reason: 'no' }))
    assert.equal(at({ rules: 2, gates: four }).reason, 'gate a failed: no; gate b failed: no; gate c failed: no')
    assert.equal(
      at({ rules: 2, breaker: '3 in a row', gates: four }).reason,
      "the gateway's breaker stopped it: 3 in a row",
    )
  })
})

describe('challengers that are compared at once', () => {
  const quality = (candidate: number | null): GateState[] => [
    gate({ gate: 'quality', slice: 'x=1', candidate: -9 }),
    gate({ gate: 'quality', candidate }),
  ]
  const rival = (more: Partial<Rival> = {}): Rival => ({
    version: '7',
    stands: 'ready',
    loss: 0,
    earlier: false,
    ...more,
  })
  const against = (own: number | null, ...rivals: Rival[]): Decided => shadow({ gates: quality(own), rivals })

  test('the one with the least loss goes on', () => {
    assert.equal(against(-0.01, rival({ loss: 0.02 })).decision, 'advance')
    assert.deepEqual(against(0.02, rival({ loss: -0.01 })), {
      decision: 'keep',
      reason: 'version 7 was better: mean loss against stable -0.0100, here 0.0200',
    })
    assert.equal(against(0, rival({ loss: 0.1 }), rival({ version: '8', loss: -0.1 })).reason.slice(0, 9), 'version 8')
  })

  test('where nothing tells them apart the earlier one does, with labels or without', () => {
    assert.equal(against(0, rival({ earlier: true })).decision, 'keep')
    assert.equal(against(0, rival({ earlier: false })).decision, 'advance')
    assert.deepEqual(against(null, rival({ loss: null, earlier: true })), {
      decision: 'keep',
      reason: 'version 7 was better: without labels the earlier one goes on',
    })
    assert.equal(against(null, rival({ loss: null })).decision, 'advance')
    assert.equal(against(null, rival({ loss: 0.1 })).decision, 'keep', 'known labels beat none')
    assert.equal(against(0.1, rival({ loss: null, earlier: true })).decision, 'advance')
  })

  test('one that went on ends the others, one that is still compared is waited for', () => {
    assert.deepEqual(against(-1, rival({ stands: 'comparing' }), rival({ version: '8', stands: 'ahead' })), {
      decision: 'keep',
      reason: 'version 8 went on in its place',
    })
    assert.deepEqual(against(-1, rival({ stands: 'comparing' })), {
      decision: 'wait',
      reason: 'version 7 is still compared beside it',
    })
  })

  test('past shadow there are no rivals any more', () => {
    assert.equal(at({ rivals: [rival({ stands: 'ahead' })] }).decision, 'advance')
  })

  test('one is ready when nothing is missing, whatever the others do', () => {
    const rivals = [rival({ stands: 'ahead' })]
    assert.equal(isReady(situation({ step: 0, rivals })), true)
    assert.equal(isReady(situation({ step: 0, rivals, counts: none })), false)
    assert.equal(isReady(situation({ step: 0, gates: [gate({ status: 'failing' })] })), false)
    assert.equal(isReady(situation({ step: 0, breaker: 'x' })), false)
  })
})

describe('an A/B', () => {
  const says = (one: 'better' | 'worse' | 'no difference' | 'undecided', step = 1): Decided =>
    at({ step, outcome: { says: one, reason: 'figures' } })

  test('ends by what its metric says', () => {
    assert.equal(says('better').decision, 'advance')
    assert.deepEqual(says('worse'), { decision: 'keep', reason: 'stable is better: figures' })
    assert.deepEqual(says('no difference'), { decision: 'keep', reason: 'no difference was shown: figures' })
    assert.deepEqual(says('undecided'), { decision: 'wait', reason: 'not decided yet: figures' })
    assert.equal(says('worse', 0).decision, 'advance', 'in shadow nobody was asked')
  })
})

describe('people', () => {
  const approvals = [
    { before: 5000, role: 'maintainer' },
    { before: 'promote', role: 'admin' },
  ] as const
  const asked = withPlan({ approvals })
  const yes = (before: number | 'promote') => ({ before, by: 'ann', at: 0, reason: '' })

  test('agree before a share or before the promotion, each to its own', () => {
    assert.deepEqual(at({ plan: asked }), {
      decision: 'wait',
      reason: 'waits for the approval of a maintainer before 50 %',
      awaits: approvals[0],
    })
    assert.deepEqual(at({ plan: asked, step: 2 }), {
      decision: 'wait',
      reason: 'waits for the approval of an admin before promotion',
      awaits: approvals[1],
    })
    assert.equal(at({ plan: asked, approvals: [yes(5000)] }).decision, 'advance')
    assert.equal(at({ plan: asked, approvals: [yes('promote')] }).decision, 'wait')
    assert.equal(at({ plan: asked, step: 2, approvals: [yes('promote')] }).decision, 'promote')
    assert.equal(shadow({ plan: asked }).decision, 'advance', 'before the first share nobody is asked')
  })

  test('who freezes an endpoint holds what would go forward, and is told before an approval', () => {
    assert.deepEqual(at({ plan: asked, frozen: 'frozen until Monday' }), {
      decision: 'wait',
      reason: 'frozen until Monday',
    })
    assert.equal(at({ frozen: 'x', counts: none }).reason, '0 of 50 canary requests')
  })
})

describe('a promoted version that is watched', () => {
  const watch = withPlan({ watch: { labels: 40, hours: 8 } })
  const watched = (more: Partial<Situation> = {}): Decided => at({ plan: watch, step: 2, watching: true, ...more })

  test('is confirmed by labels that came since, or by the end of its time', () => {
    const counts = (labelled: number) => ({ canary: 0, pairs: 0, labelled })
    const from = { ...none, labelled: 100 }
    assert.deepEqual(watched({ counts: counts(139), from }), {
      decision: 'wait',
      reason: 'promoted; watched for 40 labels, 39 came',
    })
    assert.deepEqual(watched({ counts: counts(140), from }), {
      decision: 'confirm',
      reason: 'not worse on 40 labels that came after its promotion',
    })
    assert.deepEqual(watched({ counts: counts(101), from, hours: 8 }), {
      decision: 'confirm',
      reason: 'the watch of 8 hours ended with 1 labels',
    })
    assert.equal(watched({ counts: counts(101), from, hours: 7.9 }).decision, 'wait')
    assert.match(watched({ counts: counts(100), from, hours: 8 }).reason, /with 0 labels: its quality was not judged$/)
  })

  test('goes back by its quality alone: breaker and other gates spoke of another time', () => {
    const failing = gate({ status: 'failing' })
    assert.equal(watched({ gates: [failing], breaker: 'x', counts: none }).decision, 'wait')
    assert.deepEqual(watched({ gates: [failing, { ...failing, gate: 'quality', reason: 'worse' }] }), {
      decision: 'demote',
      reason: 'after its promotion: gate quality failed: worse',
    })
    assert.equal(
      watched({ gates: [{ ...failing, gate: 'quality' }], plan: withPlan({ on_failure: 'pause' }) }).decision,
      'demote',
    )
  })

  test('whose plan has no watch any more is confirmed at once', () => {
    assert.equal(watched({ plan, counts: none }).decision, 'confirm')
  })
})
