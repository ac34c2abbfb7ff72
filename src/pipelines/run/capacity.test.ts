/** What steps take of the machine: which fit beside each other, and how one that is large comes to its turn. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { until } from '../../../test/until.ts'
import { openBench, untilRun, type Bench } from '../bench.fixture.ts'
import { Context } from '../context/context.ts'
import type { PipelinesDeps } from '../context/deps.ts'
import { memoryDriver } from '../drivers/memory.fixture.ts'
import { serve, type Server } from './attempts.fixture.ts'
import { LOCKED } from './idle.fixture.ts'
import { openAttempt } from './launch.ts'
import { judgeLine } from '../line/judge.ts'
import { placesNow, readLine, roomNow } from '../line/line.ts'

const GIB = 2 ** 30
const CAPACITY = { cpus: 4, memory_bytes: 8 * GIB }

/** A project of one step for each text of resources: s0, s1 and so on. */
function project(...resources: string[]): Record<string, string> {
  const steps = resources.map((text, i) => `s${i}: {run: a:main, resources: {${text}}}`).join(', ')
  return { 'slipway.yaml': `project: places\npipeline: {steps: {${steps}}}\n`, 'a.py': 'def main(): pass\n' }
}

async function ready(server: Server, resources: readonly string[]): Promise<string> {
  const id = await server.begin(project(...resources))
  await server.setRun(id, { state: 'running' })
  for (const [i] of resources.entries())
    await server.setStep(id, `s${i}`, { state: 'ready', ready_at: server.clock.now })
  return id
}

/** Opens an attempt of each step in turn; the numbers of those that had room. */
async function opened(server: Server, id: string): Promise<number[]> {
  const tree = await server.read(id)
  const list: number[] = []
  for (const [i, step] of tree.steps.entries())
    if ((await openAttempt(server.context, tree, step)) !== undefined) list.push(i)
  return list
}

/** What each of the line waits for, in its order. */
async function waits(server: Server): Promise<Record<string, string | undefined>> {
  const line = await readLine(server.context)
  const judged = judgeLine(line, await roomNow(server.context))
  return Object.fromEntries(line.map(({ run_id, name }, i) => [`${run_id} ${name}`, judged[i]]))
}

describe('steps begin while there are cores and memory for them', () => {
  const cases: [string, readonly string[], readonly number[], Partial<PipelinesDeps>?][] = [
    ['four of one core each, with a quarter of the memory', ['', '', '', '', ''], [0, 1, 2, 3]],
    ['what is left goes to one that fits, after one that does not', ['cpus: 3', 'cpus: 2', 'cpus: 1'], [0, 2]],
    ['memory is held as cores are', ['memory: 5Gi', 'memory: 3.5Gi', 'memory: 3Gi', 'memory: 1Ki'], [0, 2]],
    ['more than there is takes all, and does not wait for ever', ['cpus: 64, memory: 900Gi', ''], [0]],
    ['a step that names no memory has that of the configuration', ['', '', ''], [0, 1], { stepMemory: 4 * GIB }],
  ]
  for (const [name, resources, expected, changes] of cases) {
    test(name, async (t) => {
      const server = await serve(t, { capacity: CAPACITY, ...changes })
      assert.deepEqual(await opened(server, await ready(server, resources)), expected)
    })
  }

  test('an attempt that ends gives back what it took, and one after running out of memory takes half more', async (t) => {
    const server = await serve(t, { capacity: CAPACITY })
    const first = await ready(server, ['memory: 6Gi'])
    assert.deepEqual(await opened(server, first), [0])
    const second = await ready(server, ['memory: 3Gi'])
    assert.deepEqual(await opened(server, second), [])
    const failure = JSON.stringify({ class: 'out_of_memory', message: '', traceback: null })
    await server.attempt(second, 's0', 1, { state: 'failed', failure })
    await server.store.db.tx((tx) => tx.run("UPDATE pipeline_attempts SET state = 'failed' WHERE run_id = ?", [first]))
    assert.deepEqual(await opened(server, second), [0])
    assert.equal((await server.read(second)).attempts.at(-1)?.memory_bytes, 4.5 * GIB)
  })
})

test('places are held, free and asked for: by what runs, and by what waits of runs that can be read', async (t) => {
  const server = await serve(t, { capacity: CAPACITY })
  const none = { cpus: 0, memory_bytes: 0 }
  assert.deepEqual(await placesNow(server.context), { held: none, free: CAPACITY, asked: none })
  const first = await ready(server, ['cpus: 1, memory: 3Gi', 'cpus: 2, memory: 1Gi', 'cpus: 64, memory: 1Gi'])
  assert.deepEqual(await opened(server, first), [0, 1])
  for (const name of ['s0', 's1']) await server.setStep(first, name, { state: 'running' })
  const held = { cpus: 3, memory_bytes: 4 * GIB }
  const now = { held, free: { cpus: 1, memory_bytes: 4 * GIB }, asked: { cpus: 4, memory_bytes: GIB } }
  assert.deepEqual(await placesNow(server.context), now)
  const second = await ready(server, ['', 'cpus: 3, memory: 6Gi'])
  const asked = { cpus: 4 + 1 + 3, memory_bytes: (1 + 2 + 6) * GIB }
  assert.deepEqual(await placesNow(server.context), { ...now, asked })
  await server.setStep(second, 's1', { retry_at: server.clock.now + 1 })
  const paused = { cpus: 5, memory_bytes: 3 * GIB }
  assert.deepEqual(
    await placesNow(server.context),
    { ...now, asked: paused },
    'in the pause before a retry it asks nothing',
  )
  await server.setRun(second, { version_id: 'pv_gone' })
  assert.deepEqual(await placesNow(server.context), now)
})

describe('the step that has waited longest', () => {
  test('holds others back after a minute, and not while nothing has run for five seconds', async (t) => {
    const server = await serve(t, { capacity: CAPACITY })
    const other = await ready(server, ['cpus: 1'])
    assert.deepEqual(await opened(server, other), [0])
    const id = await ready(server, ['cpus: 4'])
    server.clock.now += 60_000
    const small = await ready(server, ['cpus: 1'])
    assert.deepEqual(await waits(server), { [`${id} s0`]: 'places', [`${small} s0`]: undefined })
    server.clock.now += 1
    assert.deepEqual(await waits(server), { [`${id} s0`]: 'places', [`${small} s0`]: 'turn' })
    const end = "UPDATE pipeline_attempts SET state = 'succeeded', finished_at = ? WHERE run_id = ?"
    await server.store.db.tx((tx) => tx.run(end, [server.clock.now, other]))
    server.clock.now += 5000
    assert.deepEqual(
      (await readLine(server.context)).map(({ isPatient }) => isPatient),
      [true, false],
    )
    server.clock.now += 1
    assert.deepEqual(
      (await readLine(server.context)).map(({ isPatient }) => isPatient),
      [false, false],
      'something else keeps it',
    )
  })

  test('of a run that is to end, in a pause, or of a file that cannot be read holds nobody back', async (t) => {
    const server = await serve(t, { capacity: CAPACITY })
    assert.deepEqual(await opened(server, await ready(server, ['cpus: 1'])), [0])
    const id = await ready(server, ['cpus: 4'])
    const head = async (): Promise<string | undefined> =>
      (await readLine(server.context)).find((one) => one.isPatient)?.run_id
    server.clock.now += 60_001
    await server.setRun(id, { desired_state: 'cancel' })
    assert.equal(await head(), undefined)
    await server.setRun(id, { desired_state: 'run' })
    await server.setStep(id, 's0', { retry_at: server.clock.now + 1 })
    assert.equal(await head(), undefined)
    await server.setStep(id, 's0', { retry_at: null })
    assert.equal(await head(), id)
    const { run } = await server.read(id)
    await server.setRun(id, { version_id: 'pv_gone' })
    assert.equal(await head(), undefined)
    await server.setRun(id, { version_id: run.version_id })
    const cut = "UPDATE pipeline_versions SET spec = '{' WHERE id = ?"
    await server.store.db.tx((tx) => tx.run(cut, [run.version_id]))
    assert.deepEqual(await readLine(new Context(server.context.deps)), [], 'its stored file is cut short')
  })

  test('is overtaken by small ones for a minute, then not, and begins when there is room', async (t) => {
    const { bench, clock, driver } = await lead(t)
    const run = async (name: string, cpus: number): Promise<string> =>
      bench.begin({
        'slipway.yaml': `project: ${name}\npipeline: {steps: {one: {run: a:main, resources: {cpus: ${cpus}}}}}\n`,
        'a.py': 'def main(): pass\n',
      })
    const has = async (id: string): Promise<string | undefined> => {
      const [attempt] = (await bench.view(id)).steps[0]?.attempts ?? []
      return driver.submitted.find((spec) => spec.attempt === attempt?.id)?.attempt
    }
    const submitted = (id: string): Promise<string> => until(`the attempt of run ${id}`, () => has(id))
    const isReady = (id: string): Promise<unknown> =>
      untilRun(bench, id, ({ steps }) => steps[0]?.state === 'ready', 'its step is ready')
    const first = await submitted(await run('first', 3))
    const large = await run('large', 4)
    await isReady(large)
    const small = await submitted(await run('small', 1))
    driver.finish(small)
    clock.now += 60_001
    const late = await run('late', 1)
    await isReady(late)
    // a later look of the loop, which would have begun it
    const looks = driver.looks.get(first) ?? 0
    await until('a later look', () => (driver.looks.get(first) ?? 0) >= looks + 3)
    assert.equal(await has(late), undefined)
    driver.finish(first)
    const attempt = await submitted(large)
    assert.equal(await has(late), undefined)
    driver.finish(attempt)
    driver.finish(await submitted(late))
    for (const id of [large, late]) assert.equal((await bench.end(id)).outcome, 'succeeded')
  })
})

/** A server that moves runs on, with four cores and a clock that stands. */
async function lead(
  t: TestContext,
): Promise<{ bench: Bench; clock: { now: number }; driver: ReturnType<typeof memoryDriver> }> {
  const root = mkdtempSync(join(tmpdir(), 'slipway-capacity-'))
  const clock = { now: 1_750_000_000_000 }
  const driver = memoryDriver()
  const bench = await openBench(join(root, 'data'), () => ({
    driver,
    envs: LOCKED,
    clock: () => clock.now,
    capacity: CAPACITY,
  }))
  t.after(async () => {
    await bench.close()
    rmSync(root, { recursive: true, force: true, maxRetries: 5 })
  })
  return { bench, clock, driver }
}
