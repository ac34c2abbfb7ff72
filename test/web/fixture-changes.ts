/** The report of a change in which everything happens: a gate that fails, slices that became worse, data and packages that changed. */
import type { ChangeReport } from '../../src/contract/changes/report.ts'
import { gate } from './fixture-gates.ts'

const delta = (value: number, change: number, better: boolean | null) => ({
  value,
  delta: change,
  better,
  interval: [change - 0.004, change + 0.004] as [number, number],
  n: 28_243,
  method: 'DeLong, same rows',
})

export function changeReport(at: string): ChangeReport {
  return {
    verdict: 'failed',
    reason: 'roc_auc at least 0.77: roc_auc is 0.7602',
    project: 'flights',
    run: { id: 'run_01k2b9d', commit: 'c0ffee'.repeat(6) + 'beef', clean: false, created_at: at, state: 'refused' },
    model: { name: 'flight-delay', version: '7' },
    baselines: {
      production: { version: '5', run: 'run_01k2a8f', commit: 'ab'.repeat(20), note: '' },
      merge_base: { version: null, run: null, commit: null, note: 'no run was made of the merge base' },
    },
    gates: [
      gate({
        gate: { metric: 'roc_auc', at_least: 0.77 },
        name: 'roc_auc at least 0.77',
        outcome: 'failed',
        reason: 'roc_auc is 0.7602',
        value: 0.7602,
        threshold: 0.77,
        interval: [0.755, 0.765],
        n: 28_243,
      }),
      gate({ gate: { signature: 'compatible' }, name: 'signature compatible', reason: 'the same 22 inputs' }),
    ],
    metrics: [
      { metric: 'roc_auc', value: 0.7602, gated: true, production: delta(0.7707, -0.0105, false), merge_base: null },
      { metric: 'log_loss', value: 0.548, gated: false, production: delta(0.5315, 0.0165, null), merge_base: null },
    ],
    metrics_gone: [{ metric: 'brier', baseline: 'production', value: 0.1767 }],
    slices: [
      {
        baseline: 'production',
        metric: 'roc_auc',
        slice: 'carrier',
        value: '<UA & co>',
        n: 4660,
        delta: -0.041,
        interval: [-0.06, -0.02],
        harm: 0.0067,
      },
    ],
    slices_note: 'looked at carrier, origin',
    data: [
      {
        name: 'training',
        against: 'production',
        same: false,
        compared: true,
        rows: { before: 128_000, after: 156_243 },
        added: ['wind_gust'],
        removed: [],
        retyped: [{ column: 'tail', before: 'number', after: 'text' }],
        drift: [{ column: 'temp', psi: 0.31, nulls_before: 0, nulls_after: 0.021 }],
      },
      {
        name: 'hold-out',
        against: 'production',
        same: true,
        compared: true,
        rows: null,
        added: [],
        removed: [],
        retyped: [],
        drift: [],
      },
    ],
    packages: [{ name: 'scikit-learn', before: '1.6.1', after: '1.7.2' }],
    packages_note: 'against production',
    steps: [
      { name: 'ingest', state: 'cached', why: 'nothing changed', duration_ms: 0 },
      { name: 'train', state: 'succeeded', why: 'its code changed', duration_ms: 61_000 },
    ],
    cost_micro_dollars: { candidate: 41_000, merge_base: null },
    duration_ms: { candidate: 92_000, production: 88_000, merge_base: null },
    cpu_seconds: { candidate: 131, production: 120, merge_base: null },
    size_bytes: { candidate: 1_204_000, production: 1_190_000, merge_base: null },
    latency_p95_ms: { candidate: null, production: 1.8, merge_base: null },
    calibration: {
      candidate: { brier: 0.1845, ece: 0.021, n: 28_243, mean_score: 0.379, base_rate: 0.348 },
      production: { brier: 0.1767, ece: 0.018, n: 28_243, mean_score: 0.3235, base_rate: 0.348 },
      merge_base: null,
    },
    reproduce: 'slipway reproduce flight-delay@7',
  }
}
