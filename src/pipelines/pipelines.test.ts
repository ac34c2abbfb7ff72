/** A pipeline from its files to its end: results, cache and its explanations, failures, retries, cancels, logs, proofs. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { treeFiles } from '../store/blobs/trees.ts'
import { ANA, openBench, untilRun, type Bench } from './bench.fixture.ts'
import { explainStep } from './run/explanation.ts'
import { followLog } from './logs.ts'
import { readRun } from './context/rows.ts'
import type { RunView } from './run/view.ts'
import { cancelRun, reproduceRun, requireRun, retryRun } from './run/runs.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-pipelines-'))
const dataDir = join(root, 'data')
let bench: Bench
let first: RunView

before(async () => {
  bench = await openBench(dataDir)
})
after(async () => {
  await bench.close()
  rmSync(root, { recursive: true, force: true, maxRetries: 5 })
})

const YAML = `project: demo
pipeline:
  steps:
    make: {run: steps.make:main, outputs: [table], params: {rows: 3}}
    train: {run: steps.train:main, inputs: {table: make.table}, outputs: [model], params: {lr: 0.5}, secrets: [API_KEY]}
    judge: {run: [python, judge.py, "{inputs.model}", "{outputs.predictions}"], inputs: {model: train.model}, outputs: [predictions]}
model: {name: toy, from: train.model, gates: [{metric: auc, at_least: 0.5}]}
endpoint: {name: toy}
`

const FILES: Record<string, string> = {
  'slipway.yaml': YAML,
  'README.md': 'read me',
  '.slipwayignore': '/README.md\n/tests/\n',
  'steps/__init__.py': '',
  'steps/make.py': 'def main(table, rows):\n    table.write_text("x\\n" * rows)\n    return {"rows": rows}\n',
  'steps/helper.py': 'SCALE = 1\n',
  'steps/train.py': `import os
from .helper import SCALE
def main(table, model, lr):
    print("training with", os.environ["API_KEY"], os.environ["MLFLOW_TRACKING_TOKEN"])
    model.mkdir()
    (model / "weights.txt").write_text(str(len(table.read_text()) * lr * SCALE))
    return {"auc": 0.75, "odd": float("nan")}
`,
  'judge.py':
    'import sys, pathlib\npathlib.Path(sys.argv[2]).write_text((pathlib.Path(sys.argv[1]) / "weights.txt").read_text())\n',
}

function changed(file: string, from: string, to: string): Record<string, string> {
  const text = FILES[file] ?? ''
  assert.ok(text.includes(from))
  return { ...FILES, [file]: text.replace(from, to) }
}

test('a pipeline runs, its outputs and metrics are kept, its model is registered, and nothing is left behind', async () => {
  const run = await bench.end(await bench.begin(FILES))
  first = run
  assert.equal(run.outcome, 'succeeded', run.message)
  assert.deepEqual(
    run.steps.map((step) => [step.name, step.state, step.cache?.reason]),
    ['make', 'train', 'judge'].map((name) => [name, 'succeeded', 'the step has not run before']),
  )
  const [make, train, judge] = run.steps
  assert.deepEqual(make?.metrics, { rows: 3 })
  const [file] = await treeFiles(bench.store.blobs, judge?.outputs['predictions']?.digest ?? '')
  assert.equal((await bench.store.blobs.bytes(file?.digest ?? '')).toString(), '3.0')
  assert.deepEqual(run.critical_path, ['make', 'train', 'judge'])
  assert.ok(run.cpu_seconds > 0 && run.critical_path_ms > 0)
  const tracked = bench.tracked.get(train?.tracking_run_id ?? '')
  assert.equal(tracked?.status, 'FINISHED')
  assert.equal(tracked.tags['slipway.param.lr'], '0.5')
  assert.ok(Number.isNaN(tracked.metrics['odd']))
  assert.deepEqual(run.registered, { model: 'toy', version: '1', verdict: 'accepted', detail: 'all gates hold' })
  assert.deepEqual(readdirSync(join(dataDir, 'run', 'attempts')), [])
})

test('the registry is told what the model was made from and judged by', () => {
  const [request] = bench.registered
  assert.ok(request)
  const digest = (step: number, output: string) => first.steps[step]?.outputs[output]?.digest
  assert.equal(request.tree, digest(1, 'model'))
  assert.equal(request.evaluation, digest(2, 'predictions'))
  assert.equal(request.reference, digest(0, 'table'))
  assert.deepEqual(request.data, [digest(0, 'table')])
  assert.equal(request.deployment, null)
  assert.equal(request.metrics['auc'], 0.75)
})

test('an unchanged run executes nothing and says so; what is left out does not matter', async () => {
  const run = await bench.end(await bench.begin({ ...FILES, 'README.md': 'other', 'tests/test_x.py': 'x = 1' }))
  assert.deepEqual([...new Set(run.steps.map((step) => step.state))], ['cached'])
  assert.match(run.message, /0 steps ran, 3 came from the cache/)
  assert.match(run.steps[0]?.cache?.reason ?? '', /nothing changed: the result of run pr_\w+ was taken/)
  assert.deepEqual(run.steps[1]?.metrics, { auc: 0.75 })
  assert.equal(run.steps[1]?.attempts.length, 0)
})

test('the same version again registers nothing new', async () => {
  const before = bench.registered.length
  const run = await bench.end(await bench.begin(FILES))
  assert.equal(bench.registered.length, before)
  assert.match(run.registered?.detail ?? '', /unchanged since run/)
  const deployed = await bench.end(await bench.begin(FILES, { deploy: true }))
  assert.equal(bench.registered.at(-1)?.deployment?.endpoint, 'toy')
  assert.equal(deployed.outcome, 'succeeded')
})

const CHANGES: [string, Record<string, string>, string, RegExp][] = [
  ['a param', changed('slipway.yaml', 'lr: 0.5', 'lr: 0.25'), 'train', /^params\.lr 0\.5 → 0\.25$/],
  ['the code', changed('steps/train.py', 'import os', 'import os, sys'), 'train', /code steps\/train\.py changed/],
  ['a helper of the code', changed('steps/helper.py', '1', '2'), 'train', /code steps\/helper\.py changed/],
  ['a data file', { ...FILES, 'lookup.json': '{}' }, 'train', /code lookup\.json is new/],
  [
    'the environment variables',
    changed('slipway.yaml', 'secrets: [API_KEY]', 'secrets: [API_KEY], env: {MODE: fast}'),
    'train',
    /env\.MODE absent → fast/,
  ],
  ['the seed', changed('slipway.yaml', 'secrets: [API_KEY]', 'secrets: [API_KEY], seed: 3'), 'train', /seed 0 → 3/],
  ['an input', changed('slipway.yaml', 'rows: 3', 'rows: 4'), 'train', /input table changed/],
]
for (const [name, files, step, reason] of CHANGES) {
  test(`a change is found and named: ${name}`, async () => {
    await bench.end(await bench.begin(FILES, { force: true }))
    const run = await bench.end(await bench.begin(files))
    assert.equal(run.outcome, 'succeeded', run.message)
    const found = run.steps.find((row) => row.name === step)
    assert.equal(found?.state, 'succeeded')
    assert.match(found.cache?.reason ?? '', reason)
    const row = await readRun(bench.store.db, run.id)
    assert.ok(row)
    const explained = await explainStep(bench.room.context, row, step)
    assert.ok(explained.changes.length > 0 && explained.compared_with !== null)
    assert.ok(explained.files.includes('steps/helper.py') && !explained.files.includes('README.md'))
    assert.ok(!JSON.stringify(explained).includes('key-0123456789'))
  })
}

test('a step that gives the same output cuts off what follows', async () => {
  await bench.end(await bench.begin(FILES))
  const run = await bench.end(await bench.begin(changed('steps/make.py', 'def main', 'FASTER = 1\ndef main')))
  assert.deepEqual(
    run.steps.map((step) => step.state),
    ['succeeded', 'cached', 'succeeded'],
  )
  assert.equal(run.steps[2]?.cache?.reason, 'code steps/make.py changed', 'a command may read any file')
})

test('force and from run steps anew', async () => {
  const forced = await bench.end(await bench.begin(FILES, { force: true }))
  assert.deepEqual([...new Set(forced.steps.map((step) => step.state))], ['succeeded'])
  const from = await bench.end(await bench.begin(FILES, { from: 'train' }))
  assert.deepEqual(
    from.steps.map((step) => [step.state, step.cache?.reason]),
    [
      ['cached', `nothing changed: the result of run ${forced.id} was taken`],
      ['succeeded', 'the run was asked to start anew from "train"'],
      ['succeeded', 'the run was asked to start anew from "train"'],
    ],
  )
})

test('params of a run replace those of the file; unknown ones are refused by name', async () => {
  const run = await bench.end(await bench.begin(FILES, { params: { train: { lr: 0.125 } } }))
  assert.equal(run.steps[1]?.params['lr'], 0.125)
  await assert.rejects(bench.begin(FILES, { params: { train: { lrr: 1 } } }), /params\.train\.lrr.*one of lr/)
  await assert.rejects(bench.begin(FILES, { params: { trian: {} } }), /params\.trian.*one of the steps/)
})

test('a param that names a model by alias is pinned, so the step runs anew once the alias has moved', async (t) => {
  let production: string | undefined
  const own = await openBench(join(root, 'pinned'), () => ({
    aliasVersion: (model, alias) => Promise.resolve(model === 'toy' && alias === 'production' ? production : undefined),
  }))
  t.after(() => own.close())
  const files = {
    'slipway.yaml':
      'project: pin\npipeline: {steps: {judge: {run: judge:main, outputs: [a], params: {incumbent: "models:/toy@production"}}}}\n',
    'judge.py': 'def main(a, incumbent):\n    a.write_text(incumbent or "none")\n',
  }
  const judged = async () => {
    const run = await own.end(await own.begin(files))
    assert.equal(run.outcome, 'succeeded', run.message)
    const [step] = run.steps
    return [step?.state, step?.params['incumbent'], step?.cache?.reason.replace(/pr_\w+/, 'RUN')]
  }
  assert.deepEqual(await judged(), ['succeeded', '', 'the step has not run before'])
  production = '3'
  assert.deepEqual(await judged(), ['succeeded', 'models:/toy/3', 'params.incumbent  → models:/toy/3'])
  assert.deepEqual(await judged(), ['cached', 'models:/toy/3', 'nothing changed: the result of run RUN was taken'])
  production = '4'
  assert.deepEqual(await judged(), ['succeeded', 'models:/toy/4', 'params.incumbent models:/toy/3 → models:/toy/4'])
})

test('a refused model makes the run refused', async () => {
  const run = await bench.end(await bench.begin(changed('steps/train.py', '0.75', '0.25')))
  assert.equal(run.outcome, 'refused')
  assert.equal(run.state, 'succeeded')
  assert.match(run.message, /toy version \d+: auc is low/)
})

test('a failed step fails the run with its message, skips what follows, and its log is kept without secrets', async () => {
  const id = await bench.begin(changed('steps/train.py', 'model.mkdir()', 'raise ValueError("no rows")'))
  const run = await bench.end(id)
  assert.equal(run.outcome, 'failed')
  assert.equal(run.message, 'step "train" failed: ValueError: no rows')
  assert.deepEqual(
    run.steps.map((step) => step.state),
    ['cached', 'failed', 'skipped'],
  )
  const train = run.steps[1]
  assert.match(train?.failure?.traceback ?? '', /steps\/train\.py/)
  assert.equal(bench.tracked.get(train?.tracking_run_id ?? '')?.status, 'FAILED')
  const log: string[] = []
  const where = { runId: id, step: 'train', only: undefined }
  for await (const event of followLog(bench.room.context, where, undefined, new AbortController().signal)) {
    if (event.event === 'log') log.push((event.data as { text: string }).text)
  }
  assert.match(log.join(''), /training with \[secret\] \[secret\]/)
  const next = await retryRun(bench.room.context, ANA, await requireRun(bench.room.context, ANA, id))
  bench.room.wake(next)
  const again = await bench.end(next)
  assert.match(again.steps[1]?.cache?.reason ?? '', /nothing changed, and the step failed in run/)
})

test('a log is followed while it grows and resumes at an offset', async () => {
  const go = join(root, 'go')
  const id = await bench.begin({
    'slipway.yaml': 'project: logs\npipeline: {steps: {talk: {run: talk:main}}}\n',
    'talk.py': `import os, time
def main():
    for i in range(5):
        while i == 3 and not os.path.exists(${JSON.stringify(go)}): time.sleep(0.02)
        print("línea", i)
`,
  })
  const where = { runId: id, step: 'talk', only: undefined }
  const events: { id?: string; event?: string; data: unknown }[] = []
  for await (const event of followLog(bench.room.context, where, undefined, new AbortController().signal)) {
    events.push(event)
    // the rest is put out once something has come
    writeFileSync(go, '')
  }
  assert.ok(events.length > 2, 'it came in pieces')
  const whole = events.map((event) => (event.data as { text?: string }).text ?? '').join('')
  assert.equal(whole, [0, 1, 2, 3, 4].map((i) => `línea ${i}\n`).join(''))
  const rest: string[] = []
  for await (const event of followLog(
    bench.room.context,
    where,
    { attempt: 1, offset: 9 },
    new AbortController().signal,
  )) {
    rest.push((event.data as { text?: string }).text ?? '')
  }
  assert.equal(rest.join(''), whole.slice(8))
})

test('failures of the infrastructure are repeated from their own budget, those of the user are not', async () => {
  const files = {
    'slipway.yaml':
      'project: retry\npipeline: {steps: {flaky: {run: [python, flaky.py], retries: {infrastructure: 1}}}}\n',
    'flaky.py': 'import sys; print("try"); sys.exit(75)\n',
  }
  const run = await bench.end(await bench.begin(files))
  assert.equal(run.outcome, 'failed')
  const [step] = run.steps
  assert.equal(step?.attempts.length, 2)
  assert.equal(step.failure?.class, 'infrastructure')
  const user = await bench.end(await bench.begin({ ...files, 'flaky.py': 'import sys; sys.exit(1)\n' }))
  assert.equal(user.steps[0]?.attempts.length, 1)
})

test('more memory is given after running out of it, if the file allows', async () => {
  const run = await bench.end(
    await bench.begin({
      'slipway.yaml':
        'project: memory\npipeline: {steps: {grow: {run: grow:main, resources: {memory: 100MiB}, retries: {out_of_memory: 1}}}}\n',
      'grow.py':
        // the first attempt holds it until it is ended
        `import pathlib, time
def main():
    tried = pathlib.Path(${JSON.stringify(join(root, 'tried'))})
    is_first = not tried.exists()
    tried.touch()
    kept = bytearray(110 * 2**20)
    for i in range(0, len(kept), 4096): kept[i] = 1
    if is_first: time.sleep(600)
`,
    }),
  )
  assert.equal(run.outcome, 'succeeded', run.message)
  assert.deepEqual(
    run.steps[0]?.attempts.map((attempt) => [attempt.state, attempt.failure?.class ?? null]),
    [
      ['failed', 'out_of_memory'],
      ['succeeded', null],
    ],
  )
})

test('a step that names no memory has that of the configuration', async (t) => {
  const other = await openBench(join(root, 'capped'), () => ({ stepMemory: 100 * 2 ** 20 }))
  t.after(() => other.close())
  const run = await other.end(
    await other.begin({
      'slipway.yaml': 'project: capped\npipeline: {steps: {grow: {run: grow:main}}}\n',
      'grow.py': 'import time\ndef main():\n    kept = bytearray(b"x" * (300 << 20))\n    time.sleep(600)\n',
    }),
  )
  const [step] = run.steps
  assert.deepEqual([step?.failure?.class, step?.attempts.length], ['out_of_memory', 1])
  assert.match(step?.failure?.message ?? '', /its limit of 100 MiB/)
})

test('a cancelled run ends its step and what waits', async () => {
  const id = await bench.begin({
    'slipway.yaml':
      'project: cancel\npipeline: {steps: {long: {run: long:main, outputs: [a]}, next: {run: long:main, inputs: {b: long.a}}}}\n',
    'long.py': 'import time\ndef main(a=None, b=None):\n    print("begun"); time.sleep(600)\n',
  })
  await untilRun(bench, id, ({ steps }) => steps[0]?.attempts[0]?.state === 'running', 'its step runs')
  await cancelRun(bench.room.context, ANA, id)
  bench.room.wake(id)
  const run = await bench.end(id)
  assert.equal(run.outcome, 'cancelled')
  assert.deepEqual(
    run.steps.map((step) => step.state),
    ['cancelled', 'cancelled'],
  )
  assert.equal(run.steps[0]?.attempts[0]?.state, 'cancelled')
})

test('a missing secret and an impossible Python fail with what to do', async () => {
  const secret = await bench.end(await bench.begin(changed('slipway.yaml', 'secrets: [API_KEY]', 'secrets: [NO_SUCH]')))
  assert.match(secret.message, /secret "NO_SUCH" of step "train" is not set; set SLIPWAY_SECRET_NO_SUCH/)
  assert.equal(secret.steps[1]?.failure?.class, 'environment')
  const python = await bench.end(
    await bench.begin(changed('slipway.yaml', 'project: demo', 'project: demo\npython: {requires: ">=3.99"}')),
  )
  assert.equal(python.outcome, 'failed')
  assert.match(python.message, /requires Python >=3\.99, and this machine has 3\./)
  assert.deepEqual(
    python.steps.map((step) => step.state),
    ['failed', 'skipped', 'skipped'],
  )
  const offline = await bench.end(
    await bench.begin(
      changed('slipway.yaml', 'project: demo', 'project: demo\npython: {packages: [never-heard-of-this]}'),
    ),
  )
  // without an index nobody knows whether it is there, which is no fault of the project
  assert.equal(offline.steps[0]?.failure?.class, 'infrastructure', offline.message)
  assert.match(offline.message, /the package index is not available/)
})

test('a module or function that the project does not have is told with its line', async () => {
  await assert.rejects(
    bench.begin(changed('slipway.yaml', 'steps.train:main', 'steps.trian:main')),
    /slipway\.yaml:5: .*the project has no steps\/trian\.py/,
  )
  await assert.rejects(
    bench.begin(changed('slipway.yaml', 'steps.train:main', 'steps.train:mian')),
    /slipway\.yaml:5: .*train\.py defines no "mian"/,
  )
})

async function prove(id: string) {
  const tree = await requireRun(bench.room.context, ANA, id)
  const { id: proof } = await reproduceRun(bench.room.context, ANA, tree, { tolerance: 1e-9, dry_run: false })
  bench.room.wake(proof ?? '')
  return bench.end(proof ?? '')
}

test('a proof grades: the same bytes A, equal metrics B, other metrics C, gone code D', async () => {
  const files = (body: string): Record<string, string> => ({
    'slipway.yaml': 'project: proof\npipeline: {steps: {one: {run: one:main, outputs: [a]}}}\n',
    'one.py': `import time, random\ndef main(a):\n    ${body}\n`,
  })
  const same = await bench.end(await bench.begin(files('a.write_text("x"); return {"m": 1}')))
  const registered = bench.registered.length
  const proofA = await prove(same.id)
  assert.equal(proofA.reproduction?.grade, 'A')
  assert.equal(proofA.steps[0]?.state, 'succeeded', 'it ran, and took nothing from the cache')
  assert.equal(proofA.trigger, 'reproduce')
  assert.equal(bench.registered.length, registered)
  const stamped = await bench.end(await bench.begin(files('a.write_text(str(time.time_ns())); return {"m": 1}')))
  const proofB = await prove(stamped.id)
  assert.equal(proofB.reproduction?.grade, 'B')
  assert.equal(proofB.reproduction.first_divergent_step, 'one')
  const loose = await bench.end(await bench.begin(files('a.write_text("x"); return {"m": random.random()}')))
  assert.equal((await prove(loose.id)).reproduction?.grade, 'C')
  const model = files(
    'a.mkdir(); (a / "MLmodel").write_text(f"flavor: x\\nutc_time_created: {time.time_ns()}\\n"); return {"m": 1}',
  )
  const proofModel = await prove((await bench.end(await bench.begin(model))).id)
  assert.equal(proofModel.reproduction?.grade, 'A')
  assert.equal(proofModel.reproduction.steps[0]?.outputs, 'identical_apart_from_stamps')
  const { run } = await requireRun(bench.room.context, ANA, loose.id)
  const spec = await bench.room.context.spec(run.version_id)
  const code = (await treeFiles(bench.store.blobs, spec.tree)).find((file) => file.path === 'one.py')
  await bench.store.blobs.delete(code?.digest ?? '')
  const gone = await reproduceRun(bench.room.context, ANA, await requireRun(bench.room.context, ANA, loose.id), {
    tolerance: 0,
    dry_run: true,
  })
  assert.equal(gone.proof.grade, 'D')
  assert.match(gone.proof.detail, /a file of the code/)
})

test('no fault was left to the log', () => {
  assert.deepEqual(bench.errors, [])
})
