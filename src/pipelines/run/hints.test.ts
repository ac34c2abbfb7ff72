/** An end that the driver tells is acted on at once, by all runs that wait for it: here none is ever looked at because time has passed. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { LOCK } from './idle.fixture.ts'
import { open, type Room } from './moves.fixture.ts'

/** Two runs with a step `a` to run, and a place for one of them: one runs, and the other waits. No timer of the room fires. */
async function two(t: TestContext, name: string): Promise<Room> {
  const server = await open(t)
  const yaml = `project: ${name}
pipeline: {steps: {a: {run: a:main, silent_timeout: 60s, retries: {timeout: 1}}}}
`
  await server.begin({ 'slipway.yaml': yaml, 'a.py': 'def main(): pass\n' }, { id: 'pr_2' })
  await server.setRun('pr_2', { state: 'running', environment: LOCK.digest, experiment_id: '7' })
  await server.setStep('pr_1', 'b', { state: 'succeeded' })
  t.mock.timers.enable({ apis: ['setInterval'] })
  server.room.start()
  const waits = async (): Promise<boolean> =>
    server.driver.submitted.length === 1 && (await states(server)).toSorted().join(' ') === 'ready running'
  await server.until(waits, 'one waits for the other')
  // what is noted of the one that waits comes before these
  for (let i = 0; i < 20; i++) await server.setRun('pr_1', { message: '' })
  return server
}

/** States of the step of each run. */
async function states(server: Room): Promise<string[]> {
  const trees = [await server.read('pr_1'), await server.read('pr_2')]
  return trees.map(({ steps }) => steps.find(({ name }) => name === 'a')?.state ?? '')
}

/** Ends attempts well, the first and each that begins after it, until both runs have ended; how many there were. */
async function finish(server: Room): Promise<number> {
  const { driver } = server
  let ended = 0
  const areOver = async (): Promise<boolean> => {
    const next = driver.submitted[ended]
    if (next !== undefined) driver.finish(next.attempt)
    if (next !== undefined) ended += 1
    const runs = [await server.read('pr_1'), await server.read('pr_2')]
    return runs.every(({ run }) => run.state === 'succeeded')
  }
  await server.until(areOver, 'both runs end')
  assert.deepEqual(server.errors, [])
  return ended
}

describe('where an attempt has ended', () => {
  test('a step of another run that waited for its place begins', async (t) => {
    const server = await two(t, 'other')
    assert.equal(await finish(server), 2)
    assert.deepEqual(await states(server), ['succeeded', 'succeeded'])
  })
  test('an equal step of another run that waited for its result has it', async (t) => {
    const server = await two(t, 'p')
    assert.equal(await finish(server), 1)
    assert.deepEqual((await states(server)).toSorted(), ['cached', 'succeeded'])
  })
})
