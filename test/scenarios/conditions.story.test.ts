/** Conditions on a real server: what is skipped and why, the same from the cache, planned before, and decided once though the server is killed. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import type { RunView } from '../../src/pipelines/run/view.ts'
import { endedRun, outputText } from '../fixtures/runs-of.ts'
import { startTestServer } from '../server.ts'
import { projectServer } from '../fixtures/project-server.ts'

const YAML = `project: conditional
python: {packages: []}
pipeline:
  params:
    mode: {type: choice, default: full, choices: [full, quick]}
    quality: {type: float, default: 0.9, min: 0, max: 1}
    metric: {type: string, default: auc}
  steps:
    evaluate: {run: "step:evaluate", params: {quality: "{params.quality}", metric: "{params.metric}"}, outputs: [t]}
    tune: {run: "step:tune", when: "params.mode == 'full'", outputs: [best]}
    deploy: {run: "step:deploy", inputs: {t: evaluate.t}, when: "params.mode == 'full' and steps.evaluate.metrics.auc >= 0.8", outputs: [d]}
    late: {run: "step:notify", seed: 1, when: steps.tune.outputs.best.size > 3}
    notify: {run: "step:notify", after: [deploy]}
    report: {run: "step:report", inputs: {best: "tune.best?", t: evaluate.t}, outputs: [o]}
    show: {run: [python, show.py, "{inputs.best}", "{outputs.o}"], inputs: {best: "tune.best?"}, outputs: [o]}
`
const CODE = `
def evaluate(t, quality, metric):
    t.write_text("t")
    return {metric: quality}
def tune(best): best.write_text("best")
def deploy(t, d): d.write_text("d")
def notify(): print("told")
def report(t, o, best=None): o.write_text("none" if best is None else best.read_text())
`
const SHOW = 'import sys\nopen(sys.argv[2], "w").write("none" if sys.argv[1] == "" else open(sys.argv[1]).read())\n'
const HOLDS = "its condition does not hold: params.mode == 'full' and steps.evaluate.metrics.auc >= 0.8"

describe('conditions', () => {
  const at = projectServer('conditions', { 'slipway.yaml': YAML, 'step.py': CODE, 'show.py': SHOW })
  const { project, slipway } = at
  const view = (id: string): Promise<RunView> => at.server.client.call(pipelinesApi.getPipelineRun, { params: { id } })
  const states = (run: RunView): Record<string, string> =>
    Object.fromEntries(run.steps.map(({ name, state }) => [name, state]))
  const skipped = (run: RunView, name: string): string | undefined =>
    run.steps.find((step) => step.name === name)?.skipped

  async function ran(...flags: string[]): Promise<RunView> {
    const { out, said } = await slipway('run', project, '--json', ...flags)
    assert.ok(out.startsWith('{'), said)
    return JSON.parse(out) as RunView
  }
  const ended = (id: string): Promise<RunView> => endedRun(at.server, id)
  const output = (id: string, step: string): Promise<string> => outputText(at.server, id, step)

  async function planned(...flags: string[]): Promise<Record<string, string>> {
    const { out, said } = await slipway('plan', project, '--json', ...flags)
    assert.ok(out.startsWith('{'), said)
    const { steps } = JSON.parse(out) as { steps: { name: string; decision: string; reason: string }[] }
    return Object.fromEntries(steps.map(({ name, decision, reason }) => [name, `${decision}: ${reason}`]))
  }

  test('a plan before anything ran tells what params decide, and what metrics will', async () => {
    const quick = await planned('--set', 'mode=quick')
    assert.equal(quick['tune'], `skipped: its condition does not hold: params.mode == 'full' (params.mode is "quick")`)
    assert.match(
      quick['deploy'] ?? '',
      /^skipped: its condition does not hold: .*steps\.evaluate\.metrics\.auc is not known/,
    )
    assert.equal(quick['late'], 'skipped: its condition names tune, which will not run')
    assert.equal(quick['notify'], 'skipped: step "deploy", which it needs, is skipped')
    assert.match(quick['show'] ?? '', /^run: the step has not run before$/)
    const full = await planned()
    assert.match(full['tune'] ?? '', /^run: /)
    assert.equal(full['deploy'], 'unknown: its condition is decided at run time, by what evaluate will leave')
    assert.equal(full['notify'], 'unknown: depends on what deploy will leave')
  })

  let held: RunView
  test('all conditions hold: every step runs', async () => {
    held = await ran()
    assert.deepEqual([...new Set(Object.values(states(held)))], ['succeeded'], held.message)
    const deploy = held.steps.find(({ name }) => name === 'deploy')
    assert.equal(deploy?.when?.holds, true)
    assert.match(deploy.when.detail ?? '', /\(params\.mode is "full", steps\.evaluate\.metrics\.auc is 0\.9\)$/)
    assert.deepEqual(deploy.needs, ['evaluate'])
    assert.equal(await output(held.id, 'report'), 'best')
    assert.equal(await output(held.id, 'show'), 'best')
  })

  test('metrics that come from the cache decide the same, and the plan knows them', async () => {
    assert.match((await planned())['deploy'] ?? '', /^cached: /)
    const again = await ran()
    assert.deepEqual([...new Set(Object.values(states(again)))], ['cached'])
    const of = (run: RunView): unknown => run.steps.find(({ name }) => name === 'deploy')?.when
    assert.deepEqual(of(again), of(held))
  })

  test('a metric below the limit: the step is skipped with its value, and what needs it with its name; the run succeeds', async () => {
    const { out, code } = await slipway('run', project, '--set', 'quality=0.7')
    assert.equal(code, 0, out)
    const detail = '(params.mode is "full", steps.evaluate.metrics.auc is 0.7)'
    assert.ok(out.includes(`  ${HOLDS} ${detail}`), out)
    assert.match(out, /2 were skipped/)
    const id = /^Run (\w+): succeeded/m.exec(out)?.[1] ?? ''
    const run = await view(id)
    assert.equal(skipped(run, 'notify'), 'step "deploy", which it needs, was skipped')
    assert.equal(run.steps.find(({ name }) => name === 'deploy')?.when?.holds, false)
    assert.equal(states(run)['report'], 'cached')
    const explained = await slipway('explain', id)
    assert.ok(explained.out.includes(`deploy: skipped: ${HOLDS}`), explained.out)
    assert.match((await planned('--set', 'quality=0.7'))['deploy'] ?? '', /^skipped: its condition does not hold/)
    const cached = await ran('--set', 'quality=0.7')
    assert.equal(skipped(cached, 'deploy'), skipped(run, 'deploy'), 'the same from the cache')
  })

  test('an optional input of a skipped step is left out, of a function and of a command', async () => {
    const run = await ran('--set', 'mode=quick')
    assert.equal(run.outcome, 'succeeded', run.message)
    assert.deepEqual(states(run), {
      evaluate: 'cached',
      tune: 'skipped',
      deploy: 'skipped',
      late: 'skipped',
      notify: 'skipped',
      report: 'succeeded',
      show: 'succeeded',
    })
    assert.equal(skipped(run, 'late'), 'its condition names "tune", which did not succeed')
    assert.equal(await output(run.id, 'report'), 'none')
    assert.equal(await output(run.id, 'show'), 'none')
    const again = await ran('--set', 'mode=quick')
    assert.equal(states(again)['report'], 'cached', 'without the input it has a key of its own')
  })

  test('a metric that is not there is a failure of that name, and a retry decides anew', async () => {
    const run = await ran('--set', 'metric=f1')
    assert.equal(run.outcome, 'failed')
    const { failure } = run.steps.find(({ name }) => name === 'deploy') ?? {}
    assert.equal(failure?.class, 'user')
    assert.match(failure.message, /^its condition cannot be decided: .*steps\.evaluate\.metrics\.auc is not known\)$/)
    assert.equal(skipped(run, 'notify'), 'a step that it needs did not succeed')
    const again = await at.server.client.call(pipelinesApi.retryPipelineRun, { params: { id: run.id } })
    assert.match((await ended(again.id)).message, /its condition cannot be decided/)
  })

  test('a server that is killed when a condition was decided goes on from that decision', async () => {
    for (const [quality, expected] of [
      ['0.61', 'skipped'],
      ['0.81', 'succeeded'],
    ] as const) {
      await at.server.stop()
      // the first decision of this run is of tune, the second of deploy
      const hooks = { SLIPWAY_TEST_HOOKS: '1', SLIPWAY_FAULT: 'pipelines.condition_decided@2' }
      at.server = await startTestServer({ data: at.data, env: hooks })
      const body = { project: 'conditional', set: { quality: Number(quality) }, force: true }
      const { id } = await at.server.client.call(pipelinesApi.createPipelineRun, { body })
      await at.server.ended()
      at.server = await startTestServer({ data: at.data })
      const run = await ended(id)
      assert.equal(run.outcome, 'succeeded', run.message)
      assert.equal(states(run)['deploy'], expected)
      const { when, attempts } = run.steps.find(({ name }) => name === 'deploy') ?? {}
      assert.equal(when?.holds, expected === 'succeeded')
      assert.match(when.detail ?? '', new RegExp(`auc is ${quality}\\)$`))
      assert.equal(attempts?.length, expected === 'succeeded' ? 1 : 0)
    }
  })

  test('a proof makes the same decisions, and steps that were skipped in both are no lack', async () => {
    const run = await ran('--set', 'mode=quick')
    const { run: proof } = await at.server.client.call(pipelinesApi.reproducePipelineRun, {
      params: { id: run.id },
      body: {},
    })
    const graded = await ended(proof?.id ?? '')
    assert.equal(graded.reproduction?.grade, 'A', graded.reproduction?.detail)
    assert.equal(states(graded)['tune'], 'skipped')
  })
})
