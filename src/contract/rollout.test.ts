/** The plan of a rollout and its routes at their edges, and what of a plan contradicts itself. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ABSENT, copies, defaults, edges } from './edges.cases.ts'
import { Plan } from './rollout/plan.ts'
import { stepsOf } from './rollout/steps.ts'
import { rolloutApi } from './rollout.ts'

const text = (size: number): string => 'x'.repeat(size)

/** The defaults as docs/guides/rollout.md tells them. */
const DEFAULTS = {
  shadow: { requests: 1000, labels: 0 },
  canary: [500, 2500, 5000],
  each: { min_requests: 500 },
  gates: { error_rate_vs_stable: { ratio_at_most: 1.5, above: 0.005 } },
  slices: [],
  alpha: 0.05,
  max_wait_hours: 168,
  on_failure: 'rollback',
}
defaults('a plan', Plan, {}, DEFAULTS)

edges('a plan', Plan, { shadow: { requests: 10, labels: 0 }, each: { min_requests: 1 } }, [
  ['mode', ['canary', 'blue_green', ABSENT], ['ab', 'rolling', '', null]],
  ['shadow.requests', [0, 1_000_000], [-1, 1_000_001, 0.5, '10', null, ABSENT]],
  ['shadow.labels', [0, 5, ABSENT], [-1, 0.5]],
  ['canary', [[], [1], [10_000], [500, 500], copies(20, 1)], [[0], [10_001], [0.5], copies(21, 1), 500, null]],
  ['each.min_requests', [1, 1_000_000], [0, 1_000_001, 1.5, ABSENT]],
  ['slices', [[], copies(10, 'a')], [copies(11, 'a'), 'a', [5]]],
  ['alpha', [0.001, 0.499], [0, 0.5, 1, -0.1, '0.05']],
  ['max_wait_hours', [0.1, 1e6], [0, -1, '168']],
  ['on_failure', ['rollback', 'pause'], ['abort', null]],
  ['challengers', [2, 8, ABSENT], [1, 9, 2.5]],
  ['hold', [{ labels: 1, hours: 0.5 }, ABSENT], [{ labels: 0, hours: 1 }, { labels: 1, hours: 0 }, { labels: 1 }]],
  ['watch', [{ labels: 1, hours: 0.5 }, ABSENT], [{ labels: 0, hours: 1 }, { labels: 1, hours: 0 }, { hours: 1 }]],
  ['wait', [], [1]],
])

edges('its gates', Plan, { gates: { error_rate: { at_most: 0.1 } } }, [
  ['gates.error_rate.at_most', [1e-6, 0.999], [0, 1e-7, 1, '0.1', null]],
  [
    'gates.error_rate_vs_stable',
    [false, {}, { ratio_at_most: 1 }, { ratio_at_most: 100, above: 1e-6 }, { above: 0.999 }],
    [true, { ratio_at_most: 0.9 }, { ratio_at_most: 101 }, { above: 0 }, { above: 1 }],
  ],
  ['gates.latency', [{ p99_ratio_at_most: 1.01 }], [{ p99_ratio_at_most: 1 }, {}]],
  ['gates.score_shift', [{ mean_abs_at_most: 1e-6 }], [{ mean_abs_at_most: 0 }, {}]],
  [
    'gates.decision_flips',
    [
      { at_most: 1e-6, threshold: 0.5 },
      { at_most: 0.999, threshold: -3 },
    ],
    [{ at_most: 0, threshold: 0.5 }, { at_most: 1, threshold: 0.5 }, { at_most: 0.1 }],
  ],
  [
    'gates.quality',
    [
      {},
      { loss: 'zero_one' },
      { loss: 'squared', range: [0, 400] },
      { loss: 'brier', range: [0, 0.5] },
      { tolerance: 0 },
      { tolerance: 0.1, range: [0, 0.11] },
    ],
    [
      { loss: 'squared' },
      { loss: 'absolute' },
      { tolerance: -0.1 },
      { range: [0, 0] },
      { range: [1, 0] },
      { tolerance: 0.1, range: [0, 0.1] },
      { range: [0] },
      { range: [0, 1, 2] },
    ],
  ],
  ['gates.throughput', [], [{ at_least: 1 }]],
])

const metric = { name: 'revenue', range: [0, 10] }
edges('a metric of the business', Plan, { metrics: [metric] }, [
  ['metrics.0.name', ['a', `a${text(62)}`, 'a_9'], ['', 'A', '9a', '_a', 'a-b', 'ä', `a${text(63)}`, null]],
  ['metrics.0.better', ['higher', 'lower', ABSENT], ['more', null]],
  ['metrics.0.range', [[-1, 1], ABSENT], [[0, 0], [1, 0], [0], ['0', '1'], null]],
  ['metrics.0.tolerance', [0, 9.9, ABSENT], [-1, 10, 11, null]],
  ['metrics.0.min_values', [1, 1_000_000, ABSENT], [0, 1_000_001, 1.5]],
  [
    'metrics',
    [[], ABSENT, 'abcde'.split('').map((name) => ({ name }))],
    [[metric, metric], 'abcdef'.split('').map((name) => ({ name }))],
  ],
])

const ab = { mode: 'ab', metrics: [metric], ab: { metric: 'revenue' } }
edges('a comparison', Plan, ab, [
  ['mode', [], ['canary', 'blue_green', ABSENT]],
  ['ab', [], [ABSENT]],
  ['ab.metric', [], ['clicks', '', null, ABSENT]],
  ['metrics', [], [[], [{ ...metric, name: 'clicks' }], ABSENT]],
  ['ab.share', [1, 10_000, ABSENT], [0, 10_001, 0.5]],
  ['ab.alpha', [0.001, 0.499, ABSENT], [0, 0.5]],
  ['ab.max_values', [10, 10_000_000, ABSENT], [9, 10_000_001, 10.5]],
])

edges('approvals', Plan, { canary: [500, 2500], approvals: [{ before: 500 }] }, [
  ['approvals.0.before', [500, 2500, 'promote'], [501, 0, 10_001, 'end', '500', null, ABSENT]],
  ['approvals.0.role', ['maintainer', 'admin', ABSENT], ['viewer', 'contributor', null]],
  ['approvals', [[], ABSENT, copies(21, { before: 'promote' })], [copies(22, { before: 'promote' })]],
])

edges('freezes of the calendar', Plan, { freeze: [{ cron: '0 18 * * 5', hours: 62 }] }, [
  ['freeze.0.cron', ['* * * * *', text(200)], ['* * * *', '', text(201), null, ABSENT]],
  ['freeze.0.timezone', ['UTC', text(100), ABSENT], [text(101), null]],
  ['freeze.0.hours', [0.1, 744], [0, 745, '1', ABSENT]],
  ['freeze.0.reason', ['', text(200), ABSENT], [text(201), null]],
])

describe('the steps of a plan', () => {
  for (const [what, plan, expected] of [
    ['a canary', { canary: [500, 2500] }, [500, 2500]],
    ['a canary by name', { mode: 'canary', canary: [100] }, [100]],
    ['blue-green, whatever its shares', { mode: 'blue_green', canary: [500] }, [10_000]],
    ['a comparison', { mode: 'ab', canary: [500], ab: { share: 1234 } }, [1234]],
    ['a comparison without a share', { mode: 'ab', canary: [500] }, [5000]],
  ] as const)
    test(`${what} has ${expected.length}`, () => assert.deepEqual(stepsOf(plan), expected))

  test('an approval before the only step of blue-green is taken, before a share that it skips is not', () => {
    const plan = (before: number) => ({ mode: 'blue_green', canary: [500], approvals: [{ before }] })
    assert.ok(Plan.safeParse(plan(10_000)).success)
    assert.ok(!Plan.safeParse(plan(500)).success)
  })
})

edges('an act', rolloutApi.act.body, { action: 'abort', reason: 'r' }, [
  ['action', ['abort', 'resume', 'promote', 'approve'], ['rollback', '', null, ABSENT]],
  ['reason', ['r', text(1000)], ['', text(1001), null, ABSENT]],
  ['override_freeze', [true, false, ABSENT], ['true', null]],
  ['version', [], ['1']],
])

edges('a start', rolloutApi.start.body, { version: '2' }, [
  ['version', ['1', ''], [2, null, ABSENT]],
  ['plan', [{}, ABSENT], [null, { canary: [0] }, []]],
])

const value = { metric: 'revenue', value: 1 }
edges('values of metrics', rolloutApi.metrics.body, { values: [value] }, [
  ['values', [copies(1000, value)], [[], copies(1001, value), value, null, ABSENT]],
  ['values.0.metric', ['m', text(63)], ['', text(64), null]],
  ['values.0.value', [0, -1, 1e300], ['1', null, Number.NaN, Infinity, ABSENT]],
  ['values.0.prediction_id', ['p', text(200), ABSENT], ['', text(201)]],
  ['values.0.version', ['', text(64), ABSENT], [text(65)]],
  ['values.0.id', ['i', text(200), ABSENT], ['', text(201)]],
])

edges('a freeze by hand', rolloutApi.freeze.body, { reason: 'r' }, [
  ['reason', ['r', text(200)], ['', text(201), ABSENT]],
  ['until', ['2026-05-03T00:00:00Z', ABSENT], ['friday', '', null]],
])

edges('recorded traffic', rolloutApi.recorded.query, {}, [
  ['limit', ['1', '20000', 5, ABSENT], ['0', '20001', '1.5', 'all', '-1']],
  ['version', [text(64), ABSENT], [text(65)]],
  ['slices', [text(1000), ABSENT], [text(1001)]],
])
defaults('recorded traffic', rolloutApi.recorded.query, {}, { limit: 5000 })
