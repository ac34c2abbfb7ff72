/** A condition is decided once: what stands in the row of the step counts, whatever metrics say later. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stepOf } from '../context/context.ts'
import { openIdle, type Idle } from '../run/idle.fixture.ts'
import { decideCondition } from './condition.ts'

const FILES = {
  'slipway.yaml': `project: p
python: {packages: []}
pipeline:
  steps:
    judge: {run: "a:main"}
    deploy: {run: "a:main", when: steps.judge.metrics.auc > 0.5}
`,
  'a.py': 'def main(): pass\n',
}

/** Decides the condition of deploy by the rows as they are. */
async function decided(idle: Idle, id: string): Promise<boolean | 'ended'> {
  const tree = await idle.read(id)
  const row = tree.steps.find(({ name }) => name === 'deploy')
  assert.ok(row)
  const spec = await idle.context.spec(tree.run.version_id)
  return decideCondition(idle.context, tree, [row, stepOf(spec, 'deploy')])
}

const deploy = async (idle: Idle, id: string) => (await idle.read(id)).steps[1]

test('it stays open until the step that it names has ended', async (t) => {
  const idle = await openIdle(t)
  const id = await idle.begin(FILES)
  for (const state of ['waiting', 'ready', 'running']) {
    await idle.setStep(id, 'judge', { state, metrics: '{"auc": 0.9}' })
    assert.equal(await decided(idle, id), false, state)
    assert.equal((await deploy(idle, id))?.decision, null)
  }
})

test('what was decided stands, though metrics change after it', async (t) => {
  const idle = await openIdle(t)
  const id = await idle.begin(FILES)
  await idle.setStep(id, 'judge', { state: 'succeeded', metrics: '{"auc": 0.9}' })
  assert.equal(await decided(idle, id), true)
  const { decision } = (await deploy(idle, id)) ?? {}
  assert.deepEqual(decision, {
    expression: 'steps.judge.metrics.auc > 0.5',
    holds: true,
    detail: 'steps.judge.metrics.auc > 0.5 (steps.judge.metrics.auc is 0.9)',
  })
  await idle.setStep(id, 'judge', { metrics: '{"auc": 0.1}' })
  assert.equal(await decided(idle, id), true)
  assert.deepEqual((await deploy(idle, id))?.decision, decision)
})

test('of two that decide at once the first counts', async (t) => {
  const idle = await openIdle(t)
  const id = await idle.begin(FILES)
  await idle.setStep(id, 'judge', { state: 'succeeded', metrics: '{"auc": 0.9}' })
  const late = await idle.read(id)
  await idle.setStep(id, 'judge', { metrics: '{"auc": 0.1}' })
  assert.equal(await decided(idle, id), 'ended')
  const [row, spec] = [late.steps[1], await idle.context.spec(late.run.version_id)]
  assert.ok(row)
  await decideCondition(idle.context, late, [row, stepOf(spec, 'deploy')])
  const { state, decision, reason } = (await deploy(idle, id)) ?? {}
  assert.deepEqual([state, decision?.holds], ['skipped', false])
  assert.match(reason ?? '', /does not hold: .*auc is 0\.1\)$/)
})

test('a metric whose name every object has is not known where no step left it', async (t) => {
  const idle = await openIdle(t)
  for (const name of ['constructor', '__proto__', 'toString']) {
    const text = FILES['slipway.yaml'].replace('metrics.auc > 0.5', `metrics.${name} != 0.5`)
    const id = await idle.begin({ ...FILES, 'slipway.yaml': text })
    await idle.setStep(id, 'judge', { state: 'succeeded', metrics: '{"auc": 0.9}' })
    assert.equal(await decided(idle, id), 'ended')
    assert.match((await deploy(idle, id))?.failure?.message ?? '', /cannot be decided: .* is not known\)$/, name)
  }
})

for (const [state, expected, said] of [
  ['failed', 'skipped', 'its condition names "judge", which did not succeed'],
  ['skipped', 'skipped', 'its condition names "judge", which did not succeed'],
  [
    'succeeded',
    'failed',
    'its condition cannot be decided: steps.judge.metrics.auc > 0.5 (steps.judge.metrics.auc is not known)',
  ],
] as const)
  test(`without its metric, from a step that is ${state}, the step is ${expected}`, async (t) => {
    const idle = await openIdle(t)
    const id = await idle.begin(FILES)
    await idle.setStep(id, 'judge', { state, metrics: '{"f1": 0.9}' })
    assert.equal(await decided(idle, id), 'ended')
    const row = await deploy(idle, id)
    assert.equal(row?.state, expected)
    assert.equal(row.failure?.message ?? row.reason, said)
    assert.equal(row.decision, null)
  })
