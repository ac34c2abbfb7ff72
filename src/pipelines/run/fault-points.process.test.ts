/** Where a test may kill the process that moves runs on: after what the point is named for, and before what comes next. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { PipelinesDeps } from '../context/deps.ts'
import { memoryDriver } from '../drivers/memory.fixture.ts'
import { LOCKED } from './idle.fixture.ts'
import { open } from './moves.fixture.ts'

/** What is asked for a step that ends well. */
const STEP = 'tracked, submitted, log, finished, deleted'

/** What of a run others have been asked when a point is passed first, of a run that needs an environment and whose two steps end well. */
const POINTS: readonly (readonly [point: string, asked: string])[] = [
  ['pinned', 'experiment'],
  ['prepared', 'experiment'],
  ['keyed', 'experiment'],
  ['tracked', 'experiment, tracked'],
  ['attempt_opened', 'experiment, tracked'],
  ['submitted', 'experiment, tracked, submitted'],
  ['outputs_stored', 'experiment, tracked, submitted, log'],
  ['attempt_closed', 'experiment, tracked, submitted, log, finished'],
  ['run_closing', `experiment, ${STEP}, ${STEP}`],
]

/** The calls that a room makes of tracking and of its driver, in their order. */
function recorded(): { readonly asked: string[]; readonly changes: Partial<PipelinesDeps> } {
  const asked: string[] = []
  const noting =
    <T>(what: string, answer: T) =>
    (): Promise<T> => {
      asked.push(what)
      return Promise.resolve(answer)
    }
  const driver = memoryDriver()
  const submit = driver.submit.bind(driver)
  driver.submit = async (spec) => {
    await submit(spec)
    asked.push('submitted')
    driver.finish(spec.attempt)
  }
  const tracking = {
    ensureExperiment: noting('experiment', '7'),
    createRun: noting('tracked', undefined),
    finishRun: noting('finished', undefined),
    lastSign: () => Promise.resolve(undefined),
  } as unknown as PipelinesDeps['tracking']
  Object.assign(driver, { storeLog: noting('log', undefined), delete: noting('deleted', undefined) })
  return { asked, changes: { driver, tracking, envs: LOCKED } }
}

/** Notes where the room would be killed at a point's next passing; `passing` counts those of this process. */
function killedAt(t: TestContext, point: string, { passing, asked }: { passing: number; asked: string[] }): string[] {
  const killed: string[] = []
  const unname = (): boolean => Reflect.deleteProperty(process.env, 'SLIPWAY_FAULT')
  t.mock.method(process, 'kill', (_pid: number, signal: string) => {
    killed.push(`${signal} after ${asked.join(', ')}`)
    unname()
  })
  Object.assign(process.env, { SLIPWAY_TEST_HOOKS: '1', SLIPWAY_FAULT: `pipelines.${point}@${passing}` })
  t.after(unname)
  return killed
}

for (const [i, [point, wanted]] of POINTS.entries()) {
  test(`${point}: ${wanted}`, async (t) => {
    const { asked, changes } = recorded()
    const server = await open(t, changes)
    await server.setRun('pr_1', { state: 'waiting', environment: null })
    const killed = killedAt(t, point, { passing: i + 1, asked })
    server.room.start()
    await server.until(() => killed.length > 0, 'it is passed')
    assert.deepEqual(killed, [`SIGKILL after ${wanted}`])
  })
}
