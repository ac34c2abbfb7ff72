/** What holds places, and where: of the caller's project, in the order in which places were taken. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { driversApi } from '../../contract/pipelines/drivers.ts'
import { lineApi } from '../../contract/pipelines/line.ts'
import type { ClusterState } from '../drivers/driver.ts'
import { viewDrivers } from './drivers.ts'
import { openIdle } from '../run/idle.fixture.ts'
import { viewRunning } from './running.ts'

const files = (project: string): Record<string, string> => ({
  'slipway.yaml': `project: ${project}\npipeline: {steps: {a: {run: a:main}, b: {run: a:main}}}\n`,
  'a.py': 'def main(): pass\n',
})
const RAY: ClusterState = {
  name: 'ray',
  ok: true,
  detail: 'Ray answers',
  version: '2.60.0',
  looked_at: 1_750_000_000_000,
  answered_at: 1_750_000_000_000,
  failed: null,
}

test('what runs has its share, its pool and its place in time, and another project is not told of it', async (t) => {
  const driver = { name: 'local', slowStarts: () => 'what forks steps was lost', clusters: async () => [RAY] } as never
  const idle = await openIdle(t, { driver, places: ['local', 'ray'] })
  const { deps } = idle.context
  const [one, two] = [await idle.begin(files('one')), await idle.begin(files('two'))]
  const now = idle.clock.now
  for (const id of [one, two]) await idle.setRun(id, { state: 'running', priority: id === one ? 3 : 0 })
  await idle.attempt(one, 'a', 1, { state: 'failed', finished_at: now })
  await idle.attempt(one, 'a', 2, {
    cpus: 2,
    memory_bytes: 5,
    pool: 'gpus',
    queued_at: now - 5000,
    begun_at: now - 4000,
  })
  await idle.attempt(one, 'b', 1, {
    state: 'submitting',
    driver: 'ray',
    cpus: 0,
    queued_at: now - 9000,
    trouble: 'not reached',
  })
  await idle.attempt(two, 'a', 1, { driver: 'slurm', queued_at: now, begun_at: now })
  const at = (ms: number): string => new Date(now - ms).toISOString()
  const shared = { project: 'one', run: one, priority: 3 }
  const first = { step: 'b', attempt: 1, state: 'starting', driver: 'ray', pool: null, cpus: 0, memory_bytes: 0 }
  const second = { step: 'a', attempt: 2, state: 'running', driver: 'local', pool: 'gpus', cpus: 2, memory_bytes: 5 }
  const own = [
    { ...shared, ...first, since: at(9000) },
    { ...shared, ...second, since: at(5000) },
  ]
  assert.deepEqual(lineApi.runningSteps.reply.parse(await viewRunning(deps.db, 'one', 10)), { items: own, left_out: 0 })
  assert.deepEqual(await viewRunning(deps.db, null, 2), { items: own, left_out: 1 })

  const read = async (project: string | null) =>
    driversApi.listDrivers.reply.parse({ items: await viewDrivers(deps, project) }).items
  const none = { starting: 0, running: 0, starting_since: null, trouble: null, slow_starts: null, health: null }
  const slow = 'what forks steps was lost'
  const { name: _, ...health } = { ...RAY, looked_at: at(0), answered_at: at(0) }
  assert.deepEqual(await read('one'), [
    { ...none, name: 'local', configured: true, running: 1, slow_starts: slow },
    { ...none, name: 'ray', configured: true, health, starting: 1, starting_since: at(9000), trouble: 'not reached' },
  ])
  // of a cluster that is configured no longer, what it still has is told
  assert.deepEqual((await read(null)).at(-1), { ...none, name: 'slurm', configured: false, running: 1 })
  await idle.setRun(one, { state: 'failed' })
  assert.deepEqual((await viewRunning(deps.db, 'one', 10)).items, [])
})
