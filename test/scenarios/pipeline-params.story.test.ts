/** Params of a pipeline: set on the command line and by the API, planned before they run, kept when the server is killed. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { problem } from '../../src/contract/errors.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import type { RunView } from '../../src/pipelines/run/view.ts'
import { endedRun, outputText } from '../fixtures/runs-of.ts'
import { startTestServer } from '../server.ts'
import { projectServer } from '../fixtures/project-server.ts'

const YAML = `project: typed
python: {packages: []}
pipeline:
  params:
    lr: {type: float, default: 1, min: 0, max: 10, help: how fast it learns}
    tag: {type: string, default: v1}
    mode: {type: choice, default: full, choices: [full, quick]}
  steps:
    load: {run: "step:load", params: {mode: "{params.mode}"}, outputs: [t]}
    fit: {run: "step:fit", inputs: {t: load.t}, params: {rate: "{params.lr}", tag: "{params.tag}"}, outputs: [o]}
    judge: {run: "step:judge", inputs: {o: fit.o}}
`
const CODE = `
def load(t, mode): t.write_text(mode)
def fit(t, o, **params): o.write_text(t.read_text() + " " + repr(sorted(params.items())))
def judge(o): return {"auc": 0.9}
`

describe('params of a pipeline', () => {
  const at = projectServer('typed', { 'slipway.yaml': YAML, 'step.py': CODE })
  const { project, slipway } = at

  const ended = (id: string): Promise<RunView> => endedRun(at.server, id)
  const fitted = (id: string): Promise<string> => outputText(at.server, id, 'fit')

  test('a plan before anything ran: the first step runs, the others hang on it', async () => {
    const { out, said, code } = await slipway('plan', project, '--set', 'lr=2')
    assert.equal(code, 0, said)
    assert.match(out, /^lr = 2(\.0)?: how fast it learns$/m)
    assert.match(out, /^load: miss: the step has not run before$/m)
    assert.match(out, /^fit: decided at run time: depends on what load will leave$/m)
    assert.match(out, /0 from the cache, 1 to run, 2 decided at run time; how long is not known yet/)
    const { items } = await at.server.client.call(pipelinesApi.listPipelineRuns, { query: {} })
    assert.deepEqual(items, [], 'a plan starts nothing')
    const versions = await at.server.client.call(pipelinesApi.listPipelineVersions, { query: {} })
    assert.deepEqual(versions.items, [], 'and makes nothing that a schedule would run')
  })

  test('a run takes defaults in the kind of their type; the steps get values and not texts with braces', async () => {
    const { out, said, code } = await slipway('run', project, '--json')
    assert.equal(code, 0, said)
    const run = JSON.parse(out) as RunView
    assert.equal(await fitted(run.id), "full [('rate', 1.0), ('tag', 'v1')]")
    assert.deepEqual(run.set, { lr: 1, tag: 'v1', mode: 'full' })
  })

  test('the same value set on the command line is a hit, and the plan said so', async () => {
    const planned = await slipway('plan', project, '--set', 'lr=1', '--json')
    const plan = JSON.parse(planned.out) as { steps: { name: string; decision: string }[] }
    assert.deepEqual(
      plan.steps.map(({ decision }) => decision),
      ['cached', 'cached', 'cached'],
    )
    const { out } = await slipway('run', project, '--set', 'lr=1.0', '--json')
    assert.deepEqual(
      (JSON.parse(out) as RunView).steps.map(({ state }) => state),
      ['cached', 'cached', 'cached'],
    )
  })

  test('a plan names what differs, the time of before, and what hangs on it; the run then does that', async () => {
    const { out } = await slipway('plan', project, '--set', 'lr=2')
    assert.match(out, /^load: hit: nothing changed: the result of run pr_\w+ is taken$/m)
    assert.match(out, /^fit: miss, about \d+\.\d s: params\.rate 1\.0 → 2\.0$/m)
    assert.match(out, /^judge: decided at run time, about \d+\.\d s: depends on what fit will leave$/m)
    const run = await slipway('run', project, '--set', 'lr=2', '--set', 'tag=3', '--json')
    assert.equal(run.code, 0, run.said)
    const { id, steps } = JSON.parse(run.out) as RunView
    assert.deepEqual(
      steps.map(({ state }) => state),
      ['cached', 'succeeded', 'succeeded'],
    )
    // a text stays one though it looks like a number
    assert.equal(await fitted(id), "full [('rate', 2.0), ('tag', '3')]")
  })

  test('what is not allowed is refused with field, value and what was expected, by run, plan and API alike', async () => {
    for (const command of ['run', 'plan']) {
      const { said, code } = await slipway(command, project, '--set', 'lr=11')
      assert.notEqual(code, 0)
      assert.match(said, /set\.lr.*11.*a number from 0 to 10/)
      assert.match((await slipway(command, project, '--set', 'rate=1')).said, /set\.rate.*one of lr, tag, mode/)
      assert.match((await slipway(command, project, '--set', 'lr')).said, /--set is "lr"; expected PARAM=VALUE/)
      assert.match(
        (await slipway(command, project, '--param', 'fit.rate=-1')).said,
        /params\.fit\.rate.*a number from 0/,
      )
    }
    const body = { project: 'typed', set: { mode: 'fast' } }
    await assert.rejects(at.server.client.call(pipelinesApi.createPipelineRun, { body }), (error: unknown) => {
      const expected = problem('invalid_field', {
        field: 'set.mode',
        value: 'fast',
        expected: 'one of "full", "quick"',
      })
      return (error as Error).message === expected.message
    })
  })

  test('a run whose server is killed when it is written has its values when it goes on, and so has its retry', async () => {
    await at.server.stop()
    const hooks = { SLIPWAY_TEST_HOOKS: '1', SLIPWAY_FAULT: 'pipelines.run_made' }
    at.server = await startTestServer({ data: at.data, env: hooks })
    const body = { project: 'typed', set: { lr: 3, mode: 'quick' } }
    await assert.rejects(at.server.client.call(pipelinesApi.createPipelineRun, { body }))
    await at.server.ended()
    at.server = await startTestServer({ data: at.data })
    const [newest] = (await at.server.client.call(pipelinesApi.listPipelineRuns, { query: { limit: 1 } })).items
    const run = await ended(newest?.id ?? '')
    assert.equal(run.outcome, 'succeeded', run.message)
    assert.equal(JSON.stringify(run.set), '{"lr":3.0,"tag":"v1","mode":"quick"}')
    assert.equal(await fitted(run.id), "quick [('rate', 3.0), ('tag', 'v1')]")
    const again = await at.server.client.call(pipelinesApi.retryPipelineRun, { params: { id: run.id } })
    assert.deepEqual(again.set, run.set)
    assert.deepEqual(
      (await ended(again.id)).steps.map(({ state }) => state),
      ['cached', 'cached', 'cached'],
    )
  })
})
