/** The end of an attempt: outputs and metrics are kept, failures have what follows for their step, and all that once. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { problem } from '../../contract/errors.ts'
import { readStep, type AttemptRow, type RunTree } from '../context/rows.ts'
import type { Exit } from '../drivers/driver.ts'
import { EXIT } from '../drivers/memory.fixture.ts'
import { serve, type Server } from './attempts.fixture.ts'
import { collectAttempt, failAttempt, loseAttempt } from './collect.ts'
import { trackingRunOf } from './tracking-run.ts'

const OUTPUT = { digest: 'sha256:model', size: 12, files: 2 }
const KEY = 'k1:key'

interface Running extends Server {
  readonly run: string
  readonly first: string
  row(): Promise<AttemptRow>
  /** Ends the attempt as the driver tells it. */
  collect(exit?: Partial<Exit>): Promise<void>
}

/** A run whose only step runs in its first attempt, with an output. `step` is more of the project file. */
async function running(t: TestContext, step = '', options = {}): Promise<Running> {
  const server = await serve(t)
  const yaml = `project: end\npipeline: {steps: {train: {run: a:main, outputs: [m]${step}}}}\n`
  const run = await server.begin({ 'slipway.yaml': yaml, 'a.py': 'def main(): pass\n' }, { id: 'pr_1', options })
  await server.setRun(run, { state: 'running' })
  await server.setStep(run, 'train', { state: 'running', cache_key: KEY })
  const first = await server.attempt(run, 'train', 1, { tracking_run_id: 'track' })
  server.driver.outputs.set(`${first}.m`, OUTPUT)
  const row = async (): Promise<AttemptRow> => {
    const found = (await server.read(run)).attempts.find((one) => one.id === first)
    assert.ok(found)
    return found
  }
  const collect = async (exit: Partial<Exit> = {}): Promise<void> =>
    collectAttempt(server.context, await server.read(run), await row(), { ...EXIT, ...exit })
  return { ...server, run, first, row, collect }
}

function cached({ store }: Server): Promise<Record<string, unknown>[]> {
  return store.db.all('SELECT project, cache_key, run_id, step, outputs, metrics, created_at FROM pipeline_cache')
}

async function stepOf(server: Running): Promise<RunTree['steps'][number]> {
  const step = await readStep(server.store.db, server.run, 'train')
  assert.ok(step)
  return step
}

describe('a success', () => {
  test('keeps outputs, metrics, log and usage, once in the row, in tracking and in the cache', async (t) => {
    const server = await running(t)
    server.driver.kept.set(server.first, { digest: 'sha256:log', size: 77 })
    const metrics = { auc: 0.75, odd: Number.NaN, far: Number.POSITIVE_INFINITY }
    await server.collect({ metrics, started_at: 1000.4, finished_at: 3500.6 })
    const { now } = server.clock
    assert.partialDeepStrictEqual(await server.row(), {
      state: 'succeeded',
      failure: null,
      finished_at: now,
      cpu_seconds: 1.5,
      max_rss_bytes: 4096,
      wall_ms: 2500,
      log_digest: 'sha256:log',
      log_bytes: 77,
      silent: 0,
    })
    const finite = { auc: 0.75 }
    const step = { state: 'succeeded', outputs: { m: OUTPUT }, metrics: finite, failure: null, finished_at: now }
    assert.partialDeepStrictEqual(await stepOf(server), step)
    assert.deepEqual(server.logged, [['track', metrics, 3501]], 'tracking keeps what JSON has not')
    assert.deepEqual(server.finished, ['FINISHED track'])
    const kept = { outputs: JSON.stringify({ m: OUTPUT }), metrics: JSON.stringify(finite), created_at: now }
    assert.deepEqual(await cached(server), [{ project: 'end', cache_key: KEY, run_id: 'pr_1', step: 'train', ...kept }])
    assert.deepEqual(server.driver.asked, [`delete ${server.first}`])
  })
  test('collected again changes nothing but takes the files away', async (t) => {
    const server = await running(t)
    await server.collect({ metrics: { auc: 1 } })
    const before = [await server.row(), await stepOf(server), await cached(server)]
    server.clock.now += 1000
    await server.collect({ metrics: { auc: 2 } })
    assert.deepEqual([await server.row(), await stepOf(server), await cached(server)], before)
    assert.equal(server.driver.asked.length, 2)
  })
  test('with another fence is not believed', async (t) => {
    const server = await running(t)
    const stranger = { ...(await server.row()), fence: 'other' }
    await collectAttempt(server.context, await server.read(server.run), stranger, EXIT)
    assert.deepEqual([(await server.row()).state, (await stepOf(server)).state], ['running', 'running'])
    assert.deepEqual(await cached(server), [])
  })
  test('of the same key takes the place of an earlier result', async (t) => {
    const server = await running(t)
    await server.store.db.tx((tx) =>
      tx.run(
        `INSERT INTO pipeline_cache (project, cache_key, run_id, step, outputs, metrics, created_at)
         VALUES ('end', ?, 'pr_0', 'train', '{}', '{}', 1)`,
        [KEY],
      ),
    )
    await server.collect()
    assert.deepEqual(
      (await cached(server)).map((row) => [row['run_id'], row['outputs'], row['created_at']]),
      [['pr_1', JSON.stringify({ m: OUTPUT }), server.clock.now]],
    )
  })
  const uncached: [string, string, object][] = [
    ['whose policy is never', ', cache: never', {}],
    ['of a proof', '', { reproduces: 'pr_0' }],
  ]
  for (const [name, step, options] of uncached) {
    test(`${name} is not put into the cache`, async (t) => {
      const server = await running(t, step, options)
      await server.collect()
      assert.deepEqual([(await stepOf(server)).state, await cached(server)], ['succeeded', []])
    })
  }
  test('without metrics or a tracking run tells tracking no metrics', async (t) => {
    const server = await running(t)
    await server.collect()
    assert.deepEqual([server.logged, server.finished], [[], ['FINISHED track']])
    const other = await running(t)
    await other.store.db.tx((tx) => tx.run('UPDATE pipeline_attempts SET tracking_run_id = NULL'))
    await other.collect({ metrics: { auc: 1 } })
    assert.deepEqual([other.logged, other.finished, (await other.row()).state], [[], [], 'succeeded'])
  })
  test('whose clock ran backwards took no time', async (t) => {
    const server = await running(t)
    await server.collect({ started_at: 5000, finished_at: 3000 })
    assert.equal((await server.row()).wall_ms, 0)
  })
})

describe('an output', () => {
  test('that was not made is the fault of the code', async (t) => {
    const server = await running(t)
    server.driver.outputs.clear()
    await server.collect()
    const { class: cause, message } = (await server.row()).failure ?? {}
    assert.equal(cause, 'user')
    assert.match(message ?? '', /^an output cannot be kept: /)
    assert.deepEqual([(await stepOf(server)).state, await cached(server)], ['failed', []])
  })
  const faults: [string, Error][] = [
    ['a disk that fails', new Error('EIO')],
    ['a store that is overloaded', problem('corrupt_blob', { digest: 'sha256:x' })],
  ]
  for (const [name, error] of faults) {
    test(`that cannot be stored for ${name} leaves the attempt to the next look`, async (t) => {
      const server = await running(t)
      server.driver.outputs.set(`${server.first}.m`, () => {
        throw error
      })
      await assert.rejects(server.collect(), error)
      assert.deepEqual([(await server.row()).state, server.driver.asked], ['running', []])
      server.driver.outputs.set(`${server.first}.m`, OUTPUT)
      await server.collect()
      assert.equal((await server.row()).state, 'succeeded')
    })
  }
})

describe('a metric', () => {
  const refusing = async (t: TestContext, error: Error): Promise<Running> => {
    const server = await running(t)
    Object.assign(server.context.deps.tracking, { logMetrics: () => Promise.reject(error) })
    return server
  }
  test('that tracking refuses is the fault of the code, and the step ends', async (t) => {
    const server = await refusing(t, problem('invalid_field', { field: 'key', value: 'a\nb', expected: 'a name' }))
    await server.collect({ metrics: { 'a\nb': 1 } })
    const { class: cause, message } = (await server.row()).failure ?? {}
    assert.deepEqual([cause, (await stepOf(server)).state, await cached(server)], ['user', 'failed', []])
    assert.match(message ?? '', /^a metric cannot be kept: key: got/)
    assert.deepEqual(server.finished, ['FAILED track'])
  })
  for (const [name, error] of [
    ['a run that is deleted just now', problem('not_found', { what: 'run', id: 'track' })],
    ['a store that fails', problem('unavailable', { what: 'the database', detail: 'it is busy' })],
  ] as const)
    test(`that cannot be kept for ${name} leaves the attempt to the next look`, async (t) => {
      const server = await refusing(t, error)
      await assert.rejects(server.collect({ metrics: { auc: 1 } }), error)
      assert.equal((await server.row()).state, 'running')
    })
})

describe('a failure', () => {
  const FAILED = { class: 'user', message: 'no rows', traceback: 'a.py' } as const
  test('of the code ends the step with its message, and is not repeated', async (t) => {
    const server = await running(t)
    await server.collect({ ...FAILED, metrics: { auc: 1 } })
    const failure = { ...FAILED }
    assert.partialDeepStrictEqual(await server.row(), { state: 'failed', failure, cpu_seconds: 1.5, wall_ms: 2000 })
    const ended = { state: 'failed', failure, finished_at: server.clock.now, retry_at: null, outputs: {}, metrics: {} }
    assert.partialDeepStrictEqual(await stepOf(server), ended)
    assert.deepEqual([server.finished, server.logged], [['FAILED track'], []])
  })
  test('of the infrastructure is repeated after a pause, with the failure still told', async (t) => {
    const server = await running(t)
    await server.collect({ class: 'infrastructure', message: 'exit 75' })
    const failure = { class: 'infrastructure', message: 'exit 75', traceback: null }
    const expected = { state: 'ready', failure, retry_at: server.clock.now + 500, finished_at: null }
    assert.partialDeepStrictEqual(await stepOf(server), expected)
  })
  test('beyond the budget of its cause is the last; attempts of other steps and causes do not count', async (t) => {
    const server = await running(t, ', retries: {timeout: 1}')
    const timeout = JSON.stringify({ class: 'timeout', message: '', traceback: null })
    await server.attempt(server.run, 'other', 1, { state: 'failed', failure: timeout })
    const user = JSON.stringify({ class: 'user', message: '', traceback: null })
    await server.attempt(server.run, 'train', 2, { state: 'failed', failure: user })
    await server.collect({ class: 'timeout' })
    assert.equal((await stepOf(server)).state, 'ready')
    const second = await running(t, ', retries: {timeout: 1}')
    await second.attempt(second.run, 'train', 0, { state: 'failed', failure: timeout })
    await second.collect({ class: 'timeout' })
    assert.equal((await stepOf(second)).state, 'failed')
  })
  test('by a signal that nobody here sent is a preemption', async (t) => {
    const server = await running(t)
    await server.collect({ class: 'cancelled', message: 'SIGTERM' })
    assert.partialDeepStrictEqual(await server.row(), { state: 'failed', failure: { class: 'preempted' } })
    assert.partialDeepStrictEqual(await stepOf(server), { state: 'ready', retry_at: server.clock.now + 500 })
    assert.deepEqual(server.finished, ['FAILED track'])
  })
  test('of a run that is being cancelled is a cancel, whatever the exit says', async (t) => {
    const server = await running(t)
    await server.setRun(server.run, { desired_state: 'cancel' })
    await server.collect({ class: 'infrastructure', message: 'killed' })
    assert.partialDeepStrictEqual(await server.row(), { state: 'cancelled', failure: null })
    assert.partialDeepStrictEqual(await stepOf(server), { state: 'cancelled', failure: null, retry_at: null })
    assert.deepEqual(server.finished, ['KILLED track'])
  })
})

describe('an attempt that cannot be asked', () => {
  test('is killed before its log is kept, and its files are taken away last', async (t) => {
    const server = await running(t)
    server.driver.kept.set(server.first, { digest: 'sha256:log', size: 5 })
    await failAttempt(server.context, await server.row(), { class: 'timeout', message: 'too long', traceback: null })
    assert.deepEqual(server.driver.asked, [`kill ${server.first}`, `delete ${server.first}`])
    const unknown = { cpu_seconds: null, max_rss_bytes: null, wall_ms: null }
    const failure = { class: 'timeout', message: 'too long', traceback: null }
    const expected = { ...unknown, failure, state: 'failed', log_digest: 'sha256:log', log_bytes: 5 }
    assert.partialDeepStrictEqual(await server.row(), expected)
    assert.equal((await server.row()).measured, 'not', 'it ran, and nothing is known of its use')
  })
  test('has used what its last heartbeat told', async (t) => {
    const server = await running(t)
    const usage = { cpu_seconds: 7, max_rss_bytes: 9, memory_kib_s: 11, started_at: 1000.2, at: 4000.4 }
    server.driver.used.set(server.first, usage)
    await loseAttempt(server.context, await server.row())
    const used = { cpu_seconds: 7, max_rss_bytes: 9, memory_kib_s: 11, wall_ms: 3000, measured: 'partly' }
    assert.partialDeepStrictEqual(await server.row(), used)
  })
  test('and was never begun has used nothing, and that is all of it', async (t) => {
    const server = await running(t)
    await server.store.db.tx((tx) => tx.run("UPDATE pipeline_attempts SET state = 'submitting'"))
    await failAttempt(server.context, await server.row(), { class: 'environment', message: 'm', traceback: null })
    assert.partialDeepStrictEqual(await server.row(), { cpu_seconds: null, measured: 'whole' })
  })
  test('of which nothing is left is repeated at once, the second time after a pause', async (t) => {
    const server = await running(t)
    await loseAttempt(server.context, await server.row())
    assert.partialDeepStrictEqual(await server.row(), { state: 'lost', failure: { class: 'infrastructure' } })
    assert.partialDeepStrictEqual(await stepOf(server), { state: 'ready', retry_at: server.clock.now })
    await server.setStep(server.run, 'train', { state: 'running' })
    const again = await server.attempt(server.run, 'train', 2)
    const row = (await server.read(server.run)).attempts.find((one) => one.id === again)
    assert.ok(row)
    await loseAttempt(server.context, row)
    assert.equal((await stepOf(server)).retry_at, server.clock.now + 1000)
    // it was lost before its tracking run was noted, whose id follows from the attempt
    assert.deepEqual(server.finished, ['FAILED track', `FAILED ${trackingRunOf(again)}`])
  })
  test('whose tracking run cannot be ended stays open for the next look', async (t) => {
    const server = await running(t)
    const { tracking } = server.context.deps
    const finishRun = tracking.finishRun.bind(tracking)
    tracking.finishRun = () => Promise.reject(new Error('the database is away'))
    await assert.rejects(loseAttempt(server.context, await server.row()), /is away/)
    assert.deepEqual([(await server.row()).state, (await stepOf(server)).state], ['running', 'running'])
    tracking.finishRun = finishRun
    await loseAttempt(server.context, await server.row())
    assert.equal((await server.row()).state, 'lost')
  })
  test('after the end that came first changes nothing', async (t) => {
    const server = await running(t)
    await server.collect()
    await loseAttempt(server.context, await server.row())
    assert.deepEqual([(await server.row()).state, (await stepOf(server)).state], ['succeeded', 'succeeded'])
  })
  test('of a run that is gone is left alone', async (t) => {
    const server = await running(t)
    const row = { ...(await server.row()), run_id: 'pr_gone' }
    await failAttempt(server.context, row, { class: 'timeout', message: '', traceback: null })
    assert.deepEqual([server.finished, (await server.row()).state], [[], 'running'])
  })
})
