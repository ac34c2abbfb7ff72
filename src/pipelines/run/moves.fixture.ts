/** A run that a room of its own moves on, with a driver and a tracking without processes and a clock that stands. */
import type { TestContext } from 'node:test'
import { until } from '../../../test/until.ts'
import { Leases } from '../../jobs/leases.ts'
import type { PipelinesDeps } from '../context/deps.ts'
import { openPipelines, type Pipelines } from '../pipelines.ts'
import { serve, type Server } from './attempts.fixture.ts'
import { LOCK } from './idle.fixture.ts'

const YAML = `project: p
pipeline:
  steps:
    a: {run: a:main, silent_timeout: 60s, retries: {timeout: 1}}
    b: {run: a:main, after: [a], seed: 1}
`
const TRACKING = {
  ensureExperiment: () => Promise.resolve('7'),
  createRun: () => Promise.resolve(),
  finishRun: () => Promise.resolve(),
  lastSign: () => Promise.resolve(undefined),
} as unknown as PipelinesDeps['tracking']

export interface Room extends Server {
  readonly room: Pipelines
  state(step: string): Promise<string | undefined>
  /** Waits until something is so. */
  until(wanted: () => unknown, what: string): Promise<void>
}

/** A room of its own that moves `pr_1`, which has its environment, once it is started. */
export async function open(t: TestContext, changes: Partial<PipelinesDeps> = {}): Promise<Room> {
  const server = await serve(t, { tracking: TRACKING, capacity: { cpus: 1, memory_bytes: 2 ** 40 }, ...changes })
  await server.begin({ 'slipway.yaml': YAML, 'a.py': 'def main(): pass\n' }, { id: 'pr_1' })
  await server.setRun('pr_1', { state: 'running', environment: LOCK.digest, experiment_id: '7' })
  // it never takes a lease from one that is only slow
  const room = openPipelines(
    server.context.deps,
    new Leases(server.store.db, { now: () => server.clock.now, steady: () => 0 }),
  )
  t.after(() => room.stop())
  return {
    ...server,
    room,
    state: async (step) => (await server.read('pr_1')).steps.find(({ name }) => name === step)?.state,
    async until(wanted, what) {
      await until(
        async () => `${what}: ${JSON.stringify(await server.read('pr_1'))}`,
        async () => (await wanted()) === true,
      )
    },
  }
}

/** A call that has been made and is not answered yet. */
export function held(): { called: boolean; answer: () => void; readonly call: () => Promise<void> } {
  const { promise, resolve: answer } = Promise.withResolvers<void>()
  const one = { called: false, answer, call: () => ((one.called = true), promise) }
  return one
}
