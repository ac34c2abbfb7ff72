/** What the registry is told of a run's model: which steps judge it, what they read, and where the rows of each come from. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { RunRow, RunTree, StepRow } from '../context/rows.ts'
import type { PipelineSpec, StepSpec } from '../spec/spec.ts'
import { deploymentOf, registerRequest } from './finish.ts'

type Inputs = Readonly<Record<string, string>>

/** A step whose inputs are written as STEP.OUTPUT. */
function step(name: string, inputs: Inputs = {}): StepSpec {
  const read = Object.entries(inputs).map(([input, from]) => {
    const [maker = '', output = ''] = from.split('.')
    return [input, { step: maker, output }] as const
  })
  return { name, inputs: Object.fromEntries(read), needs: read.map(([, from]) => from.step) } as unknown as StepSpec
}

/** A step that has ended; the tree of an output is named after both. */
function row(name: string, outputs: readonly string[], metrics: Readonly<Record<string, number>> = {}): StepRow {
  const trees = outputs.map((output) => [output, { digest: `tree:${name}.${output}`, size: 1, files: 1 }])
  return { name, outputs: Object.fromEntries(trees), metrics, tracking_run_id: `track:${name}` } as unknown as StepRow
}

const STEPS = [
  step('make'),
  step('split', { table: 'make.table' }),
  step('train', { rows: 'split.train', extra: 'make.table' }),
  step('judge', { model: 'train.model', rows: 'split.test' }),
  step('report', { text: 'judge.predictions' }),
  step('aside', { table: 'make.table' }),
]
const ROWS = [
  row('make', ['table'], { rows: 9 }),
  row('split', ['train', 'test']),
  row('train', ['model'], { auc: 0.5, loss: 2 }),
  row('judge', ['predictions'], { auc: 0.75 }),
  row('report', ['text'], { auc: 0.8, pages: 3 }),
  row('aside', ['x'], { auc: 0.1 }),
]
const SPEC = {
  steps: STEPS,
  model: { name: 'm', step: 'train', output: 'model', gates: [{ metric: 'auc' }] },
  endpoint: { name: 'e', rollout: { plan: 1 } },
  monitor: null,
} as unknown as PipelineSpec
const RUN = {
  id: 'run_1',
  project: 'p',
  environment: 'env',
  created_by: 'ana',
  role: 'contributor',
  options: { deploy: false },
}

function request(change: { spec?: object; rows?: readonly StepRow[]; deploy?: boolean } = {}) {
  const run = { ...RUN, options: { deploy: change.deploy ?? false } }
  const tree = { run, steps: change.rows ?? ROWS, attempts: [] } as unknown as RunTree
  return registerRequest(tree, { ...SPEC, ...change.spec })
}

test('the model with the metrics, the data and the rows of the steps that judge it', () => {
  assert.deepEqual(request(), {
    project: 'p',
    model: 'm',
    tree: 'tree:train.model',
    run_id: 'track:train',
    pipeline_run_id: 'run_1',
    // a later step's figure wins; steps beside or before the model do not count
    metrics: { auc: 0.8, loss: 2, pages: 3 },
    data: ['tree:split.train', 'tree:make.table', 'tree:split.test', 'tree:judge.predictions'],
    environment: 'env',
    evaluation: 'tree:judge.predictions',
    holdout: 'tree:split.test',
    reference: 'tree:split.train',
    gates: [{ metric: 'auc' }],
    deployment: null,
    created_by: 'ana',
  })
})

describe('what is not there', () => {
  test('without predictions there is no evaluation and no hold-out', () => {
    const rows = ROWS.map((one) => (one.name === 'judge' ? row('judge', ['other']) : one))
    const { evaluation, holdout } = request({ rows })
    assert.deepEqual([evaluation, holdout], [null, null])
  })
  test('predictions of a step that does not read the model do not count', () => {
    const rows = ROWS.map((one) =>
      one.name === 'judge' ? row('judge', []) : one.name === 'aside' ? row('aside', ['predictions']) : one,
    )
    assert.equal(request({ rows }).evaluation, null)
  })
  test('a judge that reads the model alone has no hold-out, a model made from nothing has no reference', () => {
    const steps = [step('train'), step('judge', { model: 'train.model' })]
    const { evaluation, holdout, reference, data } = request({ spec: { steps } })
    assert.deepEqual([evaluation, holdout, reference, data], ['tree:judge.predictions', null, null, []])
  })
  test('a project without a model is a fault of ours', () => {
    assert.throws(() => request({ spec: { model: null } }), /names no model/)
  })
})

test('the reference is what the monitor names, else the first that the model was made from', () => {
  const named = (reference: unknown) => request({ spec: { monitor: { reference } } }).reference
  assert.equal(named('split.test'), 'tree:split.test')
  assert.equal(named('split.gone'), 'tree:split.train')
  assert.equal(named('gone.test'), 'tree:split.train')
  assert.equal(named(undefined), 'tree:split.train')
})

test('a deployment is asked for where the run says so and the project has an endpoint', () => {
  const wish = { endpoint: 'e', project: 'p', plan: { plan: 1 }, monitor: {}, role: 'contributor' }
  const deployment = { ...wish, by: 'ana', run: 'run_1' }
  assert.deepEqual(request({ deploy: true }).deployment, deployment)
  const monitor = { reference: 'split.test' }
  assert.deepEqual(request({ deploy: true, spec: { monitor } }).deployment, { ...deployment, monitor })
  assert.equal(request({ deploy: true, spec: { endpoint: null } }).deployment, null)
})

test('an endpoint gets the version of its feature service by which the run joined its rows', () => {
  const joined = (version: string) => ({ kind: 'features', version })
  const served = (features: string, sources: object | null) =>
    deploymentOf(
      { ...RUN, sources } as unknown as RunRow,
      {
        ...SPEC,
        endpoint: { name: 'e', rollout: {}, features },
      } as unknown as PipelineSpec,
    )?.features
  const sources = {
    a: joined('eta@2 (stats@1); nothing is missing'),
    b: joined('other@7 (stats@1); nothing is missing'),
    c: { kind: 'file', version: 'eta@9 ' },
  }
  assert.equal(served('eta', sources), 'eta@2')
  assert.equal(served('eta@1', sources), 'eta@1')
  assert.equal(served('price', sources), 'price')
  assert.equal(served('eta', null), 'eta')
})
