/** Runs as the contract shows them: times, durations, the longest chain, and what a run says while it goes on. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { freshSeal } from '../../auth/seal.fixture.ts'
import { PipelineRun, PipelineRunRow } from '../../contract/pipelines.ts'
import { openIdle, type Idle } from './idle.fixture.ts'
import { entryText, viewCache, viewRow, viewRun, viewVersion, type RunView } from './view.ts'
import { requireVersion } from '../spec/versions.ts'

const STEPS = `
    make: {run: make:main, outputs: [t], params: {n: 1, k: 2}}
    left: {run: [python, left.py, "{inputs.t}", 3], inputs: {t: make.t}}
    right: {run: make:main, inputs: {t: make.t}}
    last: {run: make:main, after: [left, right]}`
const FILES = {
  'slipway.yaml': `project: shown\npipeline:\n  steps:${STEPS}\nmodel: {name: toy, from: make.t}\nendpoint: {name: toys}\n`,
  'make.py': 'def main(): pass\n',
}
const AT = 1_750_000_000_000
const TIME = '2025-06-15T15:06:40.000Z'

async function shown(idle: Idle, id: string): Promise<RunView> {
  const view = await viewRun(idle.context, await idle.read(id))
  return PipelineRun.parse(view)
}

/** A run that took 40 s and registered a model; one of its steps was tried twice. */
async function endedRun(t: TestContext): Promise<{ idle: Idle; id: string }> {
  const idle = await openIdle(t)
  const id = await idle.begin(FILES, { params: { make: { n: 5 } } })
  const later = (s: number): number => AT + s * 1000
  const done = (from: number, to: number) => ({
    state: 'succeeded',
    ready_at: later(from),
    started_at: later(from + 1),
    finished_at: later(to),
  })
  await idle.setStep(id, 'make', done(0, 10))
  await idle.setStep(id, 'left', done(10, 15))
  await idle.setStep(id, 'right', done(10, 30))
  await idle.setStep(id, 'last', done(30, 34))
  await idle.attempt(id, 'make', 1, {
    state: 'failed',
    cpu_seconds: 1.5,
    failure: '{"class":"user","message":"m","traceback":null}',
    finished_at: later(2),
    started_at: later(1),
    wall_ms: 900,
    max_rss_bytes: 4096,
    log_bytes: 7,
  })
  await idle.attempt(id, 'make', 2, { cpu_seconds: 2, silent: 1 })
  await idle.attempt(id, 'right', 1, { cpu_seconds: null })
  await idle.setRun(id, {
    state: 'succeeded',
    outcome: 'succeeded',
    message: 'all is well',
    started_at: later(1),
    finished_at: later(40),
    experiment_id: '7',
    registered: JSON.stringify({
      model: 'toy',
      version: '3',
      verdict: 'accepted',
      detail: 'd',
      tree: 'x',
      deployed: true,
    }),
  })
  return { idle, id }
}

test('a run that has ended: its times, its longest chain, its CPU and its model', async (t) => {
  const { idle, id } = await endedRun(t)
  idle.context.say(id, 'is no longer said')
  const view = await shown(idle, id)
  assert.deepEqual(
    [view.created_at, view.started_at, view.finished_at, view.duration_ms, view.message],
    [TIME, '2025-06-15T15:06:41.000Z', '2025-06-15T15:07:20.000Z', 40_000, 'all is well'],
  )
  assert.deepEqual([view.critical_path, view.critical_path_ms], [['make', 'right', 'last'], 34_000])
  assert.equal(view.cpu_seconds, 3.5)
  assert.deepEqual(view.registered, { model: 'toy', version: '3', verdict: 'accepted', detail: 'd' })
})

test('the steps of a run that has ended, with their attempts', async (t) => {
  const { idle, id } = await endedRun(t)
  const [make, left, right] = (await shown(idle, id)).steps
  assert.deepEqual([make?.duration_ms, make?.params], [10_000, { n: 5, k: 2 }], 'from when it was ready')
  assert.equal(left?.entry, 'python left.py {inputs.t} 3')
  assert.deepEqual([left?.needs, right?.entry], [['make'], 'make:main'])
  assert.deepEqual(
    make?.attempts.map(({ number, state, silent, queued_at }) => [number, state, silent, queued_at]),
    [
      [1, 'failed', false, TIME],
      [2, 'running', true, TIME],
    ],
  )
  const [attempt] = make?.attempts ?? []
  const expected = { wall_ms: 900, max_rss_bytes: 4096, log_bytes: 7, started_at: '2025-06-15T15:06:41.000Z' }
  assert.partialDeepStrictEqual(attempt, { ...expected, failure: { class: 'user', message: 'm' } })
  assert.equal(right?.attempts.length, 1)
})

test('a run that has only been made has no times and no duration', async (t) => {
  const idle = await openIdle(t)
  const view = await shown(idle, await idle.begin(FILES))
  assert.deepEqual([view.started_at, view.finished_at, view.duration_ms, view.registered], [null, null, null, null])
  const [make] = view.steps
  assert.deepEqual([make?.cache, make?.duration_ms, make?.retry_at, make?.attempts], [null, null, null, []])
})

test('a run names the steps that have waited for a place for more than 5 s, not those in the pause before a retry', async (t) => {
  const idle = await openIdle(t)
  const id = await idle.begin(FILES)
  await idle.setRun(id, { state: 'running' })
  await idle.setStep(id, 'make', { state: 'running' })
  const now = idle.clock.now
  await idle.setStep(id, 'left', { state: 'ready', ready_at: now - 5001 })
  await idle.setStep(id, 'right', { state: 'ready', ready_at: now - 5000 })
  await idle.setStep(id, 'last', { state: 'ready', ready_at: now - 90_000, retry_at: now + 1 })
  const said = async (): Promise<string> => (await shown(idle, id)).message
  assert.equal(await said(), '0 of 4 steps done; running: make; waiting for a place: left')
  idle.clock.now += 5002
  assert.equal(await said(), '0 of 4 steps done; running: make; waiting for a place: left, right, last')
})

describe('what a run says while it goes on', () => {
  const cases: [string, Record<string, string>, Record<string, string>, string][] = [
    ['waiting', { state: 'waiting' }, {}, 'waits for its turn'],
    ['preparing', { state: 'preparing' }, {}, 'prepares the environment'],
    ['tried again', { state: 'preparing', message: 'is tried again' }, {}, 'is tried again'],
    ['no step begun', { state: 'running' }, {}, '0 of 4 steps done'],
    ['one running', { state: 'running' }, { make: 'running' }, '0 of 4 steps done; running: make'],
    [
      'two running',
      { state: 'running' },
      { make: 'cached', left: 'running', right: 'running' },
      '1 of 4 steps done; running: left, right',
    ],
    [
      'neither failed nor skipped steps are done',
      { state: 'running' },
      { make: 'succeeded', left: 'failed', right: 'ready', last: 'skipped' },
      '1 of 4 steps done',
    ],
    ['cancelling', { state: 'running', desired_state: 'cancel' }, { make: 'running' }, 'is being cancelled'],
  ]
  for (const [name, run, steps, message] of cases) {
    test(name, async (t) => {
      const idle = await openIdle(t)
      const id = await idle.begin(FILES)
      await idle.setRun(id, run)
      for (const [step, state] of Object.entries(steps)) await idle.setStep(id, step, { state })
      assert.equal((await shown(idle, id)).message, message)
    })
  }
  test('what it is doing right now comes first, until that is over', async (t) => {
    const idle = await openIdle(t)
    const id = await idle.begin(FILES)
    idle.context.say(id, 'resolves packages')
    assert.equal((await shown(idle, id)).message, 'resolves packages')
    idle.context.say(id, undefined)
    assert.equal((await shown(idle, id)).message, 'waits for its turn')
  })
})

test('a row of a list has the message of the run and the states of its steps', async (t) => {
  const idle = await openIdle(t)
  const id = await idle.begin(FILES)
  await idle.setRun(id, { message: 'said' })
  const { run } = await idle.read(id)
  const row = PipelineRunRow.parse(viewRow(run, [{ name: 'make', state: 'running' }]))
  assert.deepEqual([row.id, row.message, row.steps, row.trigger], [id, 'said', { make: 'running' }, 'manual'])
})

test('a version shows its steps, model, endpoint and each warning once', async (t) => {
  const idle = await openIdle(t)
  const dynamic = 'import importlib\nx = importlib.import_module(input())\ndef main(): pass\n'
  const { run } = await idle.read(await idle.begin({ ...FILES, 'make.py': dynamic }))
  const version = viewVersion(await requireVersion(idle.store.db, run.version_id))
  assert.deepEqual(version.steps[3], { name: 'last', entry: 'make:main', needs: ['left', 'right'] })
  assert.deepEqual(
    [version.model, version.endpoint, version.created_at, version.created_by],
    ['toy', 'toys', TIME, 'ana'],
  )
  assert.equal(version.warnings.filter((text) => text.includes('make.py')).length, 1)
  const plain = { ...FILES, 'slipway.yaml': `project: shown\npipeline:\n  steps:${STEPS}\n` }
  const { run: bare } = await idle.read(await idle.begin(plain))
  const none = viewVersion(await requireVersion(idle.store.db, bare.version_id))
  const command = 'a step runs a command: every file of the project is part of the key'
  assert.deepEqual([none.model, none.endpoint, none.warnings], [null, null, [command]])
})

test('a version names the address whose secret stands in its project file, without it, sealed as it is kept', async (t) => {
  const idle = await openIdle(t, { seal: freshSeal() })
  const address = 'https://hooks.example.com/T0/word'
  const yaml = `${FILES['slipway.yaml']}monitor: {webhook: "${address}", webhooks: [{name: ops, url: $SLIPWAY_WEBHOOK_OPS}]}\n`
  const { run } = await idle.read(await idle.begin({ ...FILES, 'slipway.yaml': yaml }))
  const version = await requireVersion(idle.store.db, run.version_id)
  assert.doesNotMatch(JSON.stringify(version), /word/)
  const [said, ...others] = viewVersion(version).warnings.filter((text) => text.startsWith('monitor.'))
  assert.match(
    said ?? '',
    /^monitor\.webhook: got https:\/\/hooks\.example\.com\/\*\*\*, .*expected "\$SLIPWAY_WEBHOOK_NAME"/,
  )
  assert.deepEqual(others, [])
})

test('a result taken from another run is a hit; the parts of a command are joined', () => {
  const row = { cache_key: 'k', reason: 'r', changes: [], compared_with: null, from_run: null } as never
  assert.deepEqual(viewCache(row), { key: 'k', hit: false, reason: 'r', changes: [], from_run: null })
  assert.equal(viewCache({ ...(row as object), from_run: 'pr_1' } as never)?.hit, true)
  assert.equal(viewCache({ ...(row as object), cache_key: null } as never), null)
  assert.equal(entryText(['python', 'x.py', 3]), 'python x.py 3')
})
