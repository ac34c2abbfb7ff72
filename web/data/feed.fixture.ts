/** Rows that Home tells, for tests that change what they are about. */

export const feedIncident = (opened_at: string) => ({
  id: 'i1',
  endpoint: 'e',
  title: 'unit changed',
  kind: 'drift',
  severity: 'high',
  state: 'open',
  opened_at,
  resolved_at: null,
  affected: { rows: 1 },
  causes: [],
})

export const feedRollout = (created_at: string) => ({
  id: 'r1',
  endpoint: 'e',
  version: '3',
  state: 'paused',
  reason: 'a gate waits',
  awaits: null,
  created_at,
  finished_at: null,
})

export const feedRun = (created_at: string, finished_at: string) => ({
  id: 'p1',
  project: 'a',
  state: 'failed',
  outcome: 'failed',
  message: 'KeyError',
  created_at,
  finished_at,
})
