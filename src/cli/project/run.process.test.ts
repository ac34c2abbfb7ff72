/** `slipway run` and `slipway ship`: what is uploaded and asked for, how steps are told once each, and with which code they end. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { problem } from '../../contract/errors.ts'
import { monitoringApi } from '../../contract/monitoring.ts'
import { pipelinesApi } from '../../contract/pipelines.ts'
import { registryApi } from '../../contract/registry.ts'
import { rolloutApi } from '../../contract/rollout.ts'
import type { Rollout } from '../../contract/rollout.ts'
import type { Reply } from '../../contract/route.ts'
import type { Watched } from '../../contract/endpoint-view.ts'
import { AT, monitor, pipelineRun, rollout, step, version } from '../answers.fixture.ts'
import { startRecorded } from '../recorded-server.fixture.ts'
import type { RecordedServer } from '../recorded-server.fixture.ts'
import type { Said } from '../run-command.fixture.ts'
import { usage } from '../run-command.fixture.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`
const REGISTERED = { model: 'iris-model', version: '2', verdict: 'accepted', detail: 'All gates hold.' } as const
const VERSION = {
  id: 'pv_1',
  project: 'flights',
  digest: `sha256:${'b'.repeat(64)}`,
  tree: DIGEST,
  created_at: AT,
  created_by: 'ada',
  steps: [],
  model: 'iris-model',
  endpoint: 'iris',
  warnings: ['import of "x" could not be resolved'],
}

let server: RecordedServer
let folder: string
before(async () => {
  server = await startRecorded()
  folder = join(server.data, 'project')
  mkdirSync(folder)
  writeFileSync(join(folder, 'slipway.yaml'), 'project: flights\n')
  writeFileSync(join(folder, 'other.yaml'), 'project: other\n')
})
after(() => server.close())

type PipelineRunOf = Reply<typeof pipelinesApi.getPipelineRun>

let endpoint: string | null = 'iris'
let registered = version({ metrics: { roc_auc: 0.9 } })
/** What is said of the watch over the endpoint, one after the other. */
let watched: readonly Partial<Watched>[] = [{}]

/** What the stream of a step's log tells, each time that it is opened. */
const LOGS: readonly string[] = [logOf('epoch 1\nbar 10%\rbar 100%\nno line end')]

let logs = LOGS

/** Runs the project where the run is found in these states, one after the other. */
function run(states: readonly PipelineRunOf[], ...words: string[]): Promise<Said> {
  server.answer(pipelinesApi.followLogs, ...logs)
  server.answer(pipelinesApi.uploadTree, { digest: DIGEST, size: 1, files: 2 })
  server.answer(pipelinesApi.createPipelineVersion, VERSION)
  server.answer(pipelinesApi.createPipelineRun, pipelineRun({ state: 'waiting', outcome: null, finished_at: null }))
  server.answer(pipelinesApi.getPipelineRun, ...states)
  server.answer(pipelinesApi.getPipelineVersion, { ...VERSION, endpoint, text: '', spec: null })
  server.answer(registryApi.getVersion, registered)
  server.answer(monitoringApi.getMonitor, ...watched.map(monitor))
  return server.slipway(words[0] === 'ship' ? 'ship' : 'run', folder, ...words.filter((word) => word !== 'ship'))
}

const VIEW = 'Ctrl-C ends this view and not the run; slipway cancel run_1 ends the run.'

/** A step's log as the server streams it to its end. */
function logOf(text: string): string {
  return `${pieceOf(text)}event: end\ndata: {"attempt":1,"offset":${Buffer.byteLength(text)}}\n\n`
}

/** The beginning of a step's log, as far as a server that is killed tells it. */
function pieceOf(text: string): string {
  return `id: 1:${Buffer.byteLength(text)}\nevent: log\ndata: ${JSON.stringify({ attempt: 1, offset: 0, text })}\n\n`
}

const attempt = (number: number): PipelineRunOf['steps'][number]['attempts'][number] => ({
  id: `att_${number}`,
  number,
  state: 'succeeded',
  failure: null,
  tracking_run_id: null,
  queued_at: AT,
  started_at: AT,
  finished_at: AT,
  silent: false,
  cpu_seconds: 1,
  max_rss_bytes: 1,
  measured: 'whole',
  wall_ms: 1,
  log_bytes: 0,
})

describe('slipway run', () => {
  it('uploads the folder and starts a run of the version that it makes', async () => {
    const { lines, code, progress } = await run([pipelineRun()])
    assert.equal(code, 0)
    assert.deepEqual(lines, [
      'note: import of "x" could not be resolved',
      `Run run_1 of flights: ${server.url}/pipelines/run_1`,
      VIEW,
      '✓ train succeeded 1.23 s',
      'Run run_1: succeeded; 1 step executed, 0 taken from the cache. All is done.',
    ])
    assert.equal(progress[0], 'uploading the project')
    const [made] = server.asked(pipelinesApi.createPipelineVersion)
    assert.deepEqual(made?.body, { text: 'project: flights\n', tree: DIGEST, file: 'slipway.yaml' })
    assert.deepEqual(server.asked(pipelinesApi.createPipelineRun)[0]?.body, {
      pipeline_version: 'pv_1',
      params: {},
      force: false,
      deploy: false,
    })
  })

  it('hands on params, the first step, another file and that nothing comes from the cache', async () => {
    const params = ['train.rows=5', 'train.name=plain text', 'train.kind="quoted"', 'train.list=[1, 2]', 'b.c.d=a=b']
    await run(
      [pipelineRun()],
      ...params.flatMap((one) => ['--param', one]),
      '--from',
      'train',
      '--force',
      '--strict',
      '--file',
      'other.yaml',
    )
    assert.deepEqual(server.asked(pipelinesApi.createPipelineRun)[0]?.body, {
      pipeline_version: 'pv_1',
      params: { train: { rows: 5, name: 'plain text', kind: 'quoted', list: [1, 2] }, b: { 'c.d': 'a=b' } },
      force: true,
      strict: true,
      deploy: false,
      from: 'train',
    })
    const version = server.asked(pipelinesApi.createPipelineVersion)[0]?.body as Record<string, unknown>
    assert.deepEqual([version['text'], version['file']], ['project: other\n', 'other.yaml'])
  })

  for (const param of ['rows=5', 'train.rows', '.rows=5', 'train.=5', ''])
    it(`refuses the param "${param}"`, async () => {
      await assert.rejects(run([pipelineRun()], `--param=${param}`), usage(/expected STEP\.PARAM=VALUE/))
    })

  it('tells each step once when it is over, and in what state the rest is', async () => {
    const [first, cached, failed] = [
      step({ name: 'load', duration_ms: null }),
      step({
        name: 'fit',
        state: 'cached',
        duration_ms: 10,
        cache: { key: 'k', hit: true, reason: 'nothing changed', changes: [], from_run: 'run_0' },
        reads: [{ kind: 'file', name: '/data/x.csv', digest: null }],
      }),
      step({ name: 'test', state: 'failed', failure: { class: 'user', message: 'ValueError: x', traceback: null } }),
    ]
    const going = { state: 'running', outcome: null, finished_at: null, message: 'waits for a slot' } as const
    const { lines, progress, code } = await run([
      pipelineRun({
        ...going,
        steps: [step({ name: 'load', state: 'running' }), step({ name: 'fit', state: 'waiting' })],
      }),
      pipelineRun({ ...going, steps: [first, step({ name: 'fit', state: 'waiting' })] }),
      pipelineRun({ ...going, steps: [first, cached] }),
      pipelineRun({ state: 'failed', outcome: 'failed', message: 'A step failed.', steps: [first, cached, failed] }),
    ])
    assert.equal(code, 1, 'code of the user failed')
    assert.deepEqual(lines.slice(3), [
      '✓ load succeeded',
      '= fit cached 0.01 s (nothing changed)',
      '  warning: it read file /data/x.csv, which its cache key does not hold',
      '✗ test failed 1.23 s',
      '  user: ValueError: x',
      'Run run_1: failed; 1 step executed, 1 taken from the cache. A step failed.',
    ])
    assert.deepEqual(progress.slice(1), [
      'flights: 0 of 2 steps, running load',
      'flights: 1 of 2 steps, waits for a slot',
      'flights: 2 of 2 steps, waits for a slot',
    ])
  })

  it('prints what the steps print, before it says how they ended', async () => {
    const { lines } = await run([pipelineRun({ steps: [step({ name: 'load', attempts: [attempt(1)] })] })])
    assert.deepEqual(lines.slice(3, -1), [
      '  load | epoch 1',
      '  load | bar 100%',
      '  load | no line end',
      '✓ load succeeded 1.23 s',
    ])
  })

  it('goes on with the log where a server that was killed left off', async () => {
    logs = [pieceOf('één\ntw'), pieceOf('é'), logOf('één\ntwo\nthree\n')]
    const { lines } = await run([pipelineRun({ steps: [step({ name: 'load', attempts: [attempt(1)] })] })])
    logs = LOGS
    assert.deepEqual(lines.slice(3, -2), ['  load | één', '  load | two', '  load | three'])
  })

  it('ticks only what succeeded, and counts only that as done', async () => {
    const steps = (['succeeded', 'failed', 'skipped', 'cancelled', 'cached'] as const).map((state) =>
      step({ name: state, state, duration_ms: null }),
    )
    const { lines, progress } = await run([
      pipelineRun({ state: 'running', outcome: null, finished_at: null, steps }),
      pipelineRun({ state: 'failed', outcome: 'failed', steps }),
    ])
    assert.deepEqual(lines.slice(3, -1), [
      '✓ succeeded succeeded',
      '✗ failed failed',
      '- skipped skipped',
      '- cancelled cancelled',
      '= cached cached',
    ])
    assert.equal(progress.at(-1), 'flights: 2 of 5 steps, All is done.')
  })

  it('goes on when the server is away for a moment', async () => {
    const away = problem('unavailable', { detail: 'it restarts' }) as unknown as PipelineRunOf
    assert.equal((await run([away, away, pipelineRun()])).code, 0)
    assert.equal(server.asked(pipelinesApi.getPipelineRun).length, 3)
  })

  const failure = (kind: 'user' | 'environment' | 'infrastructure' | 'out_of_memory'): PipelineRunOf =>
    pipelineRun({
      state: 'failed',
      outcome: 'failed',
      steps: [step({ state: 'failed', failure: { class: kind, message: '', traceback: null } })],
    })
  for (const [what, ended, code] of [
    [
      'a gate refused the model',
      pipelineRun({ outcome: 'refused', registered: { ...REGISTERED, verdict: 'refused' } }),
      1,
    ],
    ['the user’s code failed', failure('user'), 1],
    ['a package does not exist', failure('environment'), 1],
    ['a machine failed', failure('infrastructure'), 3],
    ['memory was short', failure('out_of_memory'), 3],
    ['it was cancelled', pipelineRun({ state: 'cancelled', outcome: 'cancelled' }), 3],
  ] as const)
    it(`ends with ${code} where ${what}`, async () => assert.equal((await run([ended])).code, code))

  it('says what the registry said of the model', async () => {
    const { lines } = await run([pipelineRun({ registered: REGISTERED })])
    assert.equal(lines.at(-1), 'Model iris-model version 2: accepted. All gates hold.')
  })

  it('needs a project file, and asks nothing without one', async () => {
    const empty = join(server.data, 'empty')
    mkdirSync(empty)
    server.answer(pipelinesApi.uploadTree, { digest: DIGEST, size: 1, files: 0 })
    await assert.rejects(server.slipway('run', empty), usage(/there is no slipway\.yaml in .*; slipway init makes one/))
    assert.deepEqual(server.asked(pipelinesApi.uploadTree), [])
  })
})

describe('slipway ship', () => {
  const shipped = (items: Rollout[], ...later: Rollout[][]): Promise<Said> => {
    server.answer(rolloutApi.list, ...[items, ...later].map((one) => ({ items: one })))
    return run([pipelineRun({ registered: REGISTERED })], 'ship')
  }

  it('waits until the rollout of its version is under way, and says where to follow it', async () => {
    const starting = rollout({ state: 'starting', step: 'start' })
    const { lines, code } = await shipped([], [starting], [starting], [rollout()])
    assert.equal(code, 0)
    assert.deepEqual(lines.slice(-4), [
      'Rollout rol_1 of version 2: canary. its gates hold',
      `Follow it: ${server.url}/endpoints/iris`,
      `Predict: POST ${server.url}/v1/endpoints/iris:predict`,
      'Watched: its hours are judged.',
    ])
    assert.equal(server.asked(rolloutApi.list).length, 4)
    const started = server.asked(pipelinesApi.createPipelineRun)[0]?.body as { deploy: boolean } | undefined
    assert.equal(started?.deploy, true)
  })

  it('takes no rollout of another model for its own, whose version has the same number', async () => {
    const other = rollout({ id: 'rol_0', model: 'tulips', state: 'promoted', reason: 'it was first', finished_at: AT })
    const { lines, code } = await shipped(
      [other],
      [other],
      [rollout({ state: 'aborted', reason: 'not this model' }), other],
    )
    assert.equal(code, 1)
    assert.ok(lines.includes('Rollout rol_1 of version 2: aborted. not this model'), lines.join('\n'))
  })

  it('does not wait for one that a person or a freeze holds', async () => {
    const waits = { before: 500, role: 'maintainer' } as const
    for (const held of [
      rollout({ state: 'starting', awaits: waits }),
      rollout({ state: 'starting', frozen: 'weekend' }),
    ])
      assert.equal((await shipped([held])).code, 0)
  })

  it('ends with 1 where the version was taken back', async () => {
    for (const state of ['rolled_back', 'aborted'] as const) assert.equal((await shipped([rollout({ state })])).code, 1)
    for (const state of ['promoted', 'paused', 'kept'] as const)
      assert.equal((await shipped([rollout({ state })])).code, 0)
  })

  it('waits for no rollout behind that of another version, unless that one only watches', async () => {
    const other = rollout({ id: 'rol_0', version: '1', reason: 'half way' })
    const { lines, code } = await shipped([other])
    assert.equal(code, 0)
    assert.deepEqual(lines.slice(-2), [
      'Version 2 waits until rollout rol_0 of version 1 ends. Now: canary, half way',
      `Follow it: ${server.url}/endpoints/iris`,
    ])
    const watching = { ...other, state: 'watching' as const }
    assert.match((await shipped([watching], [rollout(), watching])).lines.at(-4) ?? '', /^Rollout rol_1 of version 2/)
  })

  it('says that nobody watches the endpoint with the remedy, once what passes by itself is over', async () => {
    const reason = 'no_event_time'
    const last = { state: 'unwatched', reason, detail: 'the table has no event_time', remedy: 'write one' } as const
    watched = [{ state: 'waiting', reason: 'learning', detail: 'limits are being learned' }, last]
    const { lines, code } = await shipped([rollout()])
    watched = [{ state: 'waiting', reason: 'no_rows', detail: 'no hour has closed yet' }]
    const waiting = await shipped([rollout()])
    watched = [{}]
    assert.deepEqual([code, lines.at(-1)], [0, 'Not watched: the table has no event_time. Remedy: write one.'])
    assert.equal(waiting.lines.at(-1), 'To be watched: no hour has closed yet.')
  })

  it('warns of a model whose live answers its metrics cannot judge', async () => {
    registered = version({
      metrics: { roc_auc: 0.9 },
      signature: { outputs: [{ name: '0', type: 'tensor', dtype: 'int64' }] },
    })
    const { lines, code } = await shipped([rollout()])
    registered = version({ metrics: { roc_auc: 0.9 } })
    assert.equal(code, 0)
    const warning = lines.filter((line) => line.startsWith('Warning: version 2 cannot be judged live'))
    assert.deepEqual(warning, [
      'Warning: version 2 cannot be judged live: it answers classes, and roc_auc need probabilities: log the model with pyfunc_predict_fn="predict_proba".',
    ])
    assert.ok(!(await shipped([rollout()])).lines.some((line) => line.startsWith('Warning: version')))
  })

  it('asks for no rollout of a model that was refused, or without an endpoint', async () => {
    server.answer(rolloutApi.list, { items: [] })
    assert.equal((await run([pipelineRun({ outcome: 'refused' })], 'ship')).code, 1)
    assert.equal((await run([pipelineRun()], 'ship')).code, 0)
    endpoint = null
    const { lines, code } = await run([pipelineRun({ registered: REGISTERED })], 'ship')
    endpoint = 'iris'
    assert.deepEqual([code, lines.at(-1)], [0, 'The project names no endpoint, so the version waits in the registry.'])
    assert.deepEqual(server.asked(rolloutApi.list), [])
  })
})
