/** The end of a run: its outcome and message, what the registry is asked, and a proof that is told once it is graded. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { problem } from '../../contract/errors.ts'
import type { DataSets, MadeData, PipelinesDeps, RegisterRequest } from '../context/deps.ts'
import type { RunRow } from '../context/rows.ts'
import { finishRun } from './finish.ts'
import { openIdle, type Idle } from './idle.fixture.ts'

const STEPS = '{a: {run: a:main, outputs: [m]}, b: {run: a:main, after: [a]}, c: {run: a:main, after: [b]}}'
const FILES = { 'slipway.yaml': `project: end\npipeline: {steps: ${STEPS}}\n`, 'a.py': 'def main(): pass\n' }
const WITH_MODEL = {
  ...FILES,
  'slipway.yaml': `${FILES['slipway.yaml']}model: {name: toy, from: a.m}\nendpoint: {name: toys}\n`,
}
const TREE = `sha256:${'a'.repeat(64)}`
const OUTPUTS = JSON.stringify({ m: { digest: TREE, size: 1, files: 1 } })

interface Ended extends Idle {
  /** Requests to the registry. */
  readonly asked: RegisterRequest[]
  readonly proved: string[]
}

async function open(t: TestContext, changes: Partial<PipelinesDeps> = {}): Promise<Ended> {
  const asked: RegisterRequest[] = []
  const proved: string[] = []
  const idle = await openIdle(t, {
    registerModel(request) {
      asked.push(request)
      return Promise.resolve({ version: '4', passed: true, detail: 'all gates hold' })
    },
    proved: (run, grade) => Promise.resolve(void proved.push(`${run} ${grade}`)),
    ...changes,
  })
  return { ...idle, asked, proved }
}

interface Given {
  readonly states?: readonly string[]
  readonly files?: Record<string, string>
  readonly options?: Record<string, unknown>
  readonly run?: Record<string, string>
}

/** Ends a run whose steps have ended so; returns its row. */
async function end(idle: Idle, id: string, given: Given = {}): Promise<RunRow> {
  const { states = ['succeeded', 'succeeded', 'succeeded'], files = FILES, options = {}, run = {} } = given
  await idle.begin(files, { id, options })
  for (const [i, name] of ['a', 'b', 'c'].entries()) {
    await idle.setStep(id, name, { state: states[i] ?? 'succeeded', outputs: i === 0 ? OUTPUTS : '{}' })
  }
  await idle.setRun(id, { state: 'running', ...run })
  idle.clock.now += 1000
  await finishRun(idle.context, await idle.read(id))
  return (await idle.read(id)).run
}

describe('a run without a model', () => {
  const counts: [readonly string[], string][] = [
    [['succeeded', 'succeeded', 'succeeded'], '3 steps ran, 0 came from the cache'],
    [['succeeded', 'cached', 'cached'], '1 step ran, 2 came from the cache'],
    [['cached', 'cached', 'cached'], '0 steps ran, 3 came from the cache'],
  ]
  for (const [states, message] of counts) {
    test(`succeeds and says: ${message}`, async (t) => {
      const idle = await open(t)
      const run = await end(idle, 'pr_1', { states })
      assert.deepEqual([run.state, run.outcome, run.message], ['succeeded', 'succeeded', message])
      assert.deepEqual([run.finished_at, run.registered, idle.asked], [idle.clock.now, null, []])
    })
  }
  test('fails by its first failed step, also where that left no message', async (t) => {
    const idle = await open(t)
    const run = await end(idle, 'pr_1', { states: ['succeeded', 'failed', 'skipped'] })
    assert.deepEqual([run.state, run.outcome, run.message], ['failed', 'failed', 'step "b" failed: without a message'])
  })
  test('is cancelled by a wish while steps were left, even if one failed', async (t) => {
    const idle = await open(t)
    const cancel = { desired_state: 'cancel' }
    const run = await end(idle, 'pr_1', { states: ['failed', 'cancelled', 'cancelled'], run: cancel })
    assert.deepEqual([run.state, run.outcome, run.message], ['cancelled', 'cancelled', 'was cancelled'])
    const late = await end(idle, 'pr_2', { states: ['succeeded', 'cached', 'succeeded'], run: cancel })
    assert.equal(late.outcome, 'succeeded')
  })
  test('ends once: a second end changes nothing', async (t) => {
    const idle = await open(t)
    const first = await end(idle, 'pr_1')
    idle.clock.now += 1000
    await idle.setStep('pr_1', 'a', { state: 'failed' })
    await finishRun(idle.context, await idle.read('pr_1'))
    assert.deepEqual((await idle.read('pr_1')).run, first)
  })
})

describe('a run with a model', () => {
  const given = { files: WITH_MODEL }
  test('registers it and says what the registry said', async (t) => {
    const idle = await open(t)
    const run = await end(idle, 'pr_1', given)
    assert.equal(run.message, 'toy version 4: all gates hold (3 steps ran, 0 came from the cache)')
    const registered = { model: 'toy', version: '4', verdict: 'accepted', detail: 'all gates hold', tree: TREE }
    assert.deepEqual(run.registered, { ...registered, deployed: false })
    assert.equal(idle.asked.length, 1)
  })
  test('that is refused has succeeded in its steps alone', async (t) => {
    const registerModel = () => Promise.resolve({ version: '4', passed: false, detail: 'auc is low' })
    const run = await end(await open(t, { registerModel }), 'pr_1', given)
    assert.deepEqual([run.state, run.outcome, run.registered?.verdict], ['succeeded', 'refused', 'refused'])
  })
  test('does not register where that is not wanted', async (t) => {
    const idle = await open(t)
    const run = await end(idle, 'pr_1', { ...given, options: { register: false } })
    assert.deepEqual([run.outcome, run.registered, idle.asked], ['succeeded', null, []])
  })
  test('fails where the registry refuses the request, and is not ended by a fault of the registry', async (t) => {
    const answers = [
      problem('unavailable', { what: 'the database', detail: 'away' }),
      problem('unprocessable', { detail: 'no MLmodel' }),
    ]
    const idle = await open(t, { registerModel: () => Promise.reject(answers.shift() ?? new Error('no answer')) })
    await assert.rejects(end(idle, 'pr_1', given), { code: 'unavailable' })
    assert.equal((await idle.read('pr_1')).run.state, 'running')
    await finishRun(idle.context, await idle.read('pr_1'))
    const { run } = await idle.read('pr_1')
    assert.deepEqual([run.state, run.outcome], ['failed', 'failed'])
    assert.match(run.message, /^the steps succeeded, but the model could not be registered: .*no MLmodel/)
  })
  describe('that came whole from the cache', () => {
    const cached = { ...given, states: ['cached', 'cached', 'cached'] }
    test('is the version that the same pipeline registered before', async (t) => {
      const idle = await open(t)
      await end(idle, 'pr_1', given)
      const run = await end(idle, 'pr_2', cached)
      assert.equal(idle.asked.length, 1)
      assert.match(run.message, /^toy version 4: unchanged since run pr_1 /)
      const partly = await end(idle, 'pr_3', { ...given, states: ['cached', 'cached', 'succeeded'] })
      assert.deepEqual([partly.outcome, idle.asked.length], ['succeeded', 2])
      assert.match((await end(idle, 'pr_4', cached)).message, /unchanged since run pr_3 /, 'the newest of them')
    })
    test('is registered again where it is to be deployed and was not', async (t) => {
      const idle = await open(t)
      await end(idle, 'pr_1', given)
      await end(idle, 'pr_2', { ...cached, options: { deploy: true } })
      assert.equal(idle.asked.length, 2)
      assert.equal(idle.asked[1]?.deployment?.endpoint, 'toys')
      const again = await end(idle, 'pr_3', { ...cached, options: { deploy: true } })
      assert.match(again.message, /unchanged since run pr_2/)
    })
    const others: [string, Record<string, string>][] = [
      ['with other params', { params: '{"a":{"x":1}}' }],
      ['of another version of the pipeline', { version_id: 'pv_other' }],
      ['of another project', { project: 'other' }],
      ['that did not succeed', { outcome: 'failed' }],
      ['of other files', { registered: '{"model":"toy","version":"1","tree":"sha256:other","deployed":true}' }],
      ['of another model', { registered: `{"model":"top","version":"1","tree":"${TREE}","deployed":true}` }],
    ]
    for (const [name, row] of others) {
      test(`is not the one of a run ${name}`, async (t) => {
        const idle = await open(t)
        await end(idle, 'pr_1', given)
        await idle.setRun('pr_1', row)
        await end(idle, 'pr_2', cached)
        assert.equal(idle.asked.length, 2)
      })
    }
  })
})

describe('the data sets that a project file makes of outputs', () => {
  const sets = 'data_sets: {rows: a.m, pages: b.n}\n'
  const files = {
    ...FILES,
    'slipway.yaml': `${FILES['slipway.yaml'].replace('after: [a]', 'after: [a], outputs: [n]')}${sets}`,
  }

  /** A room of data sets that remembers what is added, in a table of the same database. */
  async function kept(t: TestContext, fault?: Error): Promise<Ended & { readonly made: () => Promise<MadeData[]> }> {
    const add: DataSets['add'] = async (tx, made) => {
      await tx.run('INSERT INTO made (one) VALUES (?)', [JSON.stringify(made)])
      if (fault !== undefined) throw fault
    }
    const idle = await open(t, { dataSets: () => ({ add }) as unknown as DataSets })
    await idle.store.db.tx((tx) => tx.run('CREATE TABLE made (one TEXT NOT NULL)'))
    const made = async (): Promise<MadeData[]> =>
      (await idle.store.db.all<{ one: string }>('SELECT one FROM made')).map(({ one }) => JSON.parse(one) as MadeData)
    return { ...idle, made }
  }

  test('get a version of each output when the run succeeds, once; of a step that was skipped there is none', async (t) => {
    const idle = await kept(t)
    await idle.begin(files, { id: 'pr_1' })
    const age = idle.clock.now - 5000
    await idle.setStep('pr_1', 'a', { state: 'succeeded', outputs: OUTPUTS, finished_at: age })
    await idle.setStep('pr_1', 'b', { state: 'skipped' })
    await idle.setStep('pr_1', 'c', { state: 'cached' })
    await idle.setRun('pr_1', { state: 'running' })
    const before = await idle.read('pr_1')
    await finishRun(idle.context, before)
    await finishRun(idle.context, before)
    assert.equal((await idle.read('pr_1')).run.outcome, 'succeeded')
    const content = { digest: TREE, size: 1, files: 1 }
    const rows = { project: 'end', name: 'rows', run: 'pr_1', step: 'a', output: 'm', content, data_at: age, by: 'ana' }
    assert.deepEqual(await idle.made(), [rows])
  })
  test('are as old as the end of the run where their step does not say when it ended', async (t) => {
    const idle = await kept(t)
    await end(idle, 'pr_1', { files })
    assert.deepEqual(
      (await idle.made()).map(({ name, data_at }) => [name, data_at]),
      [['rows', idle.clock.now]],
    )
  })
  test('get none by a run that fails or is cancelled, and none by a proof', async (t) => {
    const idle = await kept(t)
    await end(idle, 'pr_1', { files, states: ['succeeded', 'succeeded', 'failed'] })
    const cancelled = { states: ['succeeded', 'succeeded', 'cancelled'], run: { desired_state: 'cancel' } }
    await end(idle, 'pr_2', { files, ...cancelled })
    assert.deepEqual(await idle.made(), [])
    await end(idle, 'pr_3', { files })
    assert.equal((await end(idle, 'pr_4', { files, options: { reproduces: 'pr_3' } })).outcome, 'succeeded')
    assert.deepEqual(
      (await idle.made()).map(({ run }) => run),
      ['pr_3'],
    )
  })
  test('are as they were where one cannot be added, and the run has not ended', async (t) => {
    const idle = await kept(t, new Error('the disk is full'))
    await assert.rejects(end(idle, 'pr_1', { files }), /the disk is full/)
    assert.deepEqual([(await idle.read('pr_1')).run.state, await idle.made()], ['running', []])
  })
})

describe('a proof', () => {
  const proof = { files: WITH_MODEL, options: { reproduces: 'pr_1' } }
  test('is told with its grade, and decides the outcome', async (t) => {
    const idle = await open(t)
    await end(idle, 'pr_1', { files: WITH_MODEL })
    const run = await end(idle, 'pr_2', proof)
    assert.deepEqual(
      [run.state, run.outcome, run.message],
      ['succeeded', 'succeeded', 'every output has the same bytes'],
    )
    assert.equal(run.reproduction?.['grade'], 'A')
    assert.deepEqual(idle.proved, ['pr_1 A'])
    assert.equal(idle.asked.length, 1, 'it registers nothing')
    const failed = await end(idle, 'pr_3', { ...proof, states: ['failed', 'skipped', 'skipped'] })
    assert.deepEqual([failed.state, failed.outcome, failed.reproduction?.['grade']], ['failed', 'failed', 'D'])
    assert.deepEqual(idle.proved, ['pr_1 A', 'pr_1 D'])
  })
  test('whose grade cannot be told does not end, and is told by the next try', async (t) => {
    const [told, faults]: [string[], Error[]] = [[], [new Error('the registry is away')]]
    const idle = await open(t, {
      async proved(run, grade) {
        const fault = faults.pop()
        if (fault !== undefined) throw fault
        told.push(`${run} ${grade}`)
      },
    })
    await end(idle, 'pr_1')
    await assert.rejects(end(idle, 'pr_2', proof), /the registry is away/)
    assert.equal((await idle.read('pr_2')).run.state, 'running')
    await finishRun(idle.context, await idle.read('pr_2'))
    assert.deepEqual([(await idle.read('pr_2')).run.state, told], ['succeeded', ['pr_1 A']])
  })
  test('is signed in the transaction that ends it, and nothing else is', async (t) => {
    const signed: string[] = []
    const faults: Error[] = []
    const idle = await open(t, {
      async attest(tx, run, { grade, of_run }) {
        await tx.run("UPDATE pipeline_runs SET message = 'signed' WHERE id = ?", [of_run])
        const fault = faults.pop()
        if (fault !== undefined) throw fault
        signed.push(`${run} ${grade}`)
      },
    })
    const first = await end(idle, 'pr_1')
    assert.deepEqual(signed, [])
    faults.push(new Error('no key'))
    await assert.rejects(end(idle, 'pr_2', proof), /no key/)
    assert.equal((await idle.read('pr_2')).run.state, 'running')
    assert.deepEqual((await idle.read('pr_1')).run, first)
    await finishRun(idle.context, await idle.read('pr_2'))
    assert.deepEqual([(await idle.read('pr_2')).run.state, signed], ['succeeded', ['pr_2 A']])
  })
  test('that is cancelled proves nothing', async (t) => {
    const idle = await open(t)
    await end(idle, 'pr_1')
    const run = await end(idle, 'pr_2', {
      options: { reproduces: 'pr_1' },
      states: ['succeeded', 'cancelled', 'cancelled'],
      run: { desired_state: 'cancel' },
    })
    assert.deepEqual([run.outcome, idle.proved, run.reproduction], ['cancelled', [], null])
  })
})
