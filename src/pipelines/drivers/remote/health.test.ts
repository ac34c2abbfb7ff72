/** What is known of a cluster: asked now and then, with its last good answer and its newest trouble. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Health } from './health.ts'
import type { ClusterHealth, Launcher } from './launcher.ts'

/** A launcher of which only its word on the cluster is asked. */
function saying(answer: () => ClusterHealth): Launcher {
  const none = (): Promise<never> => Promise.reject(new Error('not asked here'))
  return { name: 'ray', launch: none, state: none, stop: none, health: async () => answer() }
}

test('of a cluster that is away it is told when it answered last, what went wrong, and which version it had', async (t) => {
  let monotonic = 0
  t.mock.method(performance, 'now', () => monotonic)
  let now = 1000
  let said: ClusterHealth = { ok: true, detail: 'answers', version: '2.60.0' }
  const health = new Health(
    saying(() => said),
    () => now,
  )
  const well = { ok: true, detail: 'answers', version: '2.60.0', looked_at: 1000, answered_at: 1000, failed: null }
  assert.deepEqual(await health.now(), well)
  said = { ok: false, detail: 'refused' }
  now = 5000
  monotonic = 9999
  assert.deepEqual(await health.now(), well, 'asked again too soon')
  monotonic = 10_001
  const failed = { at: 5000, detail: 'refused' }
  const away = { ...well, ok: false, detail: 'refused', looked_at: 5000, failed }
  assert.deepEqual(await health.now(), away)
  said = { ok: true, detail: 'answers', version: '2.61.0' }
  now = 9000
  monotonic = 20_002
  const back = { ...well, version: '2.61.0', looked_at: 9000, answered_at: 9000, failed }
  assert.deepEqual(await health.now(), back)
})

test('who says nothing of a cluster is not asked', async () => {
  const silent = { ...saying(() => ({ ok: true, detail: '' })), health: undefined } as unknown as Launcher
  assert.equal(await new Health(silent, () => 0).now(), undefined)
})
