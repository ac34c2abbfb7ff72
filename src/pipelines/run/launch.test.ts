/** The start of an attempt: its row comes first, the driver is told what the project file says, and what fails has its class. */
import assert from 'node:assert/strict'
import { cpus, machine, totalmem, type } from 'node:os'
import { describe, test } from 'node:test'
import { problem } from '../../contract/errors.ts'
import { type Context, stepOf } from '../context/context.ts'
import type { AttemptRow } from '../context/rows.ts'
import type { PipelinesDeps } from '../context/deps.ts'
import type { AttemptSpec } from '../drivers/driver.ts'
import { serve, type Server } from './attempts.fixture.ts'
import { LOCK } from './idle.fixture.ts'
import { launchAttempt, openAttempt } from './launch.ts'
import { recordOf } from './record.ts'
import { trackingRunOf } from './tracking-run.ts'

function project(step: string): Record<string, string> {
  return {
    'slipway.yaml': `project: launch
pipeline:
  steps:
    make: {run: make:main, outputs: [t]}
    train: ${step}
`,
    'make.py': 'def main(): pass\n',
  }
}

/** A run whose step `train` is ready and has its input. */
async function ready(server: Server, step = '{run: make:main, inputs: {t: make.t}, outputs: [m]}'): Promise<string> {
  const id = await server.begin(project(step), { id: 'pr_1' })
  const outputs = JSON.stringify({ t: { digest: 'sha256:table', size: 1, files: 1 } })
  await server.setStep(id, 'make', { state: 'succeeded', outputs })
  await server.setStep(id, 'train', { state: 'ready', retry_at: 5 })
  await server.setRun(id, { state: 'running', environment: LOCK.digest, experiment_id: '7' })
  return id
}

async function opened(server: Server, id: string): Promise<AttemptRow | undefined> {
  const tree = await server.read(id)
  const step = tree.steps.find((row) => row.name === 'train')
  assert.ok(step)
  return openAttempt(server.context, tree, step)
}

/** Opens and launches an attempt of `train`; returns what the driver was given, if it was. */
async function launched(server: Server, id: string): Promise<AttemptSpec | undefined> {
  const attempt = await opened(server, id)
  assert.ok(attempt)
  await launchAttempt(server.context, await server.read(id), attempt, new AbortController().signal)
  return server.driver.submitted.at(-1)
}

describe('an attempt is opened', () => {
  test('with a number, a fence and a row before anything starts; the step runs', async (t) => {
    const server = await serve(t)
    const id = await ready(server)
    await server.attempt(id, 'make', 1, { state: 'succeeded' })
    server.clock.now += 50
    const attempt = await opened(server, id)
    const tree = await server.read(id)
    const [, train] = tree.steps
    assert.deepEqual([train?.state, train?.started_at, train?.retry_at], ['running', server.clock.now, null])
    assert.deepEqual(
      tree.attempts.find((row) => row.step === 'train'),
      { ...attempt },
    )
    assert.partialDeepStrictEqual(attempt, { number: 1, state: 'submitting', driver: 'memory', finished_at: null })
    assert.match(attempt?.fence ?? '', /^[0-9a-f]{24}$/)
    assert.deepEqual(server.driver.submitted, [])
  })
  test('by the machine on which it is to run, where that has a name', async (t) => {
    const machine = { id: 'machine_1', leaseFile: '/lease', awayMs: 1000 }
    const server = await serve(t, { machine })
    const id = await ready(server)
    assert.equal((await opened(server, id))?.machine, 'machine_1')
    const alone = await serve(t)
    assert.equal((await opened(alone, await ready(alone)))?.machine, null)
    const cluster = await serve(t, { machine, places: ['local', 'ray'] })
    const step = '{run: make:main, inputs: {t: make.t}, outputs: [m], on: ray}'
    const elsewhere = await opened(cluster, await ready(cluster, step))
    assert.deepEqual([elsewhere?.driver, elsewhere?.machine], ['ray', null])
  })
  test('once: another that comes for the same step gets none', async (t) => {
    const server = await serve(t)
    const id = await ready(server)
    const both = await Promise.all([opened(server, id), opened(server, id)])
    assert.equal(both.filter((one) => one !== undefined).length, 1)
    assert.equal((await server.read(id)).attempts.length, 1)
  })
  test('again with the next number and another fence; the step began when it first did', async (t) => {
    const server = await serve(t)
    const id = await ready(server)
    const first = await opened(server, id)
    const began = server.clock.now
    server.clock.now += 1000
    await server.setStep(id, 'train', { state: 'ready' })
    const second = await opened(server, id)
    assert.deepEqual([second?.number, second?.fence === first?.fence], [2, false])
    assert.equal((await server.read(id)).steps[1]?.started_at, began)
  })
})

describe('the driver is told', () => {
  test('what the project file says, with the inputs, the params of the run and the access of the step', async (t) => {
    const server = await serve(t)
    const id = await ready(
      server,
      `{run: make:main, inputs: {t: make.t}, outputs: [m, plot], params: {lr: 0.5, k: 1}, env: {MODE: fast, PYTHONHASHSEED: '9'},
       secrets: [KNOWN], seed: 3, timeout: 90s, resources: {cpus: 2, memory: 1GiB}}`,
    )
    await server.setRun(id, { params: JSON.stringify({ train: { lr: 0.25 } }) })
    const spec = await launched(server, id)
    const { run, attempts } = await server.read(id)
    const [attempt] = attempts
    assert.ok(attempt)
    const { tree } = await server.context.spec(run.version_id)
    assert.deepEqual(spec, {
      attempt: attempt.id,
      fence: attempt.fence,
      python: `/envs/${LOCK.digest}/python`,
      entry: 'make:main',
      code: tree,
      inputs: { t: 'sha256:table' },
      outputs: ['m', 'plot'],
      params: { lr: 0.25, k: 1 },
      env: {
        OMP_NUM_THREADS: '2',
        OPENBLAS_NUM_THREADS: '2',
        MKL_NUM_THREADS: '2',
        NUMEXPR_MAX_THREADS: '2',
        PYTHONHASHSEED: '9',
        SLIPWAY_SEED: '3',
        GIT_PYTHON_REFRESH: 'quiet',
        MLFLOW_TRACKING_URI: 'http://server/launch',
        MLFLOW_RUN_ID: trackingRunOf(attempt.id),
        MLFLOW_EXPERIMENT_ID: '7',
        MODE: 'fast',
      },
      secrets: { KNOWN: 'value', MLFLOW_TRACKING_TOKEN: 'slw_token' },
      timeout_ms: 90_000,
      grace_ms: 10_000,
      memory_bytes: 2 ** 30,
      log_bytes: 64 * 2 ** 20,
      unheld: ['slipway.yaml'],
      // without any history one interruption in twelve hours
      checkpoints: { keep: 2, largest_bytes: 10 * 1024 ** 3, every_ms: null, between_ms: 12 * 3_600_000, resume: [] },
    })
    assert.deepEqual([attempt.state, attempt.started_at], ['running', server.clock.now])
    assert.deepEqual(server.said, ['building the environment: numpy', undefined])
    assert.deepEqual(server.errors, [])
  })
  test('nothing that is not asked for: no threads, no limits, no token, no experiment', async (t) => {
    const server = await serve(t, { stepAccess: () => Promise.resolve({ uri: 'u', token: null }) })
    const id = await ready(server)
    await server.setRun(id, { experiment_id: null })
    const spec = await launched(server, id)
    assert.deepEqual([spec?.timeout_ms, spec?.memory_bytes, spec?.secrets], [null, null, {}])
    assert.deepEqual(Object.keys(spec?.env ?? {}).sort(), [
      'GIT_PYTHON_REFRESH',
      'MLFLOW_RUN_ID',
      'MLFLOW_TRACKING_URI',
      'PYTHONHASHSEED',
      'SLIPWAY_SEED',
    ])
  })
  test('a command with its places filled in: files by their folders, params as they are written', async (t) => {
    const server = await serve(t)
    const run = '[python, x.py, "{inputs.t}/a", "{outputs.m}", "--lr={params.lr}", "{params.name}", "{params.deep}", 3]'
    const step = `{run: ${run}, inputs: {t: make.t}, outputs: [m], params: {lr: 0.5, name: "a b", deep: {k: [1]}}}`
    const spec = await launched(server, await ready(server, step))
    assert.deepEqual(spec?.entry, ['python', 'x.py', '../in/t/a', '../out/m', '--lr=0.5', 'a b', '{"k":[1]}', '3'])
  })
  test('the memory of the configuration where the step names none, and half more after each time it was short', async (t) => {
    const server = await serve(t, { stepMemory: 1000 })
    const id = await ready(server)
    for (const [number, cause] of (['out_of_memory', 'user'] as const).entries()) {
      const failure = JSON.stringify({ class: cause, message: '', traceback: null })
      await server.attempt(id, 'train', number + 1, { state: 'failed', failure })
    }
    // those of another step do not count
    const failure = JSON.stringify({ class: 'out_of_memory', message: '', traceback: null })
    await server.attempt(id, 'make', 1, { state: 'failed', failure })
    assert.equal((await launched(server, id))?.memory_bytes, 1500)
  })
})

test('tracking has a run of the attempt, named after the step, with params cut as tags and the record', async (t) => {
  const server = await serve(t)
  const id = await ready(
    server,
    `{run: make:main, inputs: {t: make.t}, params: {text: ${'x'.repeat(5000)}, deep: [1, 2]}}`,
  )
  await launched(server, id)
  const { attempts, steps } = await server.read(id)
  const run = trackingRunOf(attempts[0]?.id ?? '')
  assert.match(run, /^[0-9a-f]{32}$/)
  const [request] = server.created
  assert.partialDeepStrictEqual(request, { run_id: run, project: 'launch', experiment_id: '7', name: 'train' })
  assert.partialDeepStrictEqual(request?.tags, {
    'mlflow.user': 'ana',
    'slipway.pipeline_run': id,
    'slipway.step': 'train',
    'slipway.attempt': attempts[0]?.id,
    'slipway.param.text': 'x'.repeat(4000),
    'slipway.param.deep': '[1,2]',
    'slipway.record.data': '{"t":"sha256:table"}',
    'slipway.record.python': '3.12.1',
  })
  const record = JSON.parse(Buffer.from(request?.files['slipway/record.json'] ?? '').toString()) as object
  // names of packages as Python's index compares them
  assert.partialDeepStrictEqual(record, {
    packages: { 'scikit-learn': '1.5.0', numpy: '2.1.0' },
    environment_digest: LOCK.digest,
    seed: 0,
    argv: ['make:main'],
  })
  assert.deepEqual(
    [attempts[0]?.tracking_run_id, steps[1]?.tracking_run_id, steps[0]?.tracking_run_id],
    [run, run, null],
  )
})

test('what is longer than a tag is cut in the tags of the record', async (t) => {
  const server = await serve(t)
  await launched(server, await ready(server, `{run: [python, ${'x'.repeat(6000)}], inputs: {t: make.t}}`))
  assert.equal(server.created[0]?.tags['slipway.record.argv']?.length, 5000)
})

describe('what fails ends the attempt with its class', () => {
  const refused: [string, Error, string, string, boolean][] = [
    ['a fault of ours', new Error('no fork'), 'infrastructure', 'ready', true],
    [
      'a refusal of what is asked',
      problem('unprocessable', { detail: 'no such thing' }),
      'environment',
      'failed',
      false,
    ],
    ['another refusal', problem('not_found', { what: 'tree', id: 'x' }), 'infrastructure', 'ready', false],
  ]
  for (const [name, error, cause, state, isTold] of refused) {
    test(name, async (t) => {
      const server = await serve(t)
      const id = await ready(server)
      server.driver.refusal = error
      await launched(server, id)
      const { attempts, steps } = await server.read(id)
      const failure = { class: cause, message: error.message, traceback: null }
      assert.deepEqual([attempts[0]?.state, attempts[0]?.failure], ['failed', failure])
      assert.deepEqual([steps[1]?.state, steps[1]?.failure], [state, failure])
      assert.equal(steps[1]?.retry_at, state === 'ready' ? server.clock.now + 500 : null)
      assert.deepEqual(server.errors, isTold ? [error] : [])
      assert.deepEqual(server.finished, [`FAILED ${trackingRunOf(attempts[0]?.id ?? '')}`])
    })
  }
  test('a secret that is not set, with where to set it', async (t) => {
    const server = await serve(t)
    await launched(server, await ready(server, '{run: make:main, inputs: {t: make.t}, secrets: [KNOWN, GONE]}'))
    const { attempts } = await server.read('pr_1')
    assert.equal(attempts[0]?.failure?.class, 'environment')
    assert.match(attempts[0]?.failure?.message ?? '', /"GONE" of step "train" is not set; set SLIPWAY_SECRET_GONE/)
    assert.deepEqual(server.driver.submitted, [])
  })
  for (const when of ['before', 'while'])
    test(`a stop that comes ${when} it waits for an environment that is never done: nothing is submitted`, async (t) => {
      const [asked, never] = [Promise.withResolvers<void>(), new Promise<string>(() => undefined)]
      const python = (): Promise<string> => (asked.resolve(), never)
      const envs = { lock: () => Promise.resolve(LOCK), python } as unknown as PipelinesDeps['envs']
      const server = await serve(t, { envs })
      const id = await ready(server)
      const attempt = await opened(server, id)
      await server.setRun(id, { desired_state: 'cancel' })
      assert.ok(attempt)
      const stop = new AbortController()
      if (when === 'before') stop.abort()
      const launch = launchAttempt(server.context, await server.read(id), attempt, stop.signal)
      if (when === 'while') await asked.promise
      stop.abort()
      await launch
      assert.equal((await server.read(id)).attempts[0]?.state, 'cancelled')
      assert.deepEqual(server.driver.submitted, [])
    })
  test('a wish to cancel that came meanwhile: nothing is submitted', async (t) => {
    const server = await serve(t)
    const id = await ready(server)
    const attempt = await opened(server, id)
    const tree = await server.read(id)
    await server.setRun(id, { desired_state: 'cancel' })
    assert.ok(attempt)
    await launchAttempt(server.context, tree, attempt, new AbortController().signal)
    const { attempts, steps } = await server.read(id)
    assert.deepEqual([attempts[0]?.state, attempts[0]?.failure, steps[1]?.state], ['cancelled', null, 'cancelled'])
    assert.deepEqual(server.driver.submitted, [])
    assert.deepEqual(server.finished, [`KILLED ${trackingRunOf(attempt.id)}`])
  })
})

test('the record names the machine where local attempts run, in tag and file; of other places nobody knows it', async (t) => {
  const server = await serve(t)
  const tree = await server.read(await ready(server))
  const step = stepOf(await server.context.spec(tree.run.version_id), 'train')
  const on = async (name: string): Promise<[tag: unknown, file: unknown]> => {
    const driver = Object.defineProperty(Object.create(server.driver) as typeof server.driver, 'name', { value: name })
    const deps = { ...server.context.deps, driver }
    const context = Object.defineProperty(Object.create(server.context) as Context, 'deps', { value: deps })
    const { tags, files } = await recordOf(context, tree, step)
    const { hardware } = JSON.parse(Buffer.from(files['slipway/record.json'] ?? '').toString()) as {
      hardware?: unknown
    }
    return [tags['slipway.record.hardware'] && JSON.parse(tags['slipway.record.hardware']), hardware]
  }
  const [tag, file] = await on('local')
  assert.deepEqual(tag, file)
  assert.partialDeepStrictEqual(file, {
    machine: machine(),
    system: type(),
    cores: cpus().length,
    memory_bytes: totalmem(),
  })
  assert.deepEqual(await on('kubernetes'), [undefined, undefined])
})
