/** What moves runs on: how many attempts run at once, which have been silent too long, what a cancel does, what is cleared away. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { ANA, openBench, untilRun, type Bench } from '../bench.fixture.ts'
import type { PipelinesDeps } from '../context/deps.ts'
import { memoryDriver, type MemoryDriver } from '../drivers/memory.fixture.ts'
import { jumping } from '../drivers/monotonic.fixture.ts'
import { LOCKED } from './idle.fixture.ts'
import { cancelRun, createRun } from './runs.ts'
import { trackingRunOf } from './tracking-run.ts'
import type { RunView } from './view.ts'
import { newestVersion } from '../spec/versions.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-reconciler-'))
after(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }))

let seeds = 0

interface Server extends Bench {
  readonly driver: MemoryDriver
  readonly clock: { now: number }
  /** Waits until a run looks as wanted. */
  until(run: string, wanted: (view: RunView) => boolean, what: string): Promise<RunView>
  /** Starts a run of these steps, which share a file of code. */
  start(steps: string): Promise<string>
  /** The attempt of a step of the newest run, or of another, once the driver has it. */
  submitted(step: string, number?: number, run?: string): Promise<string>
}

interface Opened {
  readonly folder?: string
  readonly driver?: MemoryDriver
  readonly changes?: Partial<PipelinesDeps>
}

/** A server whose attempts run until a test ends them, and whose clock stands. */
async function serve(t: TestContext, { folder, driver = memoryDriver(), changes }: Opened = {}): Promise<Server> {
  const clock = { now: 1_750_000_000_000 }
  const dataDir = folder ?? join(mkdtempSync(join(root, 'server-')), 'data')
  const bench = await openBench(dataDir, () => ({ driver, envs: LOCKED, clock: () => clock.now, ...changes }))
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= bench.close())
  t.after(close)
  const until: Server['until'] = (run, ...wanted) => untilRun(bench, run, ...wanted)
  const runs: string[] = []
  return {
    ...bench,
    driver,
    clock,
    close,
    until,
    async start(steps) {
      // each step has a key of its own, so that none is taken from another
      const own = steps.replaceAll('a:main', () => `a:main, seed: ${++seeds}`)
      const yaml = `project: p${runs.length}\npipeline: {steps: ${own}}\n`
      const id = await bench.begin({ 'slipway.yaml': yaml, 'a.py': 'def main(): pass\n' })
      runs.push(id)
      return id
    },
    async submitted(step, number = 1, run = runs.at(-1) ?? '') {
      const has = (view: RunView): string | undefined =>
        view.steps
          .find((row) => row.name === step)
          ?.attempts.find((one) => one.number === number && driver.submitted.some(({ attempt }) => attempt === one.id))
          ?.id
      return has(await until(run, (view) => has(view) !== undefined, `attempt ${number} of ${step}`)) ?? ''
    },
  }
}

/** Waits until the attempt was asked how it is after all that was done before, and that answer was acted on. */
async function looked(server: Server, run: string, attempt: string): Promise<void> {
  const looks = (): number => server.driver.looks.get(attempt) ?? 0
  const before = looks()
  await server.until(run, () => looks() >= before + 3, 'it is looked at')
}

function states(view: RunView): Record<string, string> {
  return Object.fromEntries(view.steps.map(({ name, state }) => [name, state]))
}

const ONE = '{one: {run: a:main}}'

describe('steps', () => {
  test('run as many at once as are allowed, over all runs; the next begins when one has ended', async (t) => {
    const server = await serve(t)
    const first = await server.start('{a: {run: a:main}, b: {run: a:main}, c: {run: a:main}}')
    const [a, b] = [await server.submitted('a'), await server.submitted('b')]
    const second = await server.start(ONE)
    await server.until(second, (view) => view.state === 'running' && states(view)['one'] === 'ready', 'it waits')
    assert.equal(server.driver.submitted.length, 2)
    server.driver.finish(a)
    server.driver.finish(b)
    server.driver.finish(await server.submitted('c', 1, first))
    server.driver.finish(await server.submitted('one'))
    assert.equal((await server.end(first)).outcome, 'succeeded')
    assert.equal((await server.end(second)).outcome, 'succeeded')
  })
  test('wait for all that they need, and are skipped when one of it fails; what needs nothing of it goes on', async (t) => {
    const server = await serve(t)
    const id = await server.start(
      '{a: {run: a:main}, b: {run: a:main}, both: {run: a:main, after: [a, b]}, last: {run: a:main, after: [both]}, own: {run: a:main, after: [b]}}',
    )
    server.driver.finish(await server.submitted('a'), { class: 'user', message: 'no' })
    await server.until(id, (view) => states(view)['last'] === 'skipped', 'what needs it is skipped')
    assert.equal(states(await server.view(id))['own'], 'waiting')
    server.driver.finish(await server.submitted('b'))
    server.driver.finish(await server.submitted('own'))
    const ended = await server.end(id)
    assert.deepEqual(states(ended), { a: 'failed', b: 'succeeded', both: 'skipped', last: 'skipped', own: 'succeeded' })
    assert.deepEqual([ended.outcome, ended.message], ['failed', 'step "a" failed: no'])
  })
  test('are tried again when their pause is over, not before', async (t) => {
    const server = await serve(t)
    const id = await server.start(ONE)
    server.driver.finish(await server.submitted('one'), { class: 'infrastructure', message: 'exit 75' })
    const waiting = await server.until(id, (view) => states(view)['one'] === 'ready', 'it waits')
    assert.equal(Date.parse(waiting.steps[0]?.retry_at ?? ''), server.clock.now + 500)
    server.clock.now += 499
    // another run comes to its end meanwhile
    const other = await server.start(ONE)
    server.driver.finish(await server.submitted('one'))
    await server.end(other)
    assert.equal(server.driver.submitted.length, 2)
    server.clock.now += 1
    await server.until(id, (view) => view.steps[0]?.attempts.length === 2, 'it is tried again')
  })
})

describe('attempts that say nothing', () => {
  const SILENT = 30_000
  const beats = (server: Server, attempt: string, silent_ms: number, quiet_ms = 0): void =>
    void server.driver.states.set(attempt, { state: 'running', silent_ms, quiet_ms })

  test('are marked after half a minute, until they are heard again', async (t) => {
    const server = await serve(t)
    const id = await server.start(ONE)
    const attempt = await server.submitted('one')
    const silent = (wanted: boolean) => (view: RunView) => view.steps[0]?.attempts[0]?.silent === wanted
    beats(server, attempt, SILENT + 1)
    await server.until(id, silent(true), 'it is silent')
    beats(server, attempt, SILENT)
    await server.until(id, silent(false), 'it is heard')
    assert.deepEqual(server.driver.asked, [])
  })
  test('are ended after the time that the file allows', async (t) => {
    const server = await serve(t)
    const id = await server.start('{one: {run: a:main, silent_timeout: 40s}}')
    const attempt = await server.submitted('one')
    server.clock.now += 3_600_000
    beats(server, attempt, 0, 40_000)
    await looked(server, id, attempt)
    assert.deepEqual(server.driver.asked, [], 'at the limit it may go on')
    beats(server, attempt, 15_000, 40_000)
    await looked(server, id, attempt)
    assert.deepEqual(server.driver.asked, [], 'what it did since its last heartbeat is not known')
    beats(server, attempt, 0, 40_600)
    const ended = await server.end(id)
    assert.deepEqual([ended.steps[0]?.failure?.class, ended.steps[0]?.attempts[0]?.state], ['timeout', 'failed'])
    assert.equal(
      ended.message,
      'step "one" failed: put out nothing and logged nothing for 41 s; its silent_timeout is 40 s; raise it, or have the step print or log',
    )
    assert.deepEqual(server.driver.asked, [`kill ${attempt}`, `delete ${attempt}`])
  })
  test('are ended after it too where no heartbeat has come for long, and not while they log', async (t) => {
    const server = await serve(t)
    const id = await server.start('{one: {run: a:main, silent_timeout: 40s}}')
    const attempt = await server.submitted('one')
    server.clock.now += 3_600_000
    server.signs.set(trackingRunOf(attempt), server.clock.now - 30_000)
    beats(server, attempt, 50_000, 1000)
    await looked(server, id, attempt)
    assert.deepEqual(server.driver.asked, [], 'it logged half a minute ago')
    server.clock.now += 15_001
    const ended = await server.end(id)
    assert.match(ended.message, /put out nothing and logged nothing for 40 s; its silent_timeout is 40 s; raise it/)
  })
  test('are ended from outside 25 s after their timeout, and only if they have been silent for 15 s', async (t) => {
    const server = await serve(t)
    const id = await server.start('{one: {run: a:main, timeout: 60s}}')
    const attempt = await server.submitted('one')
    await server.until(id, (view) => view.steps[0]?.attempts[0]?.state === 'running', 'it runs')
    server.clock.now += 85_000
    beats(server, attempt, SILENT + 1)
    await looked(server, id, attempt)
    beats(server, attempt, 15_000)
    server.clock.now += 1
    await looked(server, id, attempt)
    assert.equal((await server.view(id)).state, 'running')
    beats(server, attempt, 15_001)
    const ended = await server.end(id)
    assert.equal(
      ended.message,
      'step "one" failed: ran for 85 s, and its timeout is 60 s; nothing was heard of it at its end. Raise timeout, or have the step do less',
    )
    assert.equal(ended.steps[0]?.failure?.class, 'timeout')
  })
  test('and of which nothing is left are lost and at once repeated', async (t) => {
    const server = await serve(t)
    const id = await server.start(ONE)
    const lost = await server.submitted('one')
    server.driver.states.delete(lost)
    server.driver.finish(await server.submitted('one', 2))
    const ended = await server.end(id)
    assert.deepEqual(
      ended.steps[0]?.attempts.map(({ state }) => state),
      ['lost', 'succeeded'],
    )
  })
})

describe('a cancel', () => {
  test('asks what runs to stop, once, and kills it 25 s later; what waits is cancelled at once', async (t) => {
    const server = await serve(t)
    const id = await server.start('{one: {run: a:main}, two: {run: a:main, after: [one]}}')
    const attempt = await server.submitted('one')
    const jump = jumping(t)
    const kill = server.driver.kill.bind(server.driver)
    const killed: number[] = []
    server.driver.kill = (one) => (killed.push(performance.now()), kill(one))
    const from = performance.now()
    await cancelRun(server.room.context, ANA, id)
    const view = await server.until(id, (seen) => states(seen)['two'] === 'cancelled', 'what waits')
    assert.deepEqual([view.state, view.message], ['running', 'is being cancelled'])
    jump(10_000)
    await looked(server, id, attempt)
    jump(15_001)
    await server.until(id, () => killed.length > 0, 'it is killed')
    assert.ok((killed[0] ?? 0) > from + 25_000, `${killed[0]} after ${from}`)
    const [first, ...others] = server.driver.asked.filter((call) => call.endsWith(attempt))
    assert.equal(first, `cancel ${attempt}`)
    assert.deepEqual(new Set(others), new Set([`kill ${attempt}`]), 'it is asked once')
    server.driver.finish(attempt, { class: 'cancelled', message: 'was ended on request' })
    const ended = await server.end(id)
    assert.deepEqual([ended.outcome, ended.message], ['cancelled', 'was cancelled'])
    assert.deepEqual(states(ended), { one: 'cancelled', two: 'cancelled' })
    assert.equal(server.tracked.get(ended.steps[0]?.tracking_run_id ?? '')?.status, 'KILLED')
  })
  test('of which nothing was left any more ends as cancelled, and is not tried again', async (t) => {
    const server = await serve(t)
    const id = await server.start(ONE)
    const attempt = await server.submitted('one')
    await cancelRun(server.room.context, ANA, id)
    server.driver.states.delete(attempt)
    const ended = await server.end(id)
    assert.deepEqual([ended.outcome, ended.steps[0]?.attempts.length], ['cancelled', 1])
  })
  test('that comes after the last step has ended well leaves a success', async (t) => {
    const server = await serve(t)
    const id = await server.start(ONE)
    const attempt = await server.submitted('one')
    await server.store.db.tx(async (tx) => {
      await tx.run("UPDATE pipeline_runs SET desired_state = 'cancel' WHERE id = ?", [id])
      await tx.run("UPDATE pipeline_steps SET state = 'succeeded' WHERE run_id = ?", [id])
      await tx.run("UPDATE pipeline_attempts SET state = 'succeeded' WHERE id = ?", [attempt])
    })
    assert.equal((await server.end(id)).outcome, 'succeeded')
  })
})

describe('taking over', () => {
  test('a run that another process has made is found without being told', async (t) => {
    const server = await serve(t)
    await server.end(await finished(server))
    const version = await newestVersion(server.store.db, 'p0')
    const given = { version, params: {}, options: { force: true }, trigger: 'manual' } as const
    const id = await createRun(server.room.context, ANA, given)
    server.driver.finish(await server.submitted('one', 1, id))
    assert.equal((await server.end(id)).outcome, 'succeeded')
  })
  test('attempts under way are kept and count; those that have ended are cleared away; strangers are told and left', async (t) => {
    const folder = join(mkdtempSync(join(root, 'server-')), 'data')
    const driver = memoryDriver()
    const before = await serve(t, { folder, driver })
    const done = await finished(before)
    await before.end(done)
    const [old] = (await before.view(done)).steps[0]?.attempts ?? []
    const id = await before.start('{a: {run: a:main}, b: {run: a:main}}')
    const [a, b] = [await before.submitted('a'), await before.submitted('b')]
    await before.close()
    driver.states.set(old?.id ?? '', { state: 'running', silent_ms: 0, quiet_ms: 0 })
    driver.states.set('att_stranger', { state: 'running', silent_ms: 0, quiet_ms: 0 })
    driver.asked.length = 0
    const next = await serve(t, { folder, driver })
    const third = await next.start(ONE)
    await next.until(third, (view) => states(view)['one'] === 'ready', 'there is no place for it')
    assert.deepEqual(driver.asked, [`kill ${old?.id}`, `delete ${old?.id}`])
    assert.match(String(next.errors[0]), /holds an attempt that no run knows: att_stranger/)
    assert.equal(next.errors.length, 1)
    for (const attempt of [a, b]) driver.finish(attempt)
    assert.equal((await next.end(id)).outcome, 'succeeded')
    driver.finish(await next.submitted('one'))
    assert.equal((await next.end(third)).outcome, 'succeeded')
  })
})

/** A run whose only step has ended well. */
async function finished(server: Server): Promise<string> {
  const id = await server.start(ONE)
  server.driver.finish(await server.submitted('one'))
  return id
}

test('a fault of the driver is told and the run goes on once it is over', async (t) => {
  const driver = memoryDriver()
  const get = driver.get.bind(driver)
  let broken = true
  driver.get = (...asked) => (broken ? Promise.reject(new Error('EMFILE')) : get(...asked))
  const server = await serve(t, { driver })
  const id = await server.start(ONE)
  const attempt = await server.submitted('one')
  driver.finish(attempt)
  await server.until(id, () => server.errors.length > 0, 'it is told')
  assert.match(String(server.errors[0]), /EMFILE/)
  broken = false
  assert.equal((await server.end(id)).outcome, 'succeeded')
})
