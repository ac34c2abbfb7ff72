/** Cases: steps with equal keys at the same time. One runs; the others wait for it, take its result, or run where there is none. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { until } from '../../../test/until.ts'
import { ANA, openBench, type Bench, type BeginOptions } from '../bench.fixture.ts'
import type { PipelinesDeps } from '../context/deps.ts'
import { memoryDriver, type MemoryDriver } from '../drivers/memory.fixture.ts'
import type { Exit } from '../drivers/driver.ts'
import { LOCKED } from './idle.fixture.ts'
import { cancelRun } from './runs.ts'
import type { StepView } from './view.ts'
import { stepQueues } from './watched.ts'

const PLACES = { cpus: 8, memory_bytes: 2 ** 40 }

interface Flying extends Bench {
  readonly driver: MemoryDriver
  /** The step `one` of a run. */
  step(run: string, name?: string): Promise<StepView>
  until(wanted: () => boolean | Promise<boolean>, what: string): Promise<void>
  /** Ends the attempt that was submitted as the `n`th. */
  land(n: number, exit?: Partial<Exit>): Promise<void>
}

const files = (steps: string, project = 'fly'): Record<string, string> => ({
  'slipway.yaml': `project: ${project}\npipeline: {steps: {${steps}}}\n`,
  'one.py': 'def main(a): ...\n',
})
const ONE = files('one: {run: one:main, outputs: [a]}')
const RETRIED = files('one: {run: one:main, outputs: [a], retries: {user: 1}}')

/** Runs them on the databases that `where` makes: undefined is SQLite, else the URL of an empty PostgreSQL. */
export function flightCases(what: string, where: (t: TestContext) => Promise<string | undefined>): void {
  async function open(t: TestContext, changes: Partial<PipelinesDeps> = {}): Promise<Flying> {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-flight-'))
    const driver = memoryDriver()
    const deps = { driver, envs: LOCKED, capacity: PLACES, ...changes }
    // hooks run in their order: the room goes before its database
    let opened: Bench | undefined
    t.after(async () => {
      await opened?.close()
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    })
    const bench = await openBench(join(folder, 'data'), () => deps, await where(t))
    opened = bench
    const met: Flying['until'] = async (wanted, said) => {
      await until(() => `${said}: ${JSON.stringify(bench.errors)}`, wanted)
    }
    return {
      ...bench,
      driver,
      until: met,
      async step(run, name = 'one') {
        const found = (await bench.view(run)).steps.find((step) => step.name === name)
        return found ?? assert.fail(`no step ${name}`)
      },
      async land(n, exit) {
        await met(() => driver.submitted.length > n, `attempt ${n} is submitted`)
        const id = driver.submitted[n]?.attempt ?? ''
        driver.outputs.set(`${id}.a`, { ...(await bench.store.blobs.put(Buffer.from(id))), files: 1 })
        driver.finish(id, exit)
      },
    }
  }

  /** Two runs of one key, of which the first is on its way. */
  async function two(t: TestContext, project = ONE): Promise<Flying & { first: string; second: string }> {
    const flying = await open(t)
    const first = await flying.begin(project)
    await flying.until(() => flying.driver.submitted.length === 1, 'the first is submitted')
    const second = await flying.begin(project)
    await flying.until(async () => (await flying.step(second)).waits_for !== null, 'the second waits')
    return { ...flying, first, second }
  }

  describe(`equal keys at the same time on ${what}`, { concurrency: true }, () => {
    test('the second waits, says so, and takes the result of the first', async (t) => {
      const flying = await two(t)
      const { first, second, driver, store } = flying
      const waiting = await flying.view(second)
      assert.deepEqual(waiting.steps[0]?.waits_for, { run: first, step: 'one' })
      assert.equal(waiting.message, `0 of 1 steps done; one waits for run ${first}, step one, with the same key`)
      const [queue] = await stepQueues(store.db, 'fly', Date.now())
      assert.deepEqual([queue?.waiting, queue?.since, queue?.running], [0, null, 1], 'it waits for no place')
      await flying.land(0, { metrics: { auc: 0.5 } })
      const [one, other] = [await flying.end(first), await flying.end(second)]
      assert.deepEqual([one.outcome, other.outcome, driver.submitted.length], ['succeeded', 'succeeded', 1])
      const [ran, taken] = [one.steps[0], other.steps[0]]
      assert.deepEqual([taken?.state, taken?.cache?.from_run, taken?.waits_for], ['cached', first, null])
      assert.deepEqual([taken?.outputs, taken?.metrics], [ran?.outputs, { auc: 0.5 }])
      assert.equal(taken?.cache?.reason, `the result of run ${first}, which came while this step waited, was taken`)
      assert.deepEqual(flying.errors, [])
    })

    test('where the first fails, the second runs itself', async (t) => {
      const flying = await two(t)
      await flying.land(0, { class: 'user', message: 'no' })
      await flying.land(1)
      const [one, other] = [await flying.end(flying.first), await flying.end(flying.second)]
      assert.deepEqual([one.outcome, other.outcome, other.steps[0]?.state], ['failed', 'succeeded', 'succeeded'])
      assert.equal(flying.driver.submitted.length, 2)
    })

    test('of many that wait one goes on, and the rest take its result', async (t) => {
      const flying = await two(t)
      const more = await Promise.all([1, 2, 3].map(() => flying.begin(ONE)))
      const all = [flying.second, ...more]
      const held = async (): Promise<number> =>
        (await Promise.all(all.map((id) => flying.step(id)))).filter((step) => step.waits_for !== null).length
      await flying.until(async () => (await held()) === 4, 'all wait')
      await flying.land(0, { class: 'user', message: 'no' })
      await flying.until(async () => (await held()) === 3, 'one goes on')
      await flying.land(1)
      const states = await Promise.all(all.map(async (id) => (await flying.end(id)).steps[0]?.state ?? ''))
      assert.deepEqual(states.toSorted(), ['cached', 'cached', 'cached', 'succeeded'])
      assert.equal(flying.driver.submitted.length, 2)
    })

    test('whoever watches one that waits is told when it waits for another', async (t) => {
      const told: string[] = []
      const flying = await open(t, { changed: (run) => void told.push(run) })
      const first = await flying.begin(ONE)
      await flying.until(() => flying.driver.submitted.length === 1, 'the first is submitted')
      const others = [await flying.begin(ONE), await flying.begin(ONE)]
      const waitsFor = async (id: string) => (await flying.step(id)).waits_for?.run
      await flying.until(
        async () => (await Promise.all(others.map(waitsFor))).every((run) => run === first) && told.length > 0,
        'both wait for the first',
      )
      told.length = 0
      await flying.land(0, { class: 'user', message: 'no' })
      await flying.until(() => flying.driver.submitted.length === 2, 'one goes on')
      const [next = '', still = ''] = (await waitsFor(others[0] ?? '')) === undefined ? others : others.toReversed()
      await flying.until(async () => (await waitsFor(still)) === next && told.includes(still), 'the other is told')
      await flying.land(1)
      assert.equal((await flying.end(still)).steps[0]?.state, 'cached')
    })

    test('where the run of the first is cancelled, the second goes on at once', async (t) => {
      const flying = await two(t)
      await cancelRun(flying.room.context, ANA, flying.first)
      await flying.land(1)
      assert.equal((await flying.end(flying.second)).outcome, 'succeeded')
      assert.equal((await flying.step(flying.first)).state, 'running', 'its attempt has not ended')
      flying.driver.finish(flying.driver.submitted[0]?.attempt ?? '', { class: 'cancelled' })
      assert.equal((await flying.end(flying.first)).outcome, 'cancelled')
    })

    test('where the second is cancelled, it ends and the first goes on', async (t) => {
      const flying = await two(t)
      await cancelRun(flying.room.context, ANA, flying.second)
      assert.equal((await flying.end(flying.second)).outcome, 'cancelled')
      await flying.land(0)
      assert.equal((await flying.end(flying.first)).outcome, 'succeeded')
    })

    test('one that is tried again takes what came meanwhile', async (t) => {
      const flying = await two(t, RETRIED)
      await flying.land(0, { class: 'user', message: 'no' })
      await flying.until(() => flying.driver.submitted.length === 2, 'the second runs')
      await flying.land(1)
      const [one, other] = [await flying.end(flying.first), await flying.end(flying.second)]
      const states = [one.steps[0]?.state ?? '', other.steps[0]?.state ?? '']
      assert.deepEqual(states.toSorted(), ['cached', 'succeeded'], 'whichever went first')
      assert.deepEqual([one.steps[0]?.failure, flying.driver.submitted.length], [null, 2])
    })

    test('an attempt that is lost is tried again, and nobody waits for ever', async (t) => {
      const flying = await two(t)
      flying.driver.states.delete(flying.driver.submitted[0]?.attempt ?? '')
      await flying.land(1)
      for (const id of [flying.first, flying.second]) assert.equal((await flying.end(id)).outcome, 'succeeded')
      assert.equal(flying.driver.submitted.length, 2)
    })

    test('two equal steps of one run are one flight as well', async (t) => {
      const flying = await open(t)
      const run = await flying.begin(files('one: {run: one:main, outputs: [a]}, two: {run: one:main, outputs: [a]}'))
      await flying.until(async () => (await flying.step(run, 'two')).waits_for !== null, 'the second step waits')
      await flying.land(0)
      const states = (await flying.end(run)).steps.map(({ state }) => state)
      assert.deepEqual([states, flying.driver.submitted.length], [['succeeded', 'cached'], 1])
    })

    const alone: readonly [string, Record<string, string>, BeginOptions?, Record<string, string>?][] = [
      ['a run that takes no cached result', ONE, { force: true }],
      ['a step that is never cached', files('one: {run: one:main, outputs: [a], cache: never}')],
      ['another project', files('one: {run: one:main, outputs: [a]}', 'other')],
      ['another key', files('one: {run: one:main, outputs: [a], seed: 1}')],
      [
        'a step that is cached, beside one that is not',
        ONE,
        {},
        files('one: {run: one:main, outputs: [a], cache: never}'),
      ],
    ]
    for (const [name, project, options, before = ONE] of alone) {
      test(`${name} does not wait`, async (t) => {
        const flying = await open(t)
        const first = await flying.begin(before)
        await flying.until(() => flying.driver.submitted.length === 1, 'the first is submitted')
        const second = await flying.begin(project, options)
        await flying.land(1)
        assert.equal((await flying.end(second)).steps[0]?.state, 'succeeded')
        await flying.land(0)
        assert.equal((await flying.end(first)).outcome, 'succeeded')
      })
    }

    test('one that waits for an equal step holds no other back', async (t) => {
      const late = Date.now() + 120_000
      let now = Date.now()
      const flying = await open(t, { capacity: { cpus: 2, memory_bytes: 2 ** 40 }, clock: () => now })
      await flying.begin(ONE)
      await flying.until(() => flying.driver.submitted.length === 1, 'the first is submitted')
      const second = await flying.begin(ONE)
      await flying.until(async () => (await flying.step(second)).waits_for !== null, 'the second waits')
      // it has waited so long that it would hold back what came later
      now = late
      const other = await flying.begin(files('one: {run: one:main, outputs: [a], seed: 2}'))
      await flying.land(1)
      assert.equal((await flying.end(other)).outcome, 'succeeded')
      await flying.land(0)
      assert.equal((await flying.end(second)).steps[0]?.state, 'cached')
    })
  })
}
