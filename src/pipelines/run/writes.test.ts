/** What is written of a run: whole or not at all, of that run and step alone, and open to the next look where something else fails. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { problem } from '../../contract/errors.ts'
import type { Row } from '../../store/db.ts'
import { Context, stepOf } from '../context/context.ts'
import type { PipelinesDeps } from '../context/deps.ts'
import type { AttemptRow } from '../context/rows.ts'
import { EXIT } from '../drivers/memory.fixture.ts'
import { serve, type Server } from './attempts.fixture.ts'
import { collectAttempt, failAttempt, loseAttempt } from './collect.ts'
import { tryFinish, tryKey, tryRead } from './faults.ts'
import { finishRun } from './finish.ts'
import { LOCK } from './idle.fixture.ts'
import { launchAttempt, openAttempt } from './launch.ts'
import { prepareRun } from './prepare.ts'

const FAULT = new Error('EIO')
const YAML = `project: p
pipeline: {steps: {a: {run: a:main, outputs: [m], secrets: [KNOWN]}, b: {run: a:main, outputs: [m]}}}
model: {name: toy, from: a.m}
`

/** The rows of two runs before something is done to step `a` of the first. */
interface Rows {
  readonly run?: Row
  readonly step: Row
  /** Of an attempt of each step; without it there is none. */
  readonly attempt?: Row
}

/** Two runs of the same pipeline, `pr_1` and `pr_2`, whose rows look alike. */
async function two(t: TestContext, { run = {}, step, attempt }: Rows, changes = {}): Promise<Server> {
  const server = await serve(t, changes)
  for (const id of ['pr_1', 'pr_2']) {
    await server.begin({ 'slipway.yaml': YAML, 'a.py': 'def main(): pass\n' }, { id })
    await server.setRun(id, { state: 'running', environment: LOCK.digest, experiment_id: '7', ...run })
    for (const name of ['a', 'b']) {
      await server.setStep(id, name, { cache_key: `key of ${name}`, ...step })
      if (attempt !== undefined)
        await server.attempt(id, name, 1, { tracking_run_id: `track ${id} ${name}`, ...attempt })
    }
  }
  const model = { digest: 'sha256:model', size: 1, files: 1 }
  server.driver.outputs.set('pr_1.a.1.m', model).set('pr_1.b.1.m', model)
  return server
}

type Stored = Record<string, unknown>

/** All rows, those of the first run or of its step `a` apart. */
async function rowsOf({ store }: Server, whole: boolean): Promise<{ own: Stored[]; others: Stored[] }> {
  const tables = ['pipeline_runs', 'pipeline_steps', 'pipeline_attempts', 'pipeline_cache']
  const all = await Promise.all(tables.map((name) => store.db.all<Stored>(`SELECT * FROM ${name}`)))
  const isOwn = (row: Stored): boolean => {
    const [run, step] = [row['run_id'] ?? row['id'], row['step'] ?? row['name']]
    return run === 'pr_1' && (whole || step === undefined || step === 'a')
  }
  const rows = all.flat()
  return { own: rows.filter(isOwn), others: rows.filter((row) => !isOwn(row)) }
}

async function attemptOf(server: Server): Promise<AttemptRow> {
  const found = (await server.read('pr_1')).attempts.find((row) => row.step === 'a')
  assert.ok(found)
  return found
}

async function open(server: Server): Promise<unknown> {
  const tree = await server.read('pr_1')
  assert.ok(tree.steps[0])
  return openAttempt(server.context, tree, tree.steps[0])
}

async function launch(server: Server): Promise<void> {
  const { signal } = new AbortController()
  await launchAttempt(server.context, await server.read('pr_1'), await attemptOf(server), signal)
}

const collect =
  (exit = {}) =>
  async (server: Server): Promise<void> =>
    collectAttempt(server.context, await server.read('pr_1'), await attemptOf(server), { ...EXIT, ...exit })

async function fail(server: Server): Promise<void> {
  await failAttempt(server.context, await attemptOf(server), { class: 'user', message: 'no', traceback: null })
}

async function prepare(server: Server): Promise<void> {
  await prepareRun(server.context, (await server.read('pr_1')).run)
}

async function key(server: Server): Promise<unknown> {
  const tree = await server.read('pr_1')
  return tryKey(server.context, tree, stepOf(await server.context.spec(tree.run.version_id), 'a'))
}

async function finish(server: Server): Promise<unknown> {
  return tryFinish(server.context, await server.read('pr_1'))
}

/** Ends the run by a project file that cannot be read. */
async function abandon(server: Server): Promise<unknown> {
  const { db } = server.store
  await db.tx((t) => t.run("UPDATE pipeline_versions SET spec = '{'"))
  return tryRead(new Context(server.context.deps), await server.read('pr_1'))
}

const envs = (call: 'resolve' | 'lock', error: Error): Partial<PipelinesDeps> =>
  ({ envs: { [call]: () => Promise.reject(error) } }) as unknown as Partial<PipelinesDeps>
const resolves = { envs: { resolve: () => Promise.resolve(LOCK) } } as unknown as Partial<PipelinesDeps>
const registers = { registerModel: () => Promise.resolve({ version: '1', passed: true, detail: '' }) }

interface Written {
  readonly what: string
  readonly before: Rows
  readonly act: (server: Server) => Promise<unknown>
  readonly changes?: Partial<PipelinesDeps>
  /** It is of the whole run and not of a step. */
  readonly whole?: true
  /** Writes that belong together with others: `KIND TABLE`. */
  readonly parts?: readonly string[]
}

const RUNNING = { step: { state: 'running' }, attempt: {} }
const WAITING = { step: { state: 'waiting' } }
const SPENT = { faults: 5 }
const WRITES: readonly Written[] = [
  {
    what: 'an attempt is opened',
    before: { step: { state: 'ready' } },
    act: open,
    parts: ['INSERT pipeline_attempts'],
  },
  { what: 'an attempt is launched', before: { ...RUNNING, attempt: { state: 'submitting' } }, act: launch },
  {
    what: 'an attempt succeeds',
    before: RUNNING,
    act: collect(),
    parts: ['UPDATE pipeline_steps', 'INSERT pipeline_cache'],
  },
  {
    what: 'an attempt is to be repeated',
    before: RUNNING,
    act: collect({ class: 'infrastructure' }),
    parts: ['UPDATE pipeline_steps'],
  },
  { what: 'an attempt is the last', before: RUNNING, act: fail, parts: ['UPDATE pipeline_steps'] },
  {
    what: 'an attempt is lost',
    before: RUNNING,
    act: async (server) => loseAttempt(server.context, await attemptOf(server)),
    parts: ['UPDATE pipeline_steps'],
  },
  {
    what: 'a preparation begins and succeeds',
    before: { ...WAITING, run: { state: 'waiting', environment: null } },
    act: prepare,
    changes: resolves,
  },
  {
    what: 'a preparation is refused',
    before: { ...WAITING, run: { state: 'preparing', environment: null } },
    act: prepare,
    changes: envs('resolve', problem('unprocessable', { detail: 'no such package' })),
    whole: true,
    parts: ['UPDATE pipeline_steps', 'UPDATE pipeline_runs'],
  },
  {
    what: 'a preparation fails and is tried again',
    before: { ...WAITING, run: { state: 'preparing', environment: null } },
    act: prepare,
    changes: envs('resolve', FAULT),
    parts: ['UPDATE pipeline_runs'],
  },
  { what: 'a step is decided after a fault', before: { ...WAITING, run: { faults: 1 } }, act: key },
  { what: 'a step cannot be decided yet', before: WAITING, act: key, changes: envs('lock', FAULT) },
  {
    what: 'a step cannot be decided at all',
    before: { ...WAITING, run: SPENT },
    act: key,
    changes: envs('lock', FAULT),
    parts: ['UPDATE pipeline_steps'],
  },
  {
    what: 'a run is closed',
    before: { step: { state: 'succeeded' } },
    act: async (server) => finishRun(server.context, await server.read('pr_1')),
    changes: registers,
    parts: ['UPDATE pipeline_runs'],
  },
  {
    what: 'a run cannot be closed at all',
    before: { step: { state: 'succeeded' }, run: SPENT },
    act: finish,
    changes: { registerModel: () => Promise.reject(FAULT) },
    parts: ['UPDATE pipeline_runs'],
  },
  ...['running', 'ready'].map((state): Written => ({
    what: `a run with ${state} steps is abandoned`,
    before: { run: SPENT, step: { state }, ...(state === 'running' && { attempt: {} }) },
    act: abandon,
    whole: true,
    parts: ['UPDATE pipeline_steps', 'UPDATE pipeline_runs'],
  })),
]

const tracked = {
  ensureExperiment: () => Promise.resolve('7'),
  createRun: () => Promise.resolve(),
  finishRun: () => Promise.resolve(),
  logMetrics: () => Promise.resolve(),
}

describe('where', () => {
  for (const { what, before, act, changes = {}, whole = false, parts = [] } of WRITES) {
    test(`${what}, other runs and steps are left alone`, async (t) => {
      const server = await two(t, before, { tracking: tracked, ...changes })
      const first = await rowsOf(server, whole)
      await act(server)
      const last = await rowsOf(server, whole)
      assert.deepEqual(last.others, first.others)
      assert.notDeepEqual(last.own, first.own)
    })
    for (const part of parts) {
      test(`${what} and the disk is full for ${part}, nothing is written`, async (t) => {
        const server = await two(t, before, { tracking: tracked, ...changes })
        const [kind, table] = part.split(' ')
        const first = await rowsOf(server, whole)
        await server.store.db.tx((tx) =>
          tx.run(`CREATE TRIGGER full BEFORE ${kind} ON ${table} BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`),
        )
        await assert.rejects(act(server), /the disk is full/)
        assert.deepEqual(await rowsOf(server, whole), first)
      })
    }
  }
})

describe('a call that fails leaves the attempt to the next look', () => {
  type Call =
    | 'kill'
    | 'storeLog'
    | 'collect'
    | 'delete'
    | 'finishRun'
    | 'logMetrics'
    | 'checkpoints'
    | 'storeCheckpoints'
  const success = collect({ metrics: { auc: 1 } })
  const calls: [string, (server: Server) => Promise<unknown>, Call, string][] = [
    ['a success', success, 'storeLog', 'running'],
    ['a success', success, 'collect', 'running'],
    ['a success', success, 'logMetrics', 'running'],
    ['a success', success, 'finishRun', 'running'],
    ['a success', success, 'delete', 'succeeded'],
    ['a success', success, 'checkpoints', 'running'],
    ['a failure', fail, 'kill', 'running'],
    ['a failure', fail, 'storeLog', 'running'],
    ['a failure', fail, 'checkpoints', 'running'],
    ['a failure', fail, 'storeCheckpoints', 'running'],
    ['a failure of the code', collect({ class: 'user' }), 'storeCheckpoints', 'running'],
    ['a failure', fail, 'finishRun', 'running'],
    ['a failure', fail, 'delete', 'failed'],
    ['the end of a run that cannot be read', abandon, 'kill', 'running'],
    ['the end of a run that cannot be read', abandon, 'finishRun', 'running'],
    ['the end of a run that cannot be read', abandon, 'delete', 'failed'],
  ]
  for (const [name, act, call, state] of calls) {
    test(`${name}, ${call}`, async (t) => {
      const server = await two(t, { ...RUNNING, run: SPENT }, { tracking: { ...tracked } })
      const { driver, tracking } = server.context.deps
      Object.assign(call in driver ? driver : tracking, { [call]: () => Promise.reject(FAULT) })
      await assert.rejects(act(server), FAULT)
      assert.equal((await attemptOf(server)).state, state)
    })
  }
})

describe('an attempt that cannot be launched is not submitted', () => {
  const away = () => Promise.reject(FAULT)
  const faults: [string, object][] = [
    ['the environment', { envs: { lock: () => Promise.resolve(LOCK), python: away } }],
    ['the lock', { envs: { lock: away, python: () => Promise.resolve('python') } }],
    ['the tracking run', { tracking: { ...tracked, createRun: away } }],
    ['the access of the step', { stepAccess: away }],
    ['a secret', { secret: away }],
  ]
  for (const [name, changes] of faults) {
    test(name, async (t) => {
      const server = await two(
        t,
        { ...RUNNING, attempt: { state: 'submitting', driver: 'memory' } },
        { tracking: tracked, ...changes },
      )
      await launch(server)
      const { state, failure } = await attemptOf(server)
      assert.deepEqual([state, failure?.class, failure?.message], ['failed', 'infrastructure', 'EIO'])
      assert.deepEqual([server.driver.submitted, server.errors], [[], [FAULT]])
    })
  }
})
