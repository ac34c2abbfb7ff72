/** Recorded replies of rollouts and freezes for the browser tests, shaped by the contract. */
import type { mergesApi } from '../../src/contract/changes/merges.ts'
import type { Reply } from '../../src/contract/route.ts'
import type { rolloutApi } from '../../src/contract/rollout.ts'
import { NAME } from './fixture-serving.ts'
import { before, noise } from './fixture-tracking.ts'

type Rollout = Reply<typeof rolloutApi.get>
type GateState = Rollout['gates'][number]

const DAY = 86_400_000

function state(given: Partial<GateState> & { gate: string }): GateState {
  return {
    slice: null,
    status: 'passing',
    evidence: 0.02,
    boundary: 80,
    n: 1820,
    n_min: 500,
    candidate: 0.001,
    stable: 0.001,
    interval: null,
    reason: 'no sign that the candidate is worse',
    ...given,
  }
}

/** Nothing but evidence is waited for. */
const CALM = { awaits: null, approvals: [], frozen: null, challengers: [] }

export function rollouts(now: number): Rollout[] {
  const gates = [
    state({
      gate: 'error_rate',
      candidate: 0.0022,
      stable: null,
      evidence: 0.11,
      reason: '4 of 1820 failed; at most 1 % is allowed',
    }),
    state({
      gate: 'error_rate_vs_stable',
      candidate: 0.0022,
      stable: 0.0004,
      evidence: 4.53,
      n: 1803,
      n_min: 0,
      reason: '4 of 1803 failed, 2 of 5412 of stable; 1.5 times as often is allowed, or 0.5 %',
    }),
    state({
      gate: 'latency',
      candidate: 0.0121,
      stable: null,
      evidence: 0.04,
      reason: '22 of 1820 slower than 20.00 ms; at most 3 % is allowed',
    }),
    state({
      gate: 'quality',
      slice: 'carrier = UA',
      status: 'failing',
      evidence: 913,
      boundary: 800,
      candidate: 0.064,
      stable: null,
      interval: [0.041, 0.087],
      n: 640,
      reason: 'carrier = UA: mean loss differs from stable by +0.0640 on 640 labelled rows; at most +0.01 is allowed',
    }),
    state({
      gate: 'quality',
      slice: 'carrier = DL',
      boundary: 800,
      candidate: -0.001,
      stable: null,
      interval: [-0.02, 0.018],
      n: 410,
      n_min: 10,
    }),
    state({
      gate: 'quality',
      status: 'waiting',
      evidence: 1.1,
      n: 120,
      candidate: 0.002,
      stable: null,
      interval: [-0.011, 0.015],
      reason: 'not enough data: 120 of 500',
    }),
  ]
  const plan = {
    shadow: { requests: 1000, labels: 0 },
    canary: [1000, 2500, 5000],
    each: { min_requests: 500 },
    gates: {
      error_rate: { at_most: 0.01 },
      error_rate_vs_stable: { ratio_at_most: 1.5, above: 0.005 },
      quality: { loss: 'brier' as const, tolerance: 0.01 },
    },
    slices: ['carrier'],
    alpha: 0.05,
    max_wait_hours: 168,
    on_failure: 'pause' as const,
  }
  const verdict = (i: number, decision: Rollout['verdicts'][number]['decision'], step: string, reason: string) => ({
    id: `rv_${i}`,
    rollout_id: 'ro_2',
    at: before(now, (60 - i * 12) * 60_000),
    event_time: `2013-08-0${i + 1}T12:00:00.000Z`,
    step,
    decision,
    reason,
    gates: decision === 'pause' ? gates : [],
    rules: 2,
  })
  const done = {
    endpoint: NAME,
    model: NAME,
    created_by: 'ada',
    plan,
    failed_requests: 0,
    gates: [],
    verdicts: [],
    ...CALM,
  }
  return [
    {
      ...done,
      id: 'ro_2',
      version: '3',
      stable_version: '2',
      state: 'paused',
      step: 'canary 2500',
      weight: 2500,
      created_at: before(now, 60 * 60_000),
      finished_at: null,
      reason: 'the quality gate fails on carrier = UA',
      gates,
      failed_requests: 4,
      verdicts: [
        verdict(0, 'advance', 'shadow', '1,000 rows scored by both; scores differ by 0.012 on average'),
        verdict(1, 'advance', 'canary 1000', 'every gate holds after 512 requests'),
        verdict(2, 'pause', 'canary 2500', 'the quality gate fails on carrier = UA by 0.064'),
      ],
    },
    {
      ...done,
      id: 'ro_1',
      version: '2',
      stable_version: '1',
      state: 'promoted',
      step: 'done',
      weight: 10_000,
      created_at: before(now, 2 * DAY + 3_600_000),
      finished_at: before(now, 2 * DAY),
      reason: 'every gate held',
    },
  ]
}

/** An A/B whose metric is decided, that waits for a person, on an endpoint that is frozen. */
export function comparison(now: number): Rollout[] {
  const [, done] = rollouts(now)
  if (done === undefined) return []
  const bought = { candidate: 0.342, stable: 0.297, interval: [0.011, 0.079] as [number, number], n: 4120, n_min: 500 }
  return [
    {
      ...done,
      id: 'ro_3',
      endpoint: 'iris',
      model: 'iris',
      version: '5',
      stable_version: '4',
      state: 'canary',
      step: 'A/B 50 %',
      weight: 5000,
      created_at: before(now, DAY),
      finished_at: null,
      plan: {
        ...done.plan,
        mode: 'ab',
        metrics: [
          { name: 'bought', better: 'higher', range: [0, 1], tolerance: 0, min_values: 500 },
          { name: 'returned', better: 'lower', range: [0, 1], tolerance: 0.02, min_values: 500 },
        ],
        ab: { share: 5000, metric: 'bought', alpha: 0.05, max_values: 20_000 },
        approvals: [{ before: 'promote', role: 'admin' }],
      },
      reason: 'waits for the approval of an admin before promotion',
      awaits: { before: 'promote', role: 'admin' },
      approvals: [{ before: 5000, by: 'grace', at: before(now, DAY), reason: 'approve by grace: go' }],
      frozen: 'frozen until it is lifted: end of quarter (ada)',
      challengers: ['6'],
      gates: [
        state({ gate: 'metric bought', metric: 'bought', ...bought }),
        state({
          gate: 'metric returned',
          metric: 'returned',
          candidate: 0.051,
          stable: 0.048,
          interval: [-0.012, 0.018],
          n: 4100,
        }),
      ],
    },
  ]
}

/** An A/B that paused because its users do not come in the plan's shares. */
export function biased(now: number): Rollout[] {
  return comparison(now).map((one) => ({
    ...one,
    id: 'ro_4',
    endpoint: 'shop',
    model: 'shop',
    state: 'paused' as const,
    weight: 0,
    reason:
      "the split is not the plan's, so the sides are not alike: 1376 of 3120 users met the candidate; the plan gives it 50 %",
    awaits: null,
    approvals: [],
    frozen: null,
    challengers: [],
    gates: [
      ...one.gates,
      state({
        gate: 'sample_ratio',
        status: 'failing',
        evidence: 4.1e7,
        boundary: 1000,
        n: 3120,
        n_min: 0,
        candidate: 0.441,
        stable: null,
        reason: '1376 of 3120 users met the candidate; the plan gives it 50 %',
      }),
    ],
  }))
}

export function freeze(now: number, endpoint: string): Reply<typeof rolloutApi.getFreeze> {
  const held = { reason: 'end of quarter', until: null, at: before(now, DAY), by: 'ada' }
  return { freeze: endpoint === 'iris' ? held : null }
}

/** One by hand, and one by the calendar of a plan. */
export function freezes(now: number): Reply<typeof rolloutApi.freezes> {
  return {
    items: [
      { endpoint: 'iris', reason: 'end of quarter', until: null, by: 'ada' },
      { endpoint: 'shop', reason: 'weekend', until: before(now, -DAY), by: null },
    ],
  }
}

export function curve(id: string): Reply<typeof rolloutApi.curve> {
  const grow = (rate: number, length = 60) =>
    Array.from({ length }, (_, i) => ({ n: (i + 1) * 11, evidence: Math.exp(rate * i + (noise(i) - 0.5) * 0.8) }))
  const series = (gate: string, rate: number, more: { slice?: string; boundary?: number; length?: number } = {}) => ({
    gate,
    slice: more.slice ?? null,
    boundary: more.boundary ?? 80,
    points: grow(rate, more.length),
  })
  if (id === 'ro_4') return { series: [series('metric bought', 0.01), series('sample_ratio', 0.3, { boundary: 1000 })] }
  if (id === 'ro_3') return { series: [series('metric bought', 0.01), series('metric returned', -0.02)] }
  return {
    series: [
      series('error_rate', -0.03),
      series('error_rate_vs_stable', 0.03),
      series('latency', -0.05),
      series('quality', 0.116, { slice: 'carrier = UA', boundary: 800 }),
      series('quality', -0.02, { slice: 'carrier = DL', boundary: 800 }),
      series('quality', 0.002, { length: 11 }),
    ],
  }
}

/** Two merges that were promoted; of a version, its own. */
export function mergeTimes(now: number, empty: boolean, version: string | null = null): Reply<typeof mergesApi.times> {
  const one = {
    commit: '4f1c9ab20d3e5f6a7b8c9d0e1f2a3b4c5d6e7f80',
    merged_at: before(now, 3_871_000),
    run: 'run_01k2b9d',
    project: 'flight-delay',
    model: NAME,
    version: '3',
    rollout: 'rol_1',
    endpoint: 'flight-delay',
    promoted_at: before(now, 3_600_000),
    ms: 271_000,
    parts: { queue: 42_000, environment: 8000, training: 96_000, gates: 5000, image: 20_000, rollout: 100_000 },
  }
  const earlier = {
    ...one,
    version: '2',
    rollout: 'rol_0',
    merged_at: before(now, DAY + 301_000),
    promoted_at: before(now, DAY),
    ms: 301_000,
    parts: { ...one.parts, rollout: 130_000 },
  }
  const items = empty ? [] : [one, earlier].filter((merged) => (version ?? merged.version) === merged.version)
  if (items.length === 0) return { items, median_ms: null, slowest: null }
  return { items, median_ms: 286_000, slowest: { part: 'rollout', median_ms: 115_000 } }
}
