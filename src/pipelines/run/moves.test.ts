/** The life of what moves runs on: nothing before it leads or after it stops, who is told, and starts that throw. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { Leases } from '../../jobs/leases.ts'
import type { PipelinesDeps } from '../context/deps.ts'
import { openPipelines, type Pipelines } from '../pipelines.ts'
import { serve, type Server } from './attempts.fixture.ts'
import { LOCK } from './idle.fixture.ts'

const YAML = 'project: p\npipeline: {steps: {a: {run: a:main}, b: {run: a:main, after: [a], seed: 1}}}\n'
const TRACKING = {
  ensureExperiment: () => Promise.resolve('7'),
  createRun: () => Promise.resolve(),
  finishRun: () => Promise.resolve(),
} as unknown as PipelinesDeps['tracking']

interface Room extends Server {
  readonly room: Pipelines
  state(step: string): Promise<string | undefined>
  until(wanted: () => unknown, what: string): Promise<void>
}

/** A room of its own that moves `pr_1`, which has its environment, once it is started. */
async function open(t: TestContext, changes: Partial<PipelinesDeps> = {}): Promise<Room> {
  const server = await serve(t, { tracking: TRACKING, concurrency: 1, ...changes })
  await server.begin({ 'slipway.yaml': YAML, 'a.py': 'def main(): pass\n' }, { id: 'pr_1' })
  await server.setRun('pr_1', { state: 'running', environment: LOCK.digest, experiment_id: '7' })
  const room = openPipelines(server.context.deps, new Leases(server.store.db))
  t.after(() => room.stop())
  return {
    ...server,
    room,
    state: async (step) => (await server.read('pr_1')).steps.find(({ name }) => name === step)?.state,
    async until(wanted, what) {
      for (let i = 0; i < 400; i++) {
        if ((await wanted()) === true) return
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      assert.fail(`${what}: ${JSON.stringify(await server.read('pr_1'))}`)
    },
  }
}

/** Enough turns of the database for what was begun to be seen. */
async function turns(server: Server): Promise<void> {
  for (let i = 0; i < 50; i++) await server.read('pr_1')
}

/** A call that has been made and is not answered yet. */
function held(): { called: boolean; answer: () => void; readonly call: () => Promise<void> } {
  let answer = (): void => undefined
  const answered = new Promise<void>((resolve) => (answer = resolve))
  const one = { called: false, answer, call: () => ((one.called = true), answered) }
  return one
}

test('before it leads and after it has stopped a run that is woken does not move', async (t) => {
  const server = await open(t)
  server.room.wake('pr_1')
  await turns(server)
  assert.equal(await server.state('a'), 'waiting')
  server.room.start()
  await server.until(() => server.driver.submitted.length === 1, 'it leads')
  const attempt = server.driver.submitted[0]?.attempt ?? ''
  await server.room.stop()
  server.driver.finish(attempt)
  server.room.wake('pr_1')
  await turns(server)
  assert.equal(await server.state('a'), 'running')
})

/** Starts the room, and stops it while a call is not answered. */
async function stopDuring(server: Room, call: ReturnType<typeof held>): Promise<void> {
  server.room.start()
  await server.until(() => call.called, 'it is called')
  let stopped = false
  const stopping = server.room.stop().then(() => (stopped = true))
  await turns(server)
  assert.equal(stopped, false)
  call.answer()
  await stopping
}

describe('a stop waits for what is under way', () => {
  test('a step that is being decided', async (t) => {
    const lock = held()
    const envs = { lock: () => lock.call().then(() => LOCK) } as unknown as PipelinesDeps['envs']
    const server = await open(t, { envs })
    await stopDuring(server, lock)
    assert.equal(await server.state('a'), 'ready')
    assert.deepEqual((await server.read('pr_1')).attempts, [], 'nothing is begun after that')
  })
  test('an attempt that is being submitted', async (t) => {
    const server = await open(t)
    const submission = held()
    server.driver.submit = submission.call
    await stopDuring(server, submission)
    assert.equal((await server.read('pr_1')).attempts[0]?.state, 'running')
  })
})

test('whoever watches is told of what changes, and of nothing while nothing does', async (t) => {
  let told = 0
  const server = await open(t, { changed: () => void told++ })
  server.room.start()
  const attempt = (): string => server.driver.submitted[0]?.attempt ?? ''
  const looks = (): number => server.driver.looks.get(attempt()) ?? 0
  await server.until(() => looks() >= 3, 'it runs')
  const before = { told, looks: looks() }
  assert.ok(told > 0)
  await server.until(() => looks() >= before.looks + 3, 'it is looked at')
  assert.equal(told, before.told)
  server.driver.finish(attempt())
  await server.until(() => server.driver.submitted.length === 2, 'the next step runs')
  assert.ok(told > before.told)
})

describe('a start that throws', () => {
  const SAID = 'cannot be started by a fault of the server, whose log has the reason; it is tried again'

  /** A run that cannot be noted as preparing. */
  async function stuck(t: TestContext): Promise<Room> {
    const envs = {
      resolve: () => Promise.resolve(LOCK),
      lock: () => Promise.resolve(LOCK),
      python: () => Promise.resolve(''),
    }
    const server = await open(t, { envs })
    await server.setRun('pr_1', { state: 'waiting', environment: null })
    await server.store.db.tx((tx) =>
      tx.run(
        `CREATE TRIGGER full BEFORE UPDATE ON pipeline_runs WHEN NEW.state = 'preparing'
         BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`,
      ),
    )
    server.room.start()
    await server.until(() => server.errors.length >= 2, 'it is tried again')
    assert.match(String(server.errors[1]), /the disk is full/)
    assert.equal(server.room.context.doing('pr_1'), SAID)
    return server
  }

  test('says so until it succeeds', async (t) => {
    const server = await stuck(t)
    await server.store.db.tx((tx) => tx.run('DROP TRIGGER full'))
    await server.until(() => server.driver.submitted.length === 1, 'it goes on')
    assert.equal(server.room.context.doing('pr_1'), undefined)
  })
  test('says so until the run has ended in another way', async (t) => {
    const server = await stuck(t)
    await server.setRun('pr_1', { state: 'cancelled' })
    await server.until(() => server.room.context.doing('pr_1') === undefined, 'it says nothing any more')
  })
})

test('a driver that cannot say what it holds is asked again before anything moves', async (t) => {
  const server = await open(t)
  const list = server.driver.list.bind(server.driver)
  let faults = 0
  server.driver.list = () => (faults++ === 0 ? Promise.reject(new Error('EIO')) : list())
  server.room.start()
  await server.until(() => server.driver.submitted.length === 1, 'it leads all the same')
  assert.match(String(server.errors[0]), /EIO/)
})
