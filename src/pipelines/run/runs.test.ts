/** Runs as people ask for them: made once, listed in pages, cancelled, repeated, and not seen from another project. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Principal } from '../../contract/access.ts'
import { SYSTEM } from '../../auth/tokens.ts'
import { ANA } from '../bench.fixture.ts'
import { requireVersion } from '../spec/versions.ts'
import { openIdle, type Idle } from './idle.fixture.ts'
import { cancelRun, createRun, listRuns, requireRun, retryRun } from './runs.ts'

const THEIRS: Principal = { ...ANA, id: 'u2', name: 'bo', project: 'theirs' }

function files(project = 'mine'): Record<string, string> {
  const steps = '{make: {run: make:main, outputs: [t], params: {n: 1}}, use: {run: make:main, inputs: {t: make.t}}}'
  return { 'slipway.yaml': `project: ${project}\npipeline: {steps: ${steps}}\n`, 'make.py': 'def main(): pass\n' }
}

describe('a new run', () => {
  test('waits with all its steps, and is in the audit', async (t) => {
    const idle = await openIdle(t)
    const id = await idle.begin(files(), { params: { make: { n: 5 } }, trigger: 'schedule' })
    const { run, steps, attempts } = await idle.read(id)
    assert.deepEqual(
      [run.state, run.desired_state, run.outcome, run.created_by, run.trigger_kind, run.created_at, run.environment],
      ['waiting', 'run', null, 'ana', 'schedule', idle.clock.now, null],
    )
    assert.deepEqual(run.params, { make: { n: 5 } })
    const { from, force, register, deploy, reproduces, tolerance } = run.options
    assert.deepEqual([from, force, register, deploy, reproduces, tolerance], [null, false, true, false, null, 0])
    assert.deepEqual(
      steps.map(({ name, position, state }) => [name, position, state]),
      [
        ['make', 0, 'waiting'],
        ['use', 1, 'waiting'],
      ],
    )
    assert.deepEqual(attempts, [])
    assert.deepEqual(idle.audit.at(-1), { made: 'run', version: run.version_id, trigger: 'schedule' })
  })
  test('has the role of whoever started it, and one that starts by itself that of who submitted its version last', async (t) => {
    const idle = await openIdle(t)
    const role = async (id: string) => (await idle.read(id)).run.role
    const who = (name: 'contributor' | 'maintainer'): Principal => ({ ...ANA, role: name, name })
    const version = async (id: string) => (await idle.read(id)).run.version_id
    const first = await idle.begin(files(), {}, who('contributor'))
    assert.equal(await role(first), 'contributor')
    const start = async (by: Principal) => {
      const found = await requireVersion(idle.context.deps.db, await version(first))
      return createRun(idle.context, by, { version: found, params: {}, options: {}, trigger: 'schedule' })
    }
    assert.equal(await role(await start(SYSTEM)), 'contributor')
    assert.equal(await role(await start(who('maintainer'))), 'maintainer')
    const submitted = await idle.begin(files(), {}, who('maintainer'))
    assert.equal(await version(submitted), await version(first))
    assert.equal(await role(await start(SYSTEM)), 'maintainer')
  })
  test('with an id that is taken is the run that is there, whatever is asked', async (t) => {
    const idle = await openIdle(t)
    await idle.begin(files(), { id: 'pr_once' })
    const told = idle.audit.length
    assert.equal(await idle.begin(files(), { id: 'pr_once', params: { make: { n: 9 } } }), 'pr_once')
    const { run, steps } = await idle.read('pr_once')
    assert.deepEqual([run.params, steps.length, idle.audit.length], [{}, 2, told])
  })
  test('from a step that is not there is refused with those that are', async (t) => {
    const idle = await openIdle(t)
    await assert.rejects(idle.begin(files(), { options: { from: 'makes' } }), /from.*one of the steps make, use/)
    assert.deepEqual(await list(idle), [])
    await idle.begin(files(), { options: { from: 'use' } })
    assert.equal((await list(idle)).length, 1)
  })
})

async function list(idle: Idle, query: Partial<Parameters<typeof listRuns>[1]> = {}): Promise<string[]> {
  const rows = await listRuns(idle.store.db, {
    project: undefined,
    state: undefined,
    before: undefined,
    limit: 100,
    ...query,
  })
  return rows.map(({ run }) => run.id)
}

test('runs come newest first, in pages that neither repeat nor leave out runs of one moment', async (t) => {
  const idle = await openIdle(t)
  const [first, second] = [idle.clock.now, idle.clock.now + 1]
  for (const id of ['pr_b', 'pr_a', 'pr_c']) await idle.begin(files(), { id })
  idle.clock.now = second
  await idle.begin(files('theirs'), { id: 'pr_0' })
  await idle.setRun('pr_a', { state: 'failed' })
  assert.deepEqual(await list(idle), ['pr_0', 'pr_c', 'pr_b', 'pr_a'])
  assert.deepEqual(await list(idle, { limit: 2 }), ['pr_0', 'pr_c'])
  assert.deepEqual(await list(idle, { before: [first, 'pr_c'], limit: 2 }), ['pr_b', 'pr_a'])
  assert.deepEqual(await list(idle, { before: [first, 'pr_a'] }), [])
  assert.deepEqual(await list(idle, { before: [second, 'pr_0'] }), ['pr_c', 'pr_b', 'pr_a'])
  assert.deepEqual(await list(idle, { project: 'mine' }), ['pr_c', 'pr_b', 'pr_a'])
  assert.deepEqual(await list(idle, { state: 'failed' }), ['pr_a'])
  assert.deepEqual(await list(idle, { project: 'theirs', state: 'failed' }), [])
  assert.deepEqual(await list(idle, { project: 'mine', state: 'waiting', before: [first, 'pr_c'] }), ['pr_b'])
})

test('of each project the newest run alone is listed, in pages too', async (t) => {
  const idle = await openIdle(t)
  assert.deepEqual(await list(idle, { newest: true }), [])
  for (const [id, project] of [
    ['pr_a', 'one'],
    ['pr_c', 'two'],
    ['pr_b', 'two'],
    ['pr_d', 'three'],
  ] as const)
    await idle.begin(files(project), { id })
  idle.clock.now += 5
  await idle.begin(files('one'), { id: 'pr_0' })
  await idle.setRun('pr_c', { state: 'failed' })
  assert.deepEqual(await list(idle, { newest: true }), ['pr_0', 'pr_d', 'pr_c'])
  assert.deepEqual(await list(idle, { newest: true, limit: 1, before: [idle.clock.now, 'pr_0'] }), ['pr_d'])
  assert.deepEqual(await list(idle, { newest: true, project: 'two' }), ['pr_c'])
  assert.deepEqual(await list(idle, { newest: true, state: 'failed' }), ['pr_c'])
  assert.deepEqual(await list(idle, { newest: true, project: 'four' }), [])
})

test('each run of a list has the states of its own steps, in their order', async (t) => {
  const idle = await openIdle(t)
  await idle.begin(files(), { id: 'pr_1' })
  await idle.begin(files(), { id: 'pr_2' })
  await idle.setStep('pr_1', 'make', { state: 'failed' })
  const rows = await listRuns(idle.store.db, { project: undefined, state: undefined, before: undefined, limit: 9 })
  assert.deepEqual(
    rows.map(({ run, steps }) => [run.id, steps.map((step) => `${step.name} ${step.state}`)]),
    [
      ['pr_2', ['make waiting', 'use waiting']],
      ['pr_1', ['make failed', 'use waiting']],
    ],
  )
})

test('a run of another project is as if it were not there', async (t) => {
  const idle = await openIdle(t)
  const id = await idle.begin(files())
  assert.equal((await requireRun(idle.context, { ...THEIRS, project: 'mine' }, id)).run.id, id)
  await assert.rejects(requireRun(idle.context, THEIRS, id), { code: 'not_found' })
  await assert.rejects(requireRun(idle.context, ANA, 'pr_gone'), { code: 'not_found' })
  await assert.rejects(idle.begin(files(), {}, THEIRS), { code: 'not_found' })
})

describe('cancelling', () => {
  for (const state of ['waiting', 'preparing', 'running']) {
    test(`a run that is ${state} is asked once, and once audited`, async (t) => {
      const idle = await openIdle(t)
      const id = await idle.begin(files())
      const other = await idle.begin(files())
      await idle.setRun(id, { state })
      const told = idle.audit.length
      await cancelRun(idle.context, ANA, id)
      await cancelRun(idle.context, ANA, id)
      assert.equal((await idle.read(id)).run.desired_state, 'cancel')
      assert.equal((await idle.read(other)).run.desired_state, 'run')
      assert.deepEqual(idle.audit.slice(told), [{ cancelled: true }])
    })
  }
  for (const state of ['succeeded', 'failed', 'cancelled']) {
    test(`a run that has ${state} stays as it is`, async (t) => {
      const idle = await openIdle(t)
      const id = await idle.begin(files())
      await idle.setRun(id, { state })
      const told = idle.audit.length
      await cancelRun(idle.context, ANA, id)
      assert.equal((await idle.read(id)).run.desired_state, 'run')
      assert.equal(idle.audit.length, told)
    })
  }
})

describe('repeating', () => {
  test('takes version, params, registration, deployment, force and the step to begin from', async (t) => {
    const idle = await openIdle(t)
    const options = { register: false, deploy: true, force: true, from: 'use' }
    const id = await idle.begin(files(), { params: { make: { n: 7 } }, options, trigger: 'schedule' })
    await idle.setRun(id, { state: 'failed' })
    const { run } = await idle.read(id)
    // the project has a newer version by now
    await idle.begin({ ...files(), 'make.py': 'def main(): return {}\n' })
    const { run: again } = await idle.read(await retryRun(idle.context, ANA, await idle.read(id)))
    assert.notEqual(again.id, run.id)
    assert.deepEqual(
      [again.version_id, again.params, again.trigger_kind],
      [run.version_id, { make: { n: 7 } }, 'manual'],
    )
    const { register, deploy, force, from } = again.options
    assert.deepEqual([register, deploy, force, from], [false, true, true, 'use'])
  })
  test('is refused while the run goes on', async (t) => {
    const idle = await openIdle(t)
    const tree = await idle.read(await idle.begin(files()))
    await assert.rejects(retryRun(idle.context, ANA, tree), /has not ended; it can be repeated when it has/)
  })
})

test('params that name a model by alias are pinned when the run is made', async (t) => {
  const yaml = files()['slipway.yaml']?.replace('n: 1', 'n: "models:/toy@production"') ?? ''
  const idle = await openIdle(t, { aliasVersion: () => Promise.resolve('4') })
  const { run } = await idle.read(await idle.begin({ ...files(), 'slipway.yaml': yaml }))
  assert.deepEqual(run.params, { make: { n: 'models:/toy/4' } })
})

test('of two that make the same run at once there is one', async (t) => {
  const idle = await openIdle(t)
  const { run } = await idle.read(await idle.begin(files()))
  const { version_id } = run
  const version = { id: version_id, spec: await idle.context.spec(version_id), source_id: null } as never
  const given = { version, params: {}, options: {}, trigger: 'manual', id: 'pr_same' } as const
  const made = await Promise.all([1, 2, 3].map(() => createRun(idle.context, ANA, given)))
  assert.deepEqual([...new Set(made)], ['pr_same'])
  assert.equal((await idle.read('pr_same')).steps.length, 2)
})
