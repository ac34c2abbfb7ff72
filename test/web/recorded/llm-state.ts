/** Recorded states of the loops of language models: all well, and with each thing that may be wrong. */
import type { LlmState } from '../../../src/contract/llm/state.ts'
import { before } from '../fixture-tracking.ts'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

/** One of two servers, on which all is well. */
export function state(now: number): LlmState {
  const lately = before(now, 1000)
  const server = { seen_at: lately, live: true, budgets: 2 }
  return {
    division: {
      state: 'ok',
      off: null,
      divided_at: lately,
      fault: null,
      server: 'srv-1',
      servers: [
        { ...server, id: 'srv-1', name: 'ml-1:/var/slipway', held: '210.5' },
        { ...server, id: 'srv-2', name: 'ml-2:/var/slipway', held: '198.25' },
      ],
      without: [],
      more_without: 0,
    },
    settings: {
      state: 'ok',
      published_at: before(now, 90 * MINUTE_MS),
      checked_at: lately,
      gateways: 2,
      fault: null,
    },
    retention: {
      state: 'ok',
      calls_ms: 90 * DAY_MS,
      content_ms: 30 * DAY_MS,
      ended_at: before(now, 20 * MINUTE_MS),
      removed: { calls: 1200, contents: 3800 },
      oldest: before(now, 90 * DAY_MS),
      fault: null,
    },
    log: { state: 'ok', read_at: lately, bytes: 0, behind_ms: 0, unreadable: 0, fault: null },
  }
}

/** All that may be wrong, at once. */
export function brokenState(now: number): LlmState {
  const { division, settings, retention, log } = state(now)
  const fault = { since: before(now, 5 * MINUTE_MS), at: before(now, 1000), words: 'the database does not answer' }
  const gone = { id: 'srv-2', name: 'ml-2:/var/slipway', seen_at: before(now, 9 * MINUTE_MS), live: false }
  return {
    division: {
      ...division,
      servers: [...division.servers.slice(0, 1), { ...gone, budgets: 2, held: '198.25' }],
      without: [
        { budget: 'bud_1', project: 'default', why: 'gone' },
        { budget: 'bud_2', project: 'default', why: 'others' },
      ],
    },
    settings: { ...settings, state: 'failing', fault },
    retention: { ...retention, state: 'failing', fault },
    log: { ...log, state: 'old', bytes: 5_242_880, behind_ms: 7 * MINUTE_MS, unreadable: 3 },
  }
}
