/** How steps stand in line, as the rows say it: of the caller's projects, beside the places of the whole server. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StepQueue } from '../../contract/runs/places.ts'
import { openIdle } from './idle.fixture.ts'
import { viewQueue } from './queue.ts'

const HOUR = 3_600_000
const GIB = 2 ** 30

const files = (project: string): Record<string, string> => ({
  'slipway.yaml': `project: ${project}\npipeline: {steps: {a: {run: a:main}, b: {run: a:main}, c: {run: a:main}}}\n`,
  'a.py': 'def main(): pass\n',
})

test('running, waiting, since when, taken and failed', async (t) => {
  const idle = await openIdle(t, { capacity: { cpus: 8, memory_bytes: 16 * GIB } })
  const { deps } = idle.context
  const nothing = { taken: 0, total: 8 }
  assert.deepEqual(StepQueue.parse(await viewQueue(deps, null)), {
    cpus: nothing,
    memory_bytes: { taken: 0, total: 16 * GIB },
    running: 0,
    waiting: 0,
    oldest_wait_ms: null,
    failed_last_day: 0,
    slow_starts: null,
    clusters: [],
  })
  const [one, two] = [await idle.begin(files('one')), await idle.begin(files('two'))]
  const now = idle.clock.now
  for (const id of [one, two]) await idle.setRun(id, { state: 'running' })
  await idle.setStep(one, 'a', { state: 'running' })
  await idle.attempt(one, 'a', 1, { state: 'failed', finished_at: now - 25 * HOUR })
  await idle.attempt(one, 'a', 2, { state: 'lost', finished_at: now - 23 * HOUR })
  await idle.attempt(one, 'a', 3, { cpus: 3, memory_bytes: 2 * GIB })
  await idle.setStep(one, 'b', { state: 'ready', ready_at: now - 9000 })
  await idle.setStep(one, 'c', { state: 'ready', ready_at: now - 90_000, retry_at: now + 1 })
  await idle.setStep(two, 'a', { state: 'ready', ready_at: now - 5000 })
  await idle.attempt(two, 'a', 1, { state: 'succeeded', finished_at: now })
  const places = { cpus: { taken: 3, total: 8 }, memory_bytes: { taken: 2 * GIB, total: 16 * GIB } }
  const all = {
    ...places,
    running: 1,
    waiting: 2,
    oldest_wait_ms: 9000,
    failed_last_day: 1,
    slow_starts: null,
    clusters: [],
  }
  assert.deepEqual(await viewQueue(deps, null), all)
  const second = {
    ...places,
    running: 0,
    waiting: 1,
    oldest_wait_ms: 5000,
    failed_last_day: 0,
    slow_starts: null,
    clusters: [],
  }
  assert.deepEqual(await viewQueue(deps, 'two'), second)
})
