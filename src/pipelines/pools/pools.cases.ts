/** Cases: pools hold what they have, whoever takes of them, however launches end, and whatever becomes of the pool. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { until } from '../../../test/until.ts'
import type { Principal } from '../../contract/access.ts'
import { ANA, openBench, type Bench } from '../bench.fixture.ts'
import type { PipelinesDeps } from '../context/deps.ts'
import { memoryDriver, type MemoryDriver } from '../drivers/memory.fixture.ts'
import { readState } from '../context/rows.ts'
import { countedAttempts, countedLimits, placedSteps } from '../line/counted.ts'
import { viewRunning } from '../line/running.ts'
import { LOCKED } from '../run/idle.fixture.ts'
import { openAttempt } from '../run/launch.ts'
import { cancelRun } from '../run/runs.ts'
import { listPools, poolRooms, removePool, setPool } from './pools.ts'

const PLENTY = { cpus: 64, memory_bytes: 2 ** 50 }
let seeds = 0

/** A project of steps of their own keys. */
function files(project: string, ...steps: string[]): Record<string, string> {
  const all = steps.map((more, i) => `s${i}: {run: a:main, seed: ${++seeds}, ${more}}`).join(', ')
  return { 'slipway.yaml': `project: ${project}\npipeline: {steps: {${all}}}\n`, 'a.py': 'def main(**_): pass\n' }
}

interface Pooled extends Bench {
  readonly driver: MemoryDriver
  set(name: string, places: number, per_project?: number): Promise<unknown>
  held(name?: string): Promise<number | undefined>
  until(wanted: () => boolean | Promise<boolean>, what: string): Promise<void>
}

/** Runs them on the databases that `where` makes: undefined is SQLite, else the URL of an empty PostgreSQL. */
export function poolCases(what: string, where: (t: TestContext) => Promise<string | undefined>): void {
  async function open(t: TestContext, changes: Partial<PipelinesDeps> = {}, url?: string): Promise<Pooled> {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-pools-'))
    const driver = memoryDriver()
    let opened: Bench | undefined
    t.after(async () => {
      await opened?.close()
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    })
    const given = { driver, envs: LOCKED, capacity: PLENTY, places: ['local', 'ray'] as const, ...changes }
    const bench = await openBench(join(folder, 'data'), () => given, url ?? (await where(t)))
    opened = bench
    const { deps } = bench.room.context
    return {
      ...bench,
      driver,
      set: (name, places, per_project) =>
        setPool(deps, ANA, { name, places, per_project: per_project ?? null, note: '' }),
      held: async (name = 'gpu') => (await poolRooms(bench.store.db)).get(name)?.held,
      async until(wanted, said) {
        await until(() => `${said}: ${JSON.stringify(bench.errors)}`, wanted)
      },
    }
  }
  const stepOf = async (bench: Bench, run: string, i = 0): Promise<string | undefined> =>
    (await bench.view(run)).steps[i]?.state

  describe(`pools on ${what}`, () => {
    test('so many run at once, of all projects, on this machine and elsewhere; an item is a step', async (t) => {
      const server = await open(t)
      await server.set('gpu', 2)
      const runs = [
        await server.begin(files('a', 'pool: gpu', 'pool: gpu, on: ray')),
        await server.begin(files('b', 'pool: gpu, for_each: {item: [1, 2, 3]}, params: {x: "{item}"}')),
        await server.begin(files('c', 'cache: auto')),
      ]
      let most = 0
      await server.until(() => server.driver.submitted.length >= 3, 'two of the pool run, and one beside it')
      for (let ended = 0; ended < 6; ended++) {
        await server.until(() => server.driver.submitted.length > ended, 'the next one begins')
        most = Math.max(most, (await server.held()) ?? 99)
        server.driver.finish(server.driver.submitted[ended]?.attempt ?? '')
      }
      for (const run of runs) assert.equal((await server.end(run)).outcome, 'succeeded')
      assert.deepEqual([most, await server.held()], [2, 0])
    })

    test('lists and counts tell what holds a place, what waits for one, and how attempts ended', async (t) => {
      const server = await open(t)
      await server.set('gpu', 1)
      const run = await server.begin(files('a', 'pool: gpu', 'pool: gpu, on: ray'))
      const { db } = server.store
      const [here, away] = [
        { project: 'a', driver: 'local', pool: 'gpu', waiting: 0, running: 1 },
        { project: 'a', driver: 'ray', pool: 'gpu', waiting: 1, running: 0 },
      ]
      await server.until(() => server.driver.submitted.length === 1, 'one runs')
      assert.deepEqual(await placedSteps(db, 'a', Date.now()), [here, away])
      assert.deepEqual(await placedSteps(db, 'b', Date.now()), [])
      const { items } = await viewRunning(db, null, 10)
      assert.deepEqual(
        items.map(({ run: of, step, pool }) => [of, step, pool]),
        [[run, 's0', 'gpu']],
      )
      server.driver.finish(server.driver.submitted[0]?.attempt ?? '')
      await server.until(() => server.driver.submitted.length === 2, 'the other runs')
      server.driver.finish(server.driver.submitted[1]?.attempt ?? '')
      await server.end(run)
      const counted = await countedAttempts(db, null)
      assert.deepEqual(
        counted.map(({ project, driver, ended_as, n, waits, checkpoints }) => [
          `${project} ${driver} ${ended_as}`,
          [n, waits, checkpoints],
        ]),
        [
          ['a memory succeeded', [1, 1, 0]],
          ['a ray succeeded', [1, 1, 0]],
        ],
      )
      assert.deepEqual(await countedLimits(db, null), [])
      assert.deepEqual((await viewRunning(db, 'a', 10)).items, [])
    })

    test('a project has no more than its share, and others go past it', async (t) => {
      const server = await open(t)
      await server.set('gpu', 3, 1)
      const first = await server.begin(files('a', 'pool: gpu', 'pool: gpu'))
      const second = await server.begin(files('b', 'pool: gpu'))
      await server.until(() => server.driver.submitted.length === 2, 'one of each runs')
      await server.until(async () => (await stepOf(server, second)) === 'running', 'that of the other project')
      assert.equal((await server.view(first)).steps.filter(({ state }) => state === 'ready').length, 1)
    })

    test('a pool that is not there is refused at the start, with those that are, and stays while it is named', async (t) => {
      const server = await open(t)
      const refused = {
        code: 'invalid_field',
        message:
          /pipeline\.steps\.s1\.pool: got gpu, expected a pool; the server has none; an admin makes one with slipway pools set gpu PLACES/,
      }
      await assert.rejects(server.begin(files('a', 'cache: auto', 'pool: gpu')), refused)
      for (const name of ['db', 'licences']) await server.set(name, 1)
      await assert.rejects(server.begin(files('a', 'cache: auto', 'pool: gpu')), {
        message: /one of the pools db, licences; an admin/,
      })
      const run = await server.begin(files('a', 'cache: auto', 'after: [s0], pool: db'))
      const { deps } = server.room.context
      await assert.rejects(removePool(deps, ANA, 'db'), {
        code: 'conflict',
        message: new RegExp(`steps of run ${run}`),
      })
      await server.until(() => server.driver.submitted.length === 1, 'the first step runs')
      await cancelRun(server.room.context, ANA, run)
      server.room.wake(run)
      server.driver.finish(server.driver.submitted[0]?.attempt ?? '', { class: 'cancelled' })
      await server.end(run)
      assert.equal((await removePool(deps, ANA, 'db')).name, 'db')
      await assert.rejects(removePool(deps, ANA, 'db'), { code: 'not_found' })
    })

    test('one that is made smaller ends nothing, and lets none begin until fewer run; one made larger lets them at once', async (t) => {
      const server = await open(t)
      await server.set('gpu', 2)
      const run = await server.begin(files('a', ...Array.from({ length: 4 }, () => 'pool: gpu')))
      await server.until(() => server.driver.submitted.length === 2, 'two run')
      await server.set('gpu', 1)
      server.driver.finish(server.driver.submitted[0]?.attempt ?? '')
      await server.until(async () => (await server.held()) === 1, 'one has ended')
      const other = await server.begin(files('b', 'cache: never'))
      await server.until(async () => (await stepOf(server, other)) === 'running', 'the loop has looked')
      assert.equal(await server.held(), 1)
      server.driver.finish(server.driver.submitted[1]?.attempt ?? '')
      await server.until(() => server.driver.submitted.length === 4, 'the third begins')
      assert.equal(await server.held(), 1)
      await server.set('gpu', 0)
      server.driver.finish(server.driver.submitted[3]?.attempt ?? '')
      await server.until(async () => (await server.held()) === 0, 'none runs')
      await server.set('gpu', 5)
      await server.until(() => server.driver.submitted.length === 5, 'the last begins')
      server.driver.finish(server.driver.submitted[4]?.attempt ?? '')
      assert.equal((await server.end(run)).outcome, 'succeeded')
    })

    test('a launch that fails gives its place back to a step of another project', async (t) => {
      const ways: readonly (() => Promise<never>)[] = [
        () => Promise.reject(Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })),
        () => {
          throw new Error('EPIPE')
        },
      ]
      for (const way of ways) {
        const server = await open(t)
        await server.set('gpu', 1)
        const sane = server.driver.submit.bind(server.driver)
        server.driver.submit = way
        const faulty = await server.begin(files('faulty', 'pool: gpu, retries: {infrastructure: 0}'))
        assert.equal((await server.end(faulty)).outcome, 'failed')
        server.driver.submit = sane
        assert.equal(await server.held(), 0)
        const sound = await server.begin(files('sound', 'pool: gpu'))
        await server.until(() => server.driver.submitted.length === 1, 'it begins')
        server.driver.finish(server.driver.submitted[0]?.attempt ?? '')
        assert.equal((await server.end(sound)).outcome, 'succeeded')
      }
    })

    test('who holds places is told of the projects that one sees', async (t) => {
      const server = await open(t)
      await server.set('gpu', 1)
      const run = await server.begin(files('a', 'pool: gpu', 'pool: gpu'))
      await server.until(() => server.driver.submitted.length === 1, 'one runs')
      const told = async (project: string | null): Promise<unknown> => {
        const [pool] = await listPools(server.store.db, { project })
        return [pool?.held, pool?.waiting, pool?.holders.map((one) => `${one.run} ${one.project}`)]
      }
      assert.deepEqual(await told(null), [1, 1, [`${run} a`]])
      assert.deepEqual(await told('a'), [1, 1, [`${run} a`]])
      assert.deepEqual(await told('b'), [1, 1, []])
    })
  })
}

/** Two processes, each with a room of its own on one database, that open attempts as fast as they can: never one more than there are places. */
export function poolRaces(where: (t: TestContext) => Promise<string>): void {
  test('two control processes never open one attempt more than a pool has places', async (t) => {
    const url = await where(t)
    const folder = mkdtempSync(join(tmpdir(), 'slipway-races-'))
    const given = (): Partial<PipelinesDeps> => ({ driver: memoryDriver(), envs: LOCKED, capacity: PLENTY })
    const rooms = [await openBench(join(folder, 'a'), given, url), await openBench(join(folder, 'b'), given, url)]
    t.after(async () => {
      for (const room of rooms) await room.close()
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    })
    // nobody moves runs on: both open attempts by hand, which is worse than any two leaders are
    for (const { room } of rooms) await room.stop()
    const [first] = rooms
    if (first === undefined) return
    const who: Principal = ANA
    await setPool(first.room.context.deps, who, { name: 'gpu', places: 3, per_project: null, note: '' })
    for (let round = 0; round < 10; round++) {
      const run = await first.begin(files(`p${round}`, ...Array.from({ length: 8 }, () => 'pool: gpu')))
      await first.store.db.tx(async (tx) => {
        await tx.run("UPDATE pipeline_runs SET state = 'running' WHERE id = ?", [run])
        await tx.run("UPDATE pipeline_steps SET state = 'ready', ready_at = 1 WHERE run_id = ?", [run])
      })
      const tree = await readState(first.store.db, run)
      assert.ok(tree !== undefined)
      const opened = await Promise.all(
        rooms.flatMap(({ room }) => tree.steps.map((step) => openAttempt(room.context, tree, step))),
      )
      assert.equal(opened.filter((one) => one !== undefined).length, 3)
      assert.equal((await poolRooms(first.store.db)).get('gpu')?.held, 3)
      await first.store.db.tx((tx) =>
        tx.run("UPDATE pipeline_attempts SET state = 'succeeded' WHERE run_id = ?", [run]),
      )
    }
  })
}
