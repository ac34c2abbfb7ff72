/** Limits of time: each ends what it is for with its reason, goes on through a restart of the server, and is not reached by a clock that is set. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test, type TestContext } from 'node:test'
import { until } from '../../../test/until.ts'
import { ANA, openBench, untilRun, type Bench } from '../bench.fixture.ts'
import type { PipelinesDeps } from '../context/deps.ts'
import { memoryDriver, type MemoryDriver } from '../drivers/memory.fixture.ts'
import { jumping } from '../drivers/monotonic.fixture.ts'
import { setPool } from '../pools/pools.ts'
import { serve } from '../run/attempts.fixture.ts'
import { LOCKED } from '../run/idle.fixture.ts'
import { openAttempt } from '../run/launch.ts'
import type { RunView } from '../run/view.ts'
import { spoken } from './spoken.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-limits-'))
after(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }))

const HOUR = 3_600_000

interface Server {
  readonly bench: Bench
  readonly driver: MemoryDriver
  readonly clock: { now: number }
  until(run: string, wanted: (view: RunView) => boolean, what: string): Promise<RunView>
  /** Ends the server and opens it again, hours later by its clock; the driver has what it had. */
  restart(hours: number): Promise<Server>
}

/** A server whose clock stands, with two cores and a Ray cluster. */
async function open(
  t: TestContext,
  changes: Partial<PipelinesDeps> = {},
  before?: Pick<Server, 'clock' | 'driver'> & { readonly dir: string },
): Promise<Server> {
  const dir = before?.dir ?? mkdtempSync(join(root, 'server-'))
  const clock = before?.clock ?? { now: Date.now() }
  const driver = before?.driver ?? memoryDriver()
  const bench = await openBench(join(dir, 'data'), () => ({
    driver,
    envs: LOCKED,
    places: ['local', 'ray'],
    clock: () => clock.now,
    ...changes,
  }))
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= bench.close())
  t.after(close)
  const until: Server['until'] = (run, ...wanted) => untilRun(bench, run, ...wanted)
  return {
    bench,
    driver,
    clock,
    until,
    async restart(hours) {
      await close()
      clock.now += hours * HOUR
      return open(t, changes, { dir, clock, driver })
    },
  }
}

function files(steps: string, more = ''): Record<string, string> {
  return { 'slipway.yaml': `project: limits\npipeline: {${more}steps: {${steps}}}\n`, 'a.py': 'def main(**_): pass\n' }
}

/** So many looks of the loop later. */
async function looked({ driver }: Server, attempt: string, looks = 3): Promise<void> {
  const before = driver.looks.get(attempt) ?? 0
  await until(`${looks} looks at ${attempt}`, () => (driver.looks.get(attempt) ?? 0) >= before + looks)
}

const attemptOf = (view: RunView, step = 0): string => view.steps[step]?.attempts.at(-1)?.id ?? ''

describe('the wait for a place', () => {
  test('ends a step as no_place, with what was in the way, and no sooner by a clock that is set', async (t) => {
    const first = await open(t)
    await setPool(first.bench.room.context.deps, ANA, { name: 'gpu', places: 1, per_project: null, note: '' })
    const holder = await first.bench.begin(files('one: {run: a:main, pool: gpu}'))
    const held = attemptOf(await first.until(holder, (view) => attemptOf(view) !== '', 'it holds the place'))
    const id = await first.bench.begin(
      files('one: {run: a:main, pool: gpu, seed: 1, queued_timeout: 1h, retries: {user: 3}}'),
    )
    await first.until(id, (view) => view.steps[0]?.limits?.queued?.left_ms === HOUR, 'it waits, and its limit runs')
    first.clock.now += 2 * HOUR
    await looked(first, held)
    assert.equal((await first.bench.view(id)).steps[0]?.state, 'ready', 'a clock that is set ends nothing')
    const view = await first.bench.view(id)
    assert.deepEqual(view.steps[0]?.limits, { queued: { limit_ms: HOUR, left_ms: 0 } })
    const second = await first.restart(0)
    const ended = await second.bench.end(id)
    assert.deepEqual(
      [ended.outcome, ended.steps[0]?.failure?.class, ended.steps[0]?.attempts],
      ['failed', 'no_place', []],
    )
    assert.match(
      ended.steps[0]?.failure?.message ?? '',
      /^waited 2 h for a place, and its queued_timeout is 1 h: pool "gpu" is full, 1 of 1 \(pr_\w+ one\); raise queued_timeout/,
    )
    assert.equal(ended.steps[0]?.limits, undefined)
  })

  test('begins anew for each attempt, and counts for items', async (t) => {
    const server = await open(t, { capacity: { cpus: 1, memory_bytes: 2 ** 40 } })
    const jump = jumping(t)
    const id = await server.bench.begin(
      files(
        'fan: {run: a:main, for_each: {item: [1, 2, 3], failures: collect}, params: {x: "{item}"}, queued_timeout: 1h}',
      ),
    )
    await server.until(id, () => server.driver.submitted.length === 1, 'the first runs')
    await looked(server, server.driver.submitted[0]?.attempt ?? '')
    jump(2 * HOUR)
    await server.until(id, (view) => (view.steps[0]?.items?.states.failed ?? 0) >= 1, 'the second has waited too long')
    server.driver.finish(server.driver.submitted[0]?.attempt ?? '')
    const rows = await server.bench.store.db.all<{ failure: string }>(
      "SELECT failure FROM pipeline_steps WHERE state = 'failed' AND item_of IS NOT NULL",
    )
    assert.match(
      rows[0]?.failure ?? '',
      /"no_place","message":"waited .* for a place, and its queued_timeout is 1 h: it asks for 1 core/,
    )
  })
})

describe('the start of an attempt', () => {
  const REMOTE = 'one: {run: a:main, on: ray, starting_timeout: 1h}'

  test('ends where no machine takes it up, through a restart, and not once one has', async (t) => {
    const first = await open(t)
    const [late, taken] = [
      await first.bench.begin(files(REMOTE)),
      await first.bench.begin(files(`${REMOTE.slice(0, -1)}, seed: 1}`)),
    ]
    for (const id of [late, taken]) {
      const attempt = attemptOf(
        await first.until(id, (view) => view.steps[0]?.attempts[0]?.state === 'running', 'it is handed over'),
      )
      first.driver.states.set(attempt, { state: 'running', silent_ms: 0, quiet_ms: 0, starting: true })
    }
    const lateAttempt = attemptOf(await first.bench.view(late))
    const takenAttempt = attemptOf(await first.bench.view(taken))
    first.driver.states.set(takenAttempt, { state: 'running', silent_ms: 0, quiet_ms: 0 })
    await first.until(taken, (view) => view.steps[0]?.limits?.starting?.left_ms === null, 'it has begun')
    await first.bench.store.db.tx((tx) =>
      tx.run('UPDATE pipeline_attempts SET begun_at = NULL WHERE id = ?', [lateAttempt]),
    )
    first.clock.now += 2 * HOUR
    await looked(first, lateAttempt)
    assert.equal((await first.bench.view(late)).steps[0]?.state, 'running')
    const second = await first.restart(0)
    const ended = await second.bench.end(late)
    assert.equal(ended.steps[0]?.failure?.class, 'timeout')
    assert.match(
      ended.message,
      /was being started for 2 h without a sign of life, and its starting_timeout is 1 h: it was handed to ray, and no machine had taken it up/,
    )
    assert.ok(second.driver.asked.includes(`kill ${lateAttempt}`), 'nothing of it is left there')
    second.driver.finish(takenAttempt)
    assert.equal((await second.bench.end(taken)).outcome, 'succeeded')
  })

  test('ends while its environment is built, and leaves its place to another', async (t) => {
    const gate = Promise.withResolvers<string>()
    t.after(() => gate.resolve('python'))
    let builds = 0
    const envs = { ...LOCKED, python: () => (builds++ === 0 ? gate.promise : Promise.resolve('python')) }
    const server = await open(t, { envs, capacity: { cpus: 1, memory_bytes: 2 ** 40 } })
    const id = await server.bench.begin(files('one: {run: a:main, starting_timeout: 1s}'))
    const ended = await server.bench.end(id)
    assert.match(
      ended.message,
      /was being started for [\d.]+ s .* its starting_timeout is 1 s: its environment was not ready/,
    )
    assert.deepEqual(
      ended.steps[0]?.attempts.map(({ failure }) => failure?.class),
      ['timeout'],
    )
    const other = await server.bench.begin(files('one: {run: a:main, seed: 2}'))
    server.driver.finish(attemptOf(await server.until(other, () => server.driver.submitted.length === 1, 'it begins')))
    assert.equal((await server.bench.end(other)).outcome, 'succeeded')
  })

  test('goes on in the next attempt where one was lost before it began, and not after any other end', async (t) => {
    const server = await serve(t)
    const id = await server.begin(files('one: {run: a:main}'))
    const opened = async (): Promise<number | null | undefined> => {
      await server.setStep(id, 'one', { state: 'ready', ready_at: 1 })
      const tree = await server.read(id)
      return (await openAttempt(server.context, tree, tree.steps[0] as (typeof tree.steps)[0]))?.launched_at
    }
    const end = (state: string, begun: number | null): Promise<unknown> =>
      server.store.db.tx((tx) =>
        tx.run('UPDATE pipeline_attempts SET state = ?, begun_at = coalesce(begun_at, ?) WHERE finished_at IS NULL', [
          state,
          begun,
        ]),
      )
    await server.setRun(id, { state: 'running' })
    const first = server.clock.now
    assert.equal(await opened(), first)
    server.clock.now += 10
    await end('lost', null)
    assert.equal(await opened(), first)
    server.clock.now += 10
    await end('failed', null)
    assert.equal(await opened(), first + 20)
    server.clock.now += 10
    await end('lost', first + 25)
    assert.equal(await opened(), first + 30)
  })
})

describe('the whole of a run', () => {
  test('ends all that runs, tells why, and its cause is that of each step that ran', async (t) => {
    const first = await open(t)
    const id = await first.bench.begin(
      files('one: {run: a:main, retries: {timeout: 3}}, two: {run: a:main, after: [one]}', 'timeout: 1h, '),
    )
    const attempt = attemptOf(
      await first.until(id, (view) => view.steps[0]?.attempts[0]?.state === 'running', 'it runs'),
    )
    assert.deepEqual((await first.bench.view(id)).limit, { limit_ms: HOUR, left_ms: HOUR })
    first.clock.now += 2 * HOUR
    await looked(first, attempt)
    assert.equal((await first.bench.view(id)).state, 'running', 'a clock that is set ends nothing')
    const second = await first.restart(1)
    await second.until(id, () => second.driver.asked.includes(`cancel ${attempt}`), 'its step is asked to end')
    assert.match((await second.bench.view(id)).message, /^is being ended: it took 3 h/)
    second.driver.finish(attempt, { class: 'cancelled' })
    const ended = await second.bench.end(id)
    const message =
      'took 3 h, and its pipeline.timeout is 1 h: one ran, two waited; raise pipeline.timeout, or run what is left with slipway retry'
    assert.deepEqual([ended.state, ended.outcome, ended.message], ['failed', 'failed', message])
    assert.deepEqual(
      ended.steps.map(({ state }) => state),
      ['failed', 'cancelled'],
    )
    assert.deepEqual(ended.steps[0]?.failure, { class: 'timeout', message: `the run ${message}`, traceback: null })
    assert.equal(ended.steps[0].attempts.length, 1, 'nothing is tried again')
    assert.equal(ended.limit, undefined)
  })

  test('is not begun anew by a server that is killed', async (t) => {
    const dataDir = join(root, 'killed')
    mkdirSync(dataDir)
    const begun = join(root, 'begun')
    const code = `import time\n\ndef main():\n    open(${JSON.stringify(begun)}, "w").close()\n    time.sleep(600)\n`
    writeFileSync(
      join(dataDir, 'files.json'),
      JSON.stringify({ ...files('one: {run: a:main}', 'timeout: 1h, '), 'a.py': code }),
    )
    const control = spawn(process.execPath, [join(import.meta.dirname, '../run/control.fixture.ts'), dataDir], {
      stdio: 'inherit',
    })
    const gone = once(control, 'exit')
    await until('its step begins', () => existsSync(begun))
    control.kill('SIGKILL')
    await gone
    // begun anew it would have an hour from here, by whatever clock
    const bench = await openBench(dataDir, () => ({ clock: () => Date.now() + 1.5 * HOUR }))
    t.after(() => bench.close())
    const ended = await bench.end(readFileSync(join(dataDir, 'run-id'), 'utf8'))
    assert.match(ended.message, /^took 1 h 3\d min, and its pipeline\.timeout is 1 h: /)
  })
})

test('spans are told in two units', () => {
  const told: [number, string][] = [
    [500, '0.5 s'],
    [90_000, '90 s'],
    [120_000, '2 min'],
    [3_725_000, '1 h 2 min'],
    [7_200_000, '2 h'],
    [90_000_000, '1 day 1 h'],
    [200_000_000, '2 days 7 h'],
  ]
  for (const [ms, text] of told) assert.equal(spoken(ms), text)
})
