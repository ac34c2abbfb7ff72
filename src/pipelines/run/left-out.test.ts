/** A run whose steps were skipped by conditions ends well; its model is registered where it was made, and once for the same. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { benchOnce, type Bench } from '../bench.fixture.ts'

let bench: Bench
benchOnce('left-out', (opened) => void (bench = opened))

const files = (train: string, judge = ''): Record<string, string> => ({
  'slipway.yaml': `project: left
python: {packages: []}
pipeline:
  params: {auc: {type: float, default: 0.75}, deep: {type: bool, default: false}}
  steps:
    make: {run: "s:make", params: {auc: "{params.auc}"}}
    train: {run: "s:train", outputs: [model]${train}}
    judge: {run: "s:judge", inputs: {model: train.model}${judge}}
    extra: {run: "s:extra", when: params.deep}
model: {name: toy, from: train.model}
`,
  's.py': `def make(auc): return {"auc": auc}
def train(model): model.write_text("m")
def judge(model): return {"auc": 0.9}
def extra(): pass
`,
})

test('no model is registered where its step was skipped, and that is no failure', async () => {
  const run = await bench.end(await bench.begin(files(', when: steps.make.metrics.auc > 0.8')))
  assert.equal(run.outcome, 'succeeded', run.message)
  assert.equal(
    run.message,
    'no model was made: step "train" was skipped (1 step ran, 0 came from the cache, 3 were skipped)',
  )
  assert.deepEqual([run.registered, bench.registered.length], [null, 0])
})

test('a model is registered though another step was skipped, and the same run again registers nothing new', async () => {
  const project = files('')
  const first = await bench.end(await bench.begin(project))
  assert.equal(first.registered?.version, '1', first.message)
  assert.match(first.message, /\(2 steps ran, 1 came from the cache, 1 was skipped\)$/)
  const again = await bench.end(await bench.begin(project))
  assert.match(again.registered?.detail ?? '', /unchanged since run/)
  assert.equal(bench.registered.length, 1)
})

test('a model whose judge was skipped is another registration than one that was judged', async () => {
  const judged = bench.registered.length
  const run = await bench.end(await bench.begin(files('', ', when: params.deep')))
  assert.equal(run.steps.find(({ name }) => name === 'judge')?.state, 'skipped')
  assert.equal(bench.registered.length, judged + 1)
  assert.equal(bench.registered.at(-1)?.metrics['auc'], undefined, 'nothing is judged by a step that did not run')
  assert.equal(run.outcome, 'refused')
})
