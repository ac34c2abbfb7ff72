/** Faults of the server that keep a run from going on: tried again after pauses that grow, at last the end of what they hold up. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { until } from '../../../test/until.ts'
import { problem } from '../../contract/errors.ts'
import { Leases } from '../../jobs/leases.ts'
import { Context, stepOf } from '../context/context.ts'
import type { PipelinesDeps } from '../context/deps.ts'
import type { RunRow } from '../context/rows.ts'
import { openPipelines } from '../pipelines.ts'
import { serve, type Server } from './attempts.fixture.ts'
import { tryFinish, tryKey, tryRead } from './faults.ts'
import { LOCK } from './idle.fixture.ts'
import { trackingRunOf } from './tracking-run.ts'
import { viewRun } from './view.ts'

/** Pauses before the tries after the first, ms: they double, and without chance they are the lower half. */
const PAUSES = [500, 1000, 2000, 4000, 8000]
const AWAY = problem('unavailable', { what: 'the database', detail: 'away' })
const STEPS = '{a: {run: a:main, outputs: [m]}, b: {run: a:main, inputs: {m: a.m}}, c: {run: a:main}}'
const OUTPUTS = JSON.stringify({ m: { digest: 'sha256:m', size: 1, files: 1 } })

interface Given {
  readonly steps?: Readonly<Record<string, string>>
  readonly changes?: Partial<PipelinesDeps>
}

/** A run under way, `pr_1`, with a model; `steps` says the states of its steps. */
async function running(t: TestContext, { steps = {}, changes = {} }: Given = {}): Promise<Server> {
  const server = await serve(t, changes)
  const yaml = `project: p\npipeline: {steps: ${STEPS}}\nmodel: {name: toy, from: a.m}\n`
  await server.begin({ 'slipway.yaml': yaml, 'a.py': 'def main(): pass\n' }, { id: 'pr_1' })
  await server.setRun('pr_1', { state: 'running', environment: LOCK.digest })
  for (const [name, state] of Object.entries(steps)) {
    await server.setStep('pr_1', name, { state, outputs: name === 'a' && state === 'succeeded' ? OUTPUTS : '{}' })
  }
  return server
}

async function runOf(server: Server): Promise<RunRow> {
  return (await server.read('pr_1')).run
}

async function statesOf(server: Server): Promise<string[]> {
  return (await server.read('pr_1')).steps.map((step) => step.state)
}

/** Tries five times, each when it is due and once a millisecond too early, and then once more. */
async function tryUntilSpent(server: Server, what: string, tries: () => Promise<boolean>): Promise<void> {
  for (const [i, pause] of PAUSES.entries()) {
    assert.equal(await tries(), false)
    const run = await runOf(server)
    assert.match(run.message, new RegExp(`^${what}, and is tried again \\(try ${i + 1} of 6\\): `))
    server.clock.now += pause - 1
    assert.equal(await tries(), false)
    assert.equal(server.errors.length, i + 1, 'before its time nothing is tried')
    server.clock.now += 1
  }
  await tries()
  assert.equal(server.errors.length, 6, 'whoever runs the server is told each time')
}

describe('a run that cannot be closed', () => {
  const done = { a: 'succeeded', b: 'succeeded', c: 'cached' }
  const finish = async (server: Server): Promise<boolean> => tryFinish(server.context, await server.read('pr_1'))

  test('has six tries, and then ends as failed with the reason', async (t) => {
    let asked = 0
    const registerModel = () => Promise.reject((asked++, AWAY))
    const server = await running(t, { steps: done, changes: { registerModel } })
    await tryUntilSpent(server, 'the run could not be closed', () => finish(server))
    const run = await runOf(server)
    assert.deepEqual([run.state, run.outcome, run.finished_at], ['failed', 'failed', server.clock.now])
    assert.equal(run.message, `the run could not be closed in 6 tries: ${AWAY.message}`)
    assert.deepEqual([asked, await statesOf(server)], [6, ['succeeded', 'succeeded', 'cached']])
  })
  test('says so while it waits, and is closed when that is over', async (t) => {
    let fault: Error | undefined = new Error('EIO')
    const good = { version: '4', passed: true, detail: 'all gates hold' }
    const registerModel = () => (fault === undefined ? Promise.resolve(good) : Promise.reject(fault))
    const server = await running(t, { steps: done, changes: { registerModel } })
    await finish(server)
    const { message } = await viewRun(server.context, await server.read('pr_1'))
    assert.equal(message, 'the run could not be closed, and is tried again (try 1 of 6): EIO')
    fault = undefined
    server.clock.now += 500
    assert.equal(await finish(server), true)
    const run = await runOf(server)
    assert.deepEqual([run.outcome, run.message.split(':')[0]], ['succeeded', 'toy version 4'])
  })
  test('and is to be cancelled ends at once, without a pause or a second try', async (t) => {
    const server = await running(t, { steps: done, changes: { registerModel: () => Promise.reject(AWAY) } })
    await finish(server)
    await server.setRun('pr_1', { desired_state: 'cancel' })
    assert.equal(await finish(server), true)
    const run = await runOf(server)
    assert.deepEqual([run.state, run.outcome, run.message], ['cancelled', 'cancelled', 'was cancelled'])
  })
})

describe('a step of which it cannot be decided whether it has to run', () => {
  const envs = (fault: { now: boolean }) =>
    ({
      lock: () => (fault.now ? Promise.reject(new Error('EACCES')) : Promise.resolve(LOCK)),
    }) as unknown as PipelinesDeps['envs']
  const key = async (server: Server, name: string): Promise<boolean> => {
    const tree = await server.read('pr_1')
    return tryKey(server.context, tree, stepOf(await server.context.spec(tree.run.version_id), name))
  }

  test('has six tries and fails alone; the next has six tries of its own', async (t) => {
    const server = await running(t, { changes: { envs: envs({ now: true }) } })
    const said = 'it could not be decided whether it has to run'
    await tryUntilSpent(server, said, () => key(server, 'a'))
    const [a] = (await server.read('pr_1')).steps
    const failure = { class: 'infrastructure', message: `${said} in 6 tries: EACCES`, traceback: null }
    assert.deepEqual([a?.state, a?.failure, a?.finished_at], ['failed', failure, server.clock.now])
    assert.deepEqual(await statesOf(server), ['failed', 'waiting', 'waiting'])
    const { state, message } = await runOf(server)
    assert.deepEqual([state, message], ['running', ''])
    await key(server, 'c')
    assert.match((await runOf(server)).message, /try 1 of 6/)
  })
  test('is decided when that is over, and the count begins anew', async (t) => {
    const fault = { now: true }
    const server = await running(t, { changes: { envs: envs(fault) } })
    await key(server, 'a')
    fault.now = false
    server.clock.now += 500
    assert.equal(await key(server, 'a'), true)
    const { message, faults, fault_retry_at } = await runOf(server)
    assert.deepEqual([message, faults, fault_retry_at], ['', 0, null])
    assert.deepEqual(await statesOf(server), ['ready', 'waiting', 'waiting'])
  })
})

describe('a run whose stored project file cannot be read', () => {
  const steps = { a: 'succeeded', b: 'running', c: 'ready' }
  const broken: [string, string][] = [
    ['is no JSON', '{'],
    ['is empty', 'null'],
    ['has not its steps', '{"steps": []}'],
  ]
  /** The attempts run; one of them was lost before its tracking run was noted. */
  async function unreadable(
    t: TestContext,
    spec: string,
  ): Promise<Server & { whole: string; look: () => Promise<boolean> }> {
    const server = await running(t, { steps })
    await server.attempt('pr_1', 'a', 1, { state: 'succeeded' })
    await server.attempt('pr_1', 'b', 1, { tracking_run_id: 'track' })
    await server.attempt('pr_1', 'b', 2, { state: 'submitting' })
    const stored = await server.store.db.get<{ spec: string }>('SELECT spec FROM pipeline_versions')
    await server.store.db.tx((tx) => tx.run('UPDATE pipeline_versions SET spec = ?', [spec]))
    // a server that has not read it before
    const fresh = new Context(server.context.deps)
    return { ...server, whole: stored?.spec ?? '', look: async () => tryRead(fresh, await server.read('pr_1')) }
  }

  for (const [name, spec] of broken) {
    test(`since it ${name} ends after six tries, and what runs of it is killed`, async (t) => {
      const server = await unreadable(t, spec)
      await tryUntilSpent(server, 'its project file could not be read', server.look)
      const { run, attempts, steps: rows } = await server.read('pr_1')
      assert.deepEqual([run.state, run.outcome, run.finished_at], ['failed', 'failed', server.clock.now])
      assert.match(run.message, /^its project file could not be read in 6 tries: /)
      assert.deepEqual(
        rows.map((row) => [row.state, row.failure?.message ?? row.reason]),
        [
          ['succeeded', ''],
          ['failed', run.message],
          ['skipped', 'the run could not go on'],
        ],
      )
      assert.deepEqual(
        attempts.map((row) => [row.state, row.failure?.class, row.finished_at]),
        [
          ['succeeded', undefined, null],
          ['failed', 'infrastructure', server.clock.now],
          ['failed', 'infrastructure', server.clock.now],
        ],
      )
      const [one, two] = ['pr_1.b.1', 'pr_1.b.2']
      assert.deepEqual(server.driver.asked, [`kill ${one}`, `kill ${two}`, `delete ${one}`, `delete ${two}`])
      assert.deepEqual(server.finished, ['FAILED track', `FAILED ${trackingRunOf(two ?? '')}`])
    })
  }
  test('and is to be cancelled is cancelled at once', async (t) => {
    const server = await unreadable(t, '{')
    await server.look()
    await server.setRun('pr_1', { desired_state: 'cancel' })
    await server.look()
    const { run, attempts } = await server.read('pr_1')
    assert.deepEqual([run.state, run.outcome, run.message], ['cancelled', 'cancelled', 'was cancelled'])
    assert.deepEqual(await statesOf(server), ['succeeded', 'cancelled', 'cancelled'])
    assert.deepEqual(
      [attempts[1]?.state, attempts[1]?.failure, server.finished[0]],
      ['cancelled', null, 'KILLED track'],
    )
  })
  test('goes on as soon as it can be read again', async (t) => {
    const server = await unreadable(t, '{')
    await server.look()
    await server.store.db.tx((tx) => tx.run('UPDATE pipeline_versions SET spec = ?', [server.whole]))
    assert.equal(await server.look(), true)
    assert.deepEqual([(await runOf(server)).state, server.driver.asked], ['running', []])
  })
})

describe('what moves runs on', () => {
  /** Moves the run on with a clock that jumps by each pause, until it has ended. */
  async function move(t: TestContext, server: Server): Promise<RunRow> {
    const room = openPipelines(
      { ...server.context.deps, capacity: { cpus: 1, memory_bytes: 2 ** 40 } },
      new Leases(server.store.db),
    )
    room.start()
    t.after(() => room.stop())
    return until(
      async () => `its end: ${JSON.stringify(await server.read('pr_1'))}`,
      async () => {
        const run = await runOf(server)
        server.clock.now = run.fault_retry_at ?? server.clock.now
        return run.finished_at !== null && run
      },
    )
  }

  test('ends a run whose step cannot be decided, with the reason, and skips what needs it', async (t) => {
    const envs = { lock: () => Promise.reject(new Error('EACCES')) } as unknown as PipelinesDeps['envs']
    const server = await running(t, { steps: { c: 'succeeded' }, changes: { envs } })
    const { outcome, message } = await move(t, server)
    assert.deepEqual(
      [outcome, message],
      ['failed', 'step "a" failed: it could not be decided whether it has to run in 6 tries: EACCES'],
    )
    assert.deepEqual([await statesOf(server), server.errors.length], [['failed', 'skipped', 'succeeded'], 6])
  })
  test('ends a run that cannot be closed', async (t) => {
    const steps = { a: 'succeeded', b: 'cached', c: 'cached' }
    const server = await running(t, { steps, changes: { registerModel: () => Promise.reject(AWAY) } })
    assert.match((await move(t, server)).message, /^the run could not be closed in 6 tries/)
    assert.equal(server.errors.length, 6)
  })
  test('ends a run that cannot be read, whose place is then free for another', async (t) => {
    const server = await running(t, { steps: { b: 'running' } })
    await server.attempt('pr_1', 'b', 1)
    const own = { 'slipway.yaml': 'project: q\npipeline: {steps: {a: {run: a:main}}}\n', 'a.py': 'def main(): pass\n' }
    await server.begin(own, { id: 'pr_2' })
    await server.setRun('pr_2', { state: 'running', environment: LOCK.digest })
    await server.setStep('pr_2', 'a', { state: 'ready' })
    await server.store.db.tx((tx) => tx.run("UPDATE pipeline_versions SET spec = '{' WHERE project = 'p'"))
    assert.match((await move(t, server)).message, /^its project file could not be read in 6 tries/)
    assert.equal(server.errors.length, 6)
    await until('the step of the other run', () => server.driver.submitted.length === 1)
  })
})
