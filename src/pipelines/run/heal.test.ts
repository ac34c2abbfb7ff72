/** Attempts and steps that earlier versions left open: a start ends them, or takes them up again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { open } from './moves.fixture.ts'

test('an attempt of an ended run ends at start, with its credentials; its step is no longer open', async (t) => {
  const ended: string[] = []
  const endAccess = (_: unknown, id: string) => Promise.resolve(() => void ended.push(id))
  const server = await open(t, { endAccess })
  const [left, sound] = [
    await server.attempt('pr_1', 'a', 1, { state: 'submitting' }),
    await server.attempt('pr_1', 'b', 1, { state: 'succeeded' }),
  ]
  await server.setStep('pr_1', 'a', { state: 'running' })
  await server.setRun('pr_1', { state: 'failed', outcome: 'failed' })
  server.room.start()
  await server.until(async () => (await server.state('b')) === 'cancelled', 'it is healed')
  const { run, attempts, steps } = await server.read('pr_1')
  assert.deepEqual([run.state, steps.map(({ state }) => state)], ['failed', ['cancelled', 'cancelled']])
  assert.deepEqual(
    attempts.map(({ id, state }) => [id, state]),
    [
      [left, 'lost'],
      [sound, 'succeeded'],
    ],
  )
  assert.deepEqual(ended, [left])
  assert.deepEqual(server.driver.submitted, [])
})

test('a step that runs without an attempt is begun again, and the run goes on', async (t) => {
  const server = await open(t)
  await server.attempt('pr_1', 'a', 1, { state: 'failed' })
  await server.setStep('pr_1', 'a', { state: 'running', cache_key: 'k' })
  server.room.start()
  await server.until(() => server.driver.submitted.length === 1, 'it is begun again')
  assert.equal((await server.read('pr_1')).attempts.find(({ state }) => state !== 'failed')?.number, 2)
})

test('a run whose project file is gone is told, and the others are healed', async (t) => {
  const server = await open(t)
  await server.begin(
    { 'slipway.yaml': 'project: q\npipeline: {steps: {x: {run: a:main}}}\n', 'a.py': 'def main(): pass\n' },
    { id: 'pr_2' },
  )
  const [bad, good] = [await server.attempt('pr_1', 'a', 1), await server.attempt('pr_2', 'x', 1)]
  await server.setRun('pr_1', { state: 'failed', version_id: 'pv_gone' })
  await server.setRun('pr_2', { state: 'cancelled' })
  server.room.start()
  const stateOf = async (run: string, id: string) =>
    (await server.read(run)).attempts.find((one) => one.id === id)?.state
  await server.until(async () => (await stateOf('pr_2', good)) === 'lost', 'the other is healed')
  assert.equal(await stateOf('pr_1', bad), 'running')
  assert.equal(server.errors.length, 1)
})
