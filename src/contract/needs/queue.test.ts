/** What Home says of the queue: not of a wait that is short, nor of a cluster that answers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { queueNeeds } from './queue.ts'

const NOW = Date.UTC(2026, 4, 3, 12)
const MINUTE = 60_000
const share = { taken: 0, total: 4 }
const queue = (oldest_wait_ms: number | null) => ({
  cpus: share,
  memory_bytes: share,
  running: 2,
  waiting: oldest_wait_ms === null ? 0 : 1,
  oldest_wait_ms,
  failed_last_day: 0,
  slow_starts: null,
  clusters: [{ name: 'ray', ok: true, detail: 'Ray answers' }],
})

test('a step that has waited for more than half an hour is told, with when it began to', () => {
  for (const quiet of [undefined, queue(null), queue(30 * MINUTE)]) assert.deepEqual(queueNeeds(quiet, NOW), [])
  const [need, ...more] = queueNeeds(queue(95 * MINUTE), NOW)
  assert.deepEqual(more, [])
  assert.equal(need?.title, 'A step has waited 1 h 35 min for a place')
  assert.match(need.detail, /^1 step waits and 2 run/)
  assert.deepEqual([need.at, need.path], ['2026-05-03T10:25:00.000Z', '/queue'])
})

test('a cluster that takes no steps is told with its reason', () => {
  const away = { name: 'slurm', ok: false, detail: 'its token has expired' }
  const told = queueNeeds({ ...queue(null), clusters: [{ name: 'ray', ok: true, detail: '' }, away] }, NOW)
  assert.deepEqual(
    told.map(({ title, detail, path }) => [title, detail, path]),
    [['The slurm cluster takes no steps', 'Its token has expired', '/clusters']],
  )
})
