/** A run that is cancelled: one attempt that nobody can ask to end holds up no other, grace times are not those of a clock that is set, and no source is read. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { TestContext } from 'node:test'
import { until } from '../../../test/until.ts'
import { ANA, openBench } from '../bench.fixture.ts'
import type { PipelinesDeps } from '../context/deps.ts'
import { memoryDriver } from '../drivers/memory.fixture.ts'
import { serve } from './attempts.fixture.ts'
import { LOCK } from './idle.fixture.ts'
import { prepareRun } from './prepare.ts'
import { cancelRun } from './runs.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-cancelled-'))
after(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }))

const FILES = {
  'slipway.yaml': 'project: ends\npipeline: {steps: {one: {run: a:main}, two: {run: a:main, seed: 1}}}\n',
  'a.py': 'def main(): pass\n',
}
const ENVS = {
  resolve: () => Promise.resolve(LOCK),
  lock: () => Promise.resolve(LOCK),
  python: () => Promise.resolve('python'),
} as unknown as PipelinesDeps['envs']

async function open(t: TestContext) {
  const driver = memoryDriver()
  const clock = { now: Date.now() }
  const deps = { driver, envs: ENVS, clock: () => clock.now }
  const bench = await openBench(join(mkdtempSync(join(root, 'server-')), 'data'), () => deps)
  t.after(() => bench.close())
  const asked = (what: string, holds: () => boolean): Promise<unknown> =>
    until(() => `${what}: ${driver.asked.join(', ')}`, holds)
  const run = await bench.begin(FILES)
  // one that is asked how it is has been started to the end; before that it is told to stop in another way
  await asked('both run', () => driver.submitted.filter(({ attempt }) => driver.looks.has(attempt)).length === 2)
  return { bench, driver, clock, asked, run }
}

test('a cluster that does not answer holds up no other attempt', async (t) => {
  const { bench, driver, asked, run } = await open(t)
  const { promise, resolve } = Promise.withResolvers<void>()
  const [first, second] = driver.submitted.map(({ attempt }) => attempt)
  const cancel = driver.cancel.bind(driver)
  Object.assign(driver, { cancel: async (id: string) => (await cancel(id), id === first ? promise : undefined) })
  await cancelRun(bench.room.context, ANA, run)
  bench.room.wake(run)
  try {
    await asked('the other is asked to end', () => driver.asked.includes(`cancel ${second}`))
  } finally {
    // the room does not close before it is answered
    resolve()
  }
})

test('a clock that is set takes nobody’s grace time', async (t) => {
  const { bench, driver, clock, asked, run } = await open(t)
  await cancelRun(bench.room.context, ANA, run)
  bench.room.wake(run)
  await asked('both are asked to end', () => driver.asked.filter((what) => what.startsWith('cancel')).length === 2)
  clock.now += 3_600_000
  const looks = (): number => [...driver.looks.values()].reduce((sum, count) => sum + count, 0)
  const from = looks()
  await asked('they are looked at', () => looks() > from + 6)
  assert.deepEqual(
    driver.asked.filter((what) => what.startsWith('kill')),
    [],
  )
  for (const { attempt } of driver.submitted) driver.finish(attempt, { class: 'cancelled' })
  assert.equal((await bench.end(run)).outcome, 'cancelled')
})

test('sources of a run that is cancelled while it is prepared are not read', async (t) => {
  const steps = '{one: {run: a:main, inputs: {given: sources.given}}}'
  const source = `{file: ${join(root, 'nothing.csv')}}`
  const yaml = `project: ends\nsources: {given: ${source}}\npipeline: {steps: ${steps}}\n`
  const tracking = { ensureExperiment: () => Promise.resolve('7') } as unknown as PipelinesDeps['tracking']
  const sources = { folders: [root], hidden: [], allow: [], index: 'http://127.0.0.1:9' }
  for (const [wanted, state] of [
    ['run', 'failed'],
    ['cancel', 'waiting'],
  ] as const) {
    const server = await serve(t, { envs: ENVS, tracking, sources })
    await server.begin({ ...FILES, 'slipway.yaml': yaml }, { id: 'pr_1' })
    const { run } = await server.read('pr_1')
    await server.setRun('pr_1', { desired_state: wanted })
    await prepareRun(server.context, run)
    const [step] = (await server.read('pr_1')).steps
    assert.equal(step?.state, state, step?.failure?.message)
    assert.equal(server.said.includes('reads source "given"'), wanted === 'run')
  }
})
