/** What Home says, and how an endpoint is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { feedIncident, feedRollout, feedRun } from './feed.fixture.ts'
import { needs } from '../../src/contract/needs/needs.ts'
import type { FeedIncident } from '../../src/contract/needs/needs.ts'
import { recentChanges } from './feed.ts'
import { healthOf } from '../../src/contract/needs/health.ts'
import type { HealthVariant } from '../../src/contract/needs/health.ts'

const NOW = Date.parse('2026-05-03T10:00:00Z')
const HOUR = 3_600_000
const at = (ms: number): string => new Date(NOW - ms).toISOString()

const incident = feedIncident(at(HOUR))
const rollout = feedRollout(at(2 * HOUR))
const run = feedRun(at(3 * HOUR), at(3 * HOUR))
const none = { incidents: [], rollouts: [], pipelineRuns: [], newest: [] }

test('what needs someone is told with the one act, incidents first', () => {
  const found = needs(NOW, { incidents: [incident], rollouts: [rollout], newest: [run] })
  assert.deepEqual(
    found.map(({ title, path, act }) => [title, path, act]),
    [
      ['unit changed', '/incidents/i1', 'Investigate'],
      ['The rollout of version 3 on e waits for a decision', '/endpoints/e', 'Review'],
      ['The latest run of a failed', '/pipelines/p1', 'Show the error'],
    ],
  )
  assert.equal(found[0]?.detail, 'e, 1 row affected')
})

test('a rollout that a person has to approve needs someone before it is paused', () => {
  const waiting = (before: number | 'promote') => ({
    ...rollout,
    id: `r${before}`,
    state: 'canary',
    awaits: { before },
  })
  const rollouts = [waiting('promote'), waiting(2500), { ...rollout, state: 'canary' }]
  assert.deepEqual(
    needs(NOW, { ...none, rollouts }).map(({ title, status, path }) => [title, status, path]),
    [
      ['The rollout of version 3 on e waits for an approval before promotion', 'waiting', '/endpoints/e'],
      ['The rollout of version 3 on e waits for an approval before 25 %', 'waiting', '/endpoints/e'],
    ],
  )
})

test('an incident says how many causes go on, once there are several', () => {
  const cause = (severity: string | null, ended_event_time: string | null) => ({ severity, ended_event_time })
  const detail = (causes: FeedIncident['causes']): string | undefined =>
    needs(NOW, { ...none, incidents: [{ ...incident, causes }] })[0]?.detail
  const over = cause('high', at(HOUR))
  assert.equal(detail([cause('low', null), over, cause(null, null)]), 'e, 1 row affected')
  assert.equal(detail([cause('low', null), cause('high', null), over]), 'e, 1 row affected, 2 causes go on')
})

test('what is resolved, promoted, mended since or older than a day needs nobody', () => {
  const mended = { ...run, id: 'p2', state: 'succeeded', outcome: 'succeeded' }
  assert.deepEqual(
    needs(NOW, {
      incidents: [{ ...incident, state: 'resolved' }],
      rollouts: [{ ...rollout, state: 'promoted' }],
      newest: [mended, { ...run, project: 'b', finished_at: at(30 * HOUR) }],
    }),
    [],
  )
})

test('what happened within a day is listed, the newest first', () => {
  const resolved = { ...incident, opened_at: at(30 * HOUR), resolved_at: at(4 * HOUR), state: 'resolved' }
  const failed = { id: 't1', name: 'brave-heron', status: 'FAILED', ended_at: at(HOUR / 2) }
  const runs = [failed, { ...failed, id: 't2', status: 'FINISHED' }]
  const list = recentChanges(NOW, { incidents: [resolved], rollouts: [rollout], pipelineRuns: [run], runs }, 12)
  assert.deepEqual(
    list.map((one) => one.text),
    [
      'Run brave-heron failed',
      'e: rollout of version 3, paused',
      'a: run failed. KeyError',
      'Incident resolved: unit changed',
    ],
  )
  assert.equal(recentChanges(NOW, { ...none, runs: [failed] }, 0).length, 0)
})

const variant = (given: Partial<HealthVariant>): HealthVariant => ({
  role: 'stable',
  version: '1',
  weight: 10_000,
  tripped: null,
  fault: null,
  stats: { requests: 100, errors: 0, requests_per_s: 2, p99_ms: 1.5 },
  ...given,
})

test('the health of an endpoint is one word, the worst first', () => {
  const of = (variants: HealthVariant[], incidents: (typeof incident)[] = []): string =>
    healthOf({ name: 'e', model: 'm', variants }, incidents).word
  assert.equal(of([]), 'no version')
  assert.equal(of([variant({})]), 'healthy')
  assert.equal(of([variant({ stats: null })]), 'idle')
  assert.equal(of([variant({}), variant({ role: 'canary', version: '2' })]), 'releasing')
  assert.equal(of([variant({}), variant({ role: 'canary', version: '2', tripped: 'errors' })]), 'canary stopped')
  assert.equal(of([variant({})], [incident]), 'incident')
  assert.equal(
    of([variant({ stats: { requests: 100, errors: 2, requests_per_s: 2, p99_ms: 1 } })], [incident]),
    'failing',
  )
  assert.equal(of([variant({})], [{ ...incident, endpoint: 'other' }]), 'healthy')
})

test('figures join the variants that answer; a shadow counts for nothing', () => {
  const shadow = variant({
    role: 'shadow',
    version: '9',
    stats: { requests: 900, errors: 900, requests_per_s: 99, p99_ms: 99 },
  })
  const canary = variant({
    role: 'canary',
    version: '2',
    stats: { requests: 100, errors: 1, requests_per_s: 1, p99_ms: 2.5 },
  })
  const health = healthOf({ name: 'e', model: 'm', variants: [variant({}), canary, shadow] }, [])
  assert.deepEqual([health.requestsPerSecond, health.p99, health.errorShare], [3, 2.5, 0.005])
})
