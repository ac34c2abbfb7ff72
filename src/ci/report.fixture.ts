/** A report as the server answers it, for tests that change what they are about. */
import type { ChangeReport } from '../contract/changes/report.ts'

export const COMMIT = 'a'.repeat(40)
export const BASE = 'b'.repeat(40)

type Gate = ChangeReport['gates'][number]

export function gate(changed: Partial<Gate> = {}): Gate {
  return {
    gate: { metric: 'roc_auc', at_least: 0.6 },
    name: 'roc_auc at least 0.6',
    outcome: 'passed',
    reason: 'roc_auc is 0.71',
    value: 0.71,
    threshold: 0.6,
    interval: [0.69, 0.73],
    n: 2000,
    slice: null,
    evidence: {},
    ...changed,
  }
}

const NO_BASELINE = { version: null, run: null, commit: null, note: 'nothing is in production yet' }

export function changeReport(changed: Partial<ChangeReport> = {}): ChangeReport {
  const nobody = { candidate: null, production: null, merge_base: null }
  return {
    verdict: 'passed',
    reason: 'its gate is passed',
    project: 'flights',
    run: { id: 'pr_1', commit: COMMIT, clean: true, created_at: '2026-05-03T10:00:00.000Z', state: 'succeeded' },
    model: { name: 'flight-delay', version: '2' },
    baselines: { production: NO_BASELINE, merge_base: { ...NO_BASELINE, note: 'no merge base was named' } },
    gates: [gate()],
    metrics: [{ metric: 'roc_auc', value: 0.71, gated: true, production: null, merge_base: null }],
    metrics_gone: [],
    slices: [],
    slices_note: 'no baseline could be scored on the rows of the candidate',
    data: [],
    packages: [],
    packages_note: 'there is no environment to compare with',
    steps: [{ name: 'train', state: 'succeeded', why: 'it never ran before', duration_ms: 1234 }],
    cost_micro_dollars: { candidate: 1200, merge_base: null },
    duration_ms: { ...nobody, candidate: 5000 },
    cpu_seconds: { ...nobody, candidate: 3.5 },
    size_bytes: { ...nobody, candidate: 123_456 },
    latency_p95_ms: nobody,
    calibration: nobody,
    reproduce: 'slipway reproduce flight-delay@2',
    ...changed,
  }
}

/** Commit and report of a later push of the same change. */
export const NEWER = 'c'.repeat(40)
export function newerReport(): ChangeReport {
  return changeReport({
    run: { ...changeReport().run, id: 'pr_2', commit: NEWER, created_at: '2026-05-03T10:05:00.000Z' },
  })
}

/** A sentence put wherever a report holds text of a user. */
export function spoken(text: string): ChangeReport {
  return changeReport({
    reason: text,
    project: text,
    model: { name: text, version: '2' },
    baselines: {
      production: { version: '1', run: 'pr_0', commit: BASE, note: text },
      merge_base: { version: null, run: null, commit: null, note: text },
    },
    gates: [gate({ name: text, reason: text, outcome: 'failed' })],
    metrics: [{ metric: text, value: 1, gated: false, production: null, merge_base: null }],
    metrics_gone: [{ metric: text, baseline: 'production', value: 1 }],
    slices: [
      {
        baseline: 'production',
        metric: text,
        slice: text,
        value: text,
        n: 10,
        delta: -1,
        interval: [-2, -0.5],
        harm: 1,
      },
    ],
    slices_note: text,
    data: [
      {
        name: 'training',
        against: 'merge_base',
        same: false,
        compared: true,
        rows: { before: 1, after: 2 },
        added: [text],
        removed: [text],
        retyped: [{ column: text, before: 'number', after: 'text' }],
        drift: [{ column: text, psi: 0.5, nulls_before: 0, nulls_after: 0.5 }],
      },
    ],
    packages: [{ name: text, before: text, after: text }],
    packages_note: text,
    steps: [{ name: text, state: 'failed', why: text, duration_ms: 1 }],
    reproduce: text,
  })
}
