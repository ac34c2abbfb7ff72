/** How the health of a provider is drawn and told. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cellsOf, failureText, stripText } from './health.ts'
import type { LlmHealth } from './queries.ts'

type Bucket = LlmHealth['providers'][number]['buckets'][number]
const NO_FAILURES = { rate_limited: 0, server_error: 0, no_answer: 0, cut: 0, denied: 0 }
const bucket = (hour: number, calls: number, failures: Partial<typeof NO_FAILURES> = {}): Bucket => ({
  at: `2026-03-17T0${hour}:00:00.000Z`,
  calls,
  failures: { ...NO_FAILURES, ...failures },
  first_us: { p50: 412_000, p95: 900_000 },
})
const RANGE = {
  since: '2026-03-17T00:00:00.000Z',
  until: '2026-03-17T05:30:00.000Z',
  step_ms: 3_600_000,
  cut_parts: [],
}
const BUCKETS = [bucket(1, 10), bucket(2, 10, { rate_limited: 3, no_answer: 1 }), bucket(4, 4, { server_error: 2 })]

test('each part of the time is a cell, those without calls too', () => {
  const cells = cellsOf(RANGE, BUCKETS)
  assert.deepEqual(
    cells.map(({ kind }) => kind),
    ['none', 'good', 'some', 'none', 'most', 'none'],
  )
  assert.equal(
    cells[2]?.words,
    'from 2026-03-17 02:00 UTC: 10 calls; 4 failed: 3 rate limited, 1 no answer; first byte p50 412 ms',
  )
})

test('a part that was not read whole says so', () => {
  const cells = cellsOf({ ...RANGE, cut_parts: ['2026-03-17T02:00:00.000Z', '2026-03-17T03:00:00.000Z'] }, BUCKETS)
  assert.match(cells[2]?.words ?? '', /: of the newest 10 calls; 4 failed/)
  assert.match(cells[3]?.words ?? '', /: nothing was sent by the newest calls$/)
  assert.match(cells[4]?.words ?? '', /: 4 calls;/)
})

test('who sees no cells is told how many are bad, and which', () => {
  const said = stripText(cellsOf(RANGE, BUCKETS))
  assert.match(said, /^6 parts: 1 without a failure, 1 with failures, 1 mostly failed, 3 without calls\. These: /)
  assert.match(said, /from 2026-03-17 04:00 UTC: 4 calls; 2 failed: 2 server error/)
  assert.equal(stripText(cellsOf(RANGE, [])), '6 parts: 6 without calls')
  assert.equal(failureText(bucket(1, 3)), '')
})
