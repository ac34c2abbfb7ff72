/** Proofs of runs: what counts as the same, how a re-run is graded, and what is named when it cannot be made. */
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { ANA } from '../bench.fixture.ts'
import { LOCK, openIdle, type Idle } from './idle.fixture.ts'
import { nearlyEqual } from '../proof/contents.ts'
import type { Proof } from '../proof/grade.ts'
import { end, graded as gradedOf, type Ended, type Steps } from '../proof/proofs.fixture.ts'
import { regradeProofs } from './regrade.ts'
import { findMissing, gradeRun } from './reproduce.ts'
import { reproduceRun, requireRun } from './runs.ts'

const FILES = {
  'slipway.yaml': `project: proof
pipeline:
  steps:
    make: {run: make:main, outputs: [table]}
    train: {run: make:main, inputs: {table: make.table}, outputs: [model, plot], secrets: [KNOWN]}
`,
  'make.py': 'def main(): pass\n',
}

const graded = (
  ...[t, before, after, tolerance = 0, files = FILES]: [TestContext, Steps, Steps, number?, Record<string, string>?]
): Promise<Proof> => gradedOf(t, { before, after, tolerance, files })

const TABLE = { table: { '': 'x,y\n1,2\n' } }
const MLMODEL = (id: string, flavor = 'sklearn'): string =>
  `artifact_path: model\nflavors:\n  ${flavor}: {}\nmodel_uuid: ${id}\nrun_id: ${id}\n  model_id: m-${id}\nutc_time_created: '${id}'\nmodel_size_bytes: 1${id.length}\nprompts: null\n`
const MODEL = { 'model/MLmodel': MLMODEL('1'), 'model/model.pkl': 'bytes' }
const GOOD: Steps = {
  make: { outputs: TABLE, metrics: { rows: 1 } },
  train: { outputs: { model: MODEL, plot: { 'p.svg': '<svg/>' } }, metrics: { auc: 0.75, loss: 2 } },
}

/** The good ending with something else in the step that trains. */
function trained(change: Ended): Steps {
  return { ...GOOD, train: { ...GOOD['train'], ...change, outputs: { ...GOOD['train']?.outputs, ...change.outputs } } }
}

test('numbers are equal within a share of the larger one; what is absent is equal to what is absent', () => {
  const cases: [number | undefined, number | undefined, number, boolean][] = [
    [1, 1, 0, true],
    [1, 1.01, 0, false],
    [100, 101, 0.01, true],
    [101, 100, 0.01, true],
    [100, 101.1, 0.01, false],
    [-100, -101, 0.01, true],
    [-1, 1, 0.01, false],
    [0, 0, 0, true],
    [0, 1e-12, 0.5, false],
    [undefined, undefined, 0, true],
    [undefined, 0, 1, false],
    [0, undefined, 1, false],
  ]
  for (const [a, b, tolerance, equal] of cases)
    assert.equal(nearlyEqual(a, b, tolerance), equal, `${a} ${b} ${tolerance}`)
})

describe('grades', () => {
  test('the same bytes are A', async (t) => {
    const proof = await graded(t, GOOD, GOOD, 0.5)
    assert.deepEqual(
      [proof.grade, proof.detail, proof.first_divergent_step, proof.missing, proof.of_run, proof.tolerance],
      ['A', 'every output has the same bytes', null, [], 'pr_a', 0.5],
    )
    assert.deepEqual(proof.steps, [
      {
        step: 'make',
        outputs: 'identical',
        differing: [],
        metrics: [{ metric: 'rows', before: 1, after: 1, equal: true }],
      },
      {
        step: 'train',
        outputs: 'identical',
        differing: [],
        metrics: [
          { metric: 'auc', before: 0.75, after: 0.75, equal: true },
          { metric: 'loss', before: 2, after: 2, equal: true },
        ],
      },
    ])
  })
  test('a model file that differs in its time and ids alone is A, and says so', async (t) => {
    const proof = await graded(t, GOOD, trained({ outputs: { model: { ...MODEL, 'model/MLmodel': MLMODEL('22') } } }))
    assert.deepEqual([proof.grade, proof.steps[1]?.outputs], ['A', 'identical_apart_from_stamps'])
    assert.match(proof.detail, /same bytes, apart from the time and id/)
  })
  const same = /every metric is equal within the tolerance; the bytes differ first in step "train"/
  const differs = (where: string): RegExp => new RegExp(`step "train": output "model" differs in ${where}$`)
  const different: Record<string, [Readonly<Record<string, string>>, 'B' | 'C', RegExp]> = {
    'another flavor in the model file': [
      { ...MODEL, 'model/MLmodel': MLMODEL('2', 'xgboost') },
      'C',
      differs('model/MLmodel, line 3'),
    ],
    'other bytes beside the model file': [
      { 'model/MLmodel': MLMODEL('2'), 'model/model.pkl': 'other\0' },
      'C',
      /^it cannot be told whether the result is the same: in step "train" the bytes of output "model" differ in model\/model\.pkl, which nothing here can read, and no step leaves predictions of it$/,
    ],
    'a file more': [{ ...MODEL, extra: '' }, 'C', differs('extra, which is not in both')],
    'a file less': [{ 'model/MLmodel': MLMODEL('1') }, 'C', differs('model/model.pkl, which is not in both')],
    'another path': [
      { 'model/MLmodel': MLMODEL('1'), 'model/renamed.pkl': 'bytes' },
      'C',
      differs('model/model.pkl, which is not in both'),
    ],
    'a file that may be executed': [{ 'model/MLmodel': MLMODEL('1'), 'model/model.pkl*': 'bytes' }, 'B', same],
  }
  for (const [name, [files, grade, detail]] of Object.entries(different)) {
    test(`equal metrics but ${name} is ${grade}, at that step`, async (t) => {
      const proof = await graded(t, GOOD, trained({ outputs: { model: files } }))
      assert.deepEqual(
        [proof.grade, proof.first_divergent_step, proof.steps.map((step) => step.outputs)],
        [grade, 'train', ['identical', 'different']],
      )
      assert.match(proof.detail, detail)
    })
  }
  test('stamps of two files whose names only end alike are bytes', async (t) => {
    const own = (id: string): Steps => trained({ outputs: { model: { notMLmodel: MLMODEL(id) } } })
    assert.equal((await graded(t, own('1'), own('2'))).grade, 'C')
  })
  test('an output that is gone is C, and the worst output tells', async (t) => {
    const proof = await graded(t, GOOD, {
      ...GOOD,
      train: { ...GOOD['train'], outputs: { plot: { 'p.svg': 'other' } } },
    })
    assert.deepEqual([proof.grade, proof.steps[1]?.outputs], ['C', 'missing'])
  })
  test('a metric beyond the tolerance is C, and the step where bytes or metrics first differ is named', async (t) => {
    const after = { ...trained({ metrics: { auc: 0.5, loss: 2 } }), make: { outputs: { table: { '': 'z' } } } }
    const proof = await graded(t, { ...GOOD, make: { outputs: TABLE } }, after, 0.1)
    assert.deepEqual([proof.grade, proof.first_divergent_step], ['C', 'make'])
    assert.equal(proof.detail, 'it diverged first in step "make"; step "train": auc 0.75 → 0.5')
  })
  test('within the tolerance the same metrics are no divergence', async (t) => {
    assert.equal((await graded(t, GOOD, trained({ metrics: { auc: 0.7, loss: 2.1 } }), 0.1)).grade, 'A')
  })
  test('a metric that is there in one run alone differs; three are named', async (t) => {
    const proof = await graded(t, GOOD, trained({ metrics: { b: 1, c: 2 } }))
    assert.equal(proof.grade, 'C')
    assert.match(proof.detail, /step "train": auc 0\.75 → null, b null → 1, c null → 2$/)
    assert.equal(proof.steps[1]?.metrics.length, 4)
  })
})

/** A model, and a step that judges it on rows. */
const JUDGED = {
  'slipway.yaml': `project: proof
pipeline:
  steps:
    train: {run: make:main, outputs: [model]}
    judge: {run: make:main, inputs: {model: train.model}, outputs: [predictions, plot]}
model: {name: m, from: train.model}
`,
  'make.py': 'def main(): pass\n',
}
const judged = (rows: string, metrics: Readonly<Record<string, number>>, more: Record<string, string> = {}): Steps => ({
  train: { outputs: { model: MODEL } },
  judge: { outputs: { predictions: { 'rows.csv': rows, ...more }, plot: { 'p.svg': '<svg/>' } }, metrics },
})

describe('predictions that differ are never B', () => {
  const cases: [string, string, string, Readonly<Record<string, number>>, number, string][] = [
    ['equal metrics hide nothing', 'id,p\n1,0.2\n', 'id,p\n1,0.3\n', { auc: 1 }, 0, 'C'],
    ['so does a rank that stays', 'id,p\n1,0.2\n2,0.4\n', 'id,p\n1,0.3\n2,0.4\n', { auc: 1 }, 0.01, 'C'],
    ['numbers within the tolerance are equal', 'id,p\n1,0.2\n', 'id,p\n1,0.2000001\n', { auc: 1 }, 0.001, 'B'],
    ['and so they are without any metric', 'id,p\n1,0.2\n', 'id,p\n1,2.000001e-1\n', {}, 0.001, 'B'],
    ['without a metric the outputs are compared', 'id,p\n1,0.2\n', 'id,p\n1,0.9\n', {}, 0, 'C'],
    ['a word in place of another', 'id,p\n1,late\n', 'id,p\n1,early\n', { auc: 1 }, 0.5, 'C'],
    ['a row more', 'id,p\n1,0.2', 'id,p\n1,0.2\n2,0.2', { auc: 1 }, 0.5, 'C'],
    ['a row less', 'id,p\n1,0.2\n2,0.2', 'id,p\n1,0.2', { auc: 1 }, 0.5, 'C'],
    ['bytes that nothing can read', 'a\0b', 'a\0c', { auc: 1 }, 0.5, 'C'],
  ]
  for (const [name, rows, others, metrics, tolerance, expected] of cases) {
    test(`${name}: ${expected}`, async (t) => {
      const proof = await graded(t, judged(rows, metrics), judged(others, metrics), tolerance, JUDGED)
      assert.equal(proof.grade, expected, proof.detail)
      assert.equal(proof.rules, 3)
      if (expected === 'C')
        assert.match(proof.detail, /step "judge": output "predictions" differs in rows\.csv(, line \d)?$/)
    })
  }
  test('a file more is named', async (t) => {
    const more = judged('1', { auc: 1 }, { 'more.csv': '' })
    const proof = await graded(t, judged('1', { auc: 1 }), more, 0, JUDGED)
    assert.deepEqual(
      [proof.grade, proof.steps[1]?.differing],
      ['C', ['output "predictions" differs in more.csv, which is not in both']],
    )
  })
  test('a picture of the same metrics is B, and without a metric nothing says that it is the same', async (t) => {
    const drawn = (steps: Steps): Steps => ({
      ...steps,
      judge: { ...steps['judge'], outputs: { ...steps['judge']?.outputs, plot: { 'p.svg': '<svg id="2"/>' } } },
    })
    const measured = judged('1', { auc: 1 })
    assert.equal((await graded(t, measured, drawn(measured), 0, JUDGED)).grade, 'B')
    const proof = await graded(t, judged('1', {}), drawn(judged('1', {})), 0, JUDGED)
    assert.deepEqual([proof.grade, /its outputs differ \(plot\), and no metric/.test(proof.detail)], ['C', true])
  })
  test('another model of the same predictions and metrics is B; without a metric after it, C', async (t) => {
    const other = (steps: Steps): Steps => ({
      ...steps,
      train: { outputs: { model: { ...MODEL, 'model/model.pkl': 'other' } } },
    })
    assert.equal((await graded(t, judged('1', { auc: 1 }), other(judged('1', { auc: 1 })), 0, JUDGED)).grade, 'B')
    const proof = await graded(t, judged('1', {}), other(judged('1', {})), 0, JUDGED)
    assert.deepEqual([proof.grade, proof.first_divergent_step], ['C', 'train'])
  })
})

describe('grades of earlier rules', () => {
  /** A proof that rules 1 graded B although its predictions differ, or whatever `after` and `grade` say. */
  async function stored(t: TestContext, after: Steps, grade = 'B'): Promise<{ idle: Idle; told: string[] }> {
    const told: string[] = []
    const idle = await openIdle(t, { proved: (run, one) => Promise.resolve(void told.push(`${run} ${one}`)) })
    await end(idle, await idle.begin(JUDGED, { id: 'pr_a' }), judged('1,0.2', { auc: 1 }))
    const id = await idle.begin(JUDGED, { id: 'pr_b', options: { reproduces: 'pr_a', tolerance: 0 } })
    await end(idle, id, after)
    const proof = { of_run: 'pr_a', grade, detail: 'every metric is equal', missing: [], tolerance: 0, steps: [] }
    const row = { state: 'succeeded', outcome: 'succeeded', message: 'x', reproduction: JSON.stringify(proof) }
    await idle.setRun(id, row)
    await regradeProofs(idle.context, new AbortController().signal)
    return { idle, told }
  }
  test('are given anew, told, and keep what they were', async (t) => {
    const { idle, told } = await stored(t, judged('1,0.9', { auc: 1 }))
    const { run } = await idle.read('pr_b')
    const proof = run.reproduction as Proof | null
    assert.deepEqual([proof?.grade, proof?.rules, proof?.regraded_from], ['C', 3, 'B'])
    assert.match(proof?.detail ?? '', /output "predictions" differs in rows\.csv.*it was B by rules 1$/)
    assert.deepEqual([run.outcome, run.message, told], ['failed', proof?.detail, ['pr_a C']])
    await regradeProofs(idle.context, new AbortController().signal)
    assert.deepEqual(told, ['pr_a C'], 'the second time there is nothing to do')
  })
  test('that hold stay, by the rules of now', async (t) => {
    const model = { outputs: { model: { ...MODEL, 'model/model.pkl': 'other' } } }
    const { idle, told } = await stored(t, { ...judged('1,0.2', { auc: 1 }), train: model })
    const proof = (await idle.read('pr_b')).run.reproduction as Proof | null
    assert.deepEqual([proof?.grade, proof?.rules, proof?.regraded_from, told], ['B', 3, undefined, []])
  })
  test('whose outputs are gone prove nothing', async (t) => {
    const { idle, told } = await stored(t, { train: {}, judge: { metrics: { auc: 1 } } })
    const proof = (await idle.read('pr_b')).run.reproduction as Proof | null
    assert.deepEqual([proof?.grade, proof?.regraded_from, told], ['D', 'B', ['pr_a D']])
  })
  test('that cannot be given are told, and hold up no other', async (t) => {
    const errors: unknown[] = []
    const idle = await openIdle(t, { onError: (error) => errors.push(error) })
    await end(idle, await idle.begin(JUDGED, { id: 'pr_a' }), judged('1,0.2', { auc: 1 }))
    for (const id of ['pr_b', 'pr_c']) {
      await idle.begin(JUDGED, { id, options: { reproduces: 'pr_a', tolerance: 0 } })
      await end(idle, id, judged('1,0.9', { auc: 1 }))
      const proof = { of_run: 'pr_a', grade: 'B', detail: '', missing: [], tolerance: 0, steps: [] }
      await idle.setRun(id, { state: 'succeeded', reproduction: JSON.stringify(proof) })
    }
    await idle.setRun('pr_b', { version_id: 'pv_gone' })
    await regradeProofs(idle.context, new AbortController().signal)
    const grades = ['pr_b', 'pr_c'].map(async (id) => ((await idle.read(id)).run.reproduction as Proof | null)?.grade)
    assert.deepEqual([await Promise.all(grades), errors.length], [['B', 'C'], 1])
    const kept = (await idle.read('pr_b')).run.reproduction as Proof | null
    assert.match(kept?.not_regraded ?? '', /pv_gone/)
    const { version_id } = (await idle.read('pr_c')).run
    await idle.setRun('pr_b', { version_id })
    await regradeProofs(idle.context, new AbortController().signal)
    const now = (await idle.read('pr_b')).run.reproduction as Proof | null
    assert.deepEqual(
      [now?.grade, now?.not_regraded],
      ['C', undefined],
      'once it can be graded, nothing is left of that',
    )
  })
  for (const [what, text] of [
    ['cut', '{"of_run":"pr_a","grade":"B","st'],
    ['empty', ''],
    ['a list', '[]'],
    ['null', 'null'],
    ['without steps', '{"of_run":"pr_a","grade":"B"}'],
    ['with a number beyond all floats', '{"of_run":"pr_a","grade":"B","tolerance":1e999,"steps":[]}'],
    ['of a number', '{"of_run":5,"grade":"B","steps":[]}'],
  ] as const)
    test(`that cannot be read (${what}) prove nothing, are told so, and hold up no other`, async (t) => {
      const [told, errors]: [string[], unknown[]] = [[], []]
      const idle = await openIdle(t, {
        onError: (error) => errors.push(error),
        proved: (run, grade) => Promise.resolve(void told.push(`${run} ${grade}`)),
      })
      for (const id of ['pr_a', 'pr_x']) await end(idle, await idle.begin(JUDGED, { id }), judged('1,0.2', { auc: 1 }))
      for (const [id, original] of [
        ['pr_b', 'pr_a'],
        ['pr_y', 'pr_x'],
      ] as const) {
        await idle.begin(JUDGED, { id, options: { reproduces: original, tolerance: 0 } })
        await end(idle, id, judged('1,0.9', { auc: 1 }))
        const proof = { of_run: original, grade: 'B', detail: '', missing: [], tolerance: 0, steps: [] }
        await idle.setRun(id, { state: 'succeeded', reproduction: JSON.stringify(proof) })
      }
      await idle.setRun('pr_b', { reproduction: text })
      await regradeProofs(idle.context, new AbortController().signal)
      const [b, y] = await Promise.all(['pr_b', 'pr_y'].map(async (id) => (await idle.read(id)).run))
      assert.deepEqual([(y?.reproduction as Proof | null)?.grade, errors.length], ['C', 1])
      assert.match(String(errors[0]), /the proof of run pr_b cannot be read/)
      const proof = b?.reproduction as Proof | null
      assert.deepEqual([proof?.grade, proof?.of_run, b?.outcome], ['D', 'pr_a', 'failed'])
      assert.match(b?.message ?? '', /^its proof cannot be read \(.+\), so nothing is proved$/)
      assert.deepEqual(told.toSorted(), ['pr_a D', 'pr_x C'])
      await regradeProofs(idle.context, new AbortController().signal)
      assert.equal(told.length, 2, 'the second time there is nothing to do')
    })
  test('that cannot be told are not kept, and are told by the next that tries', async (t) => {
    const [told, errors]: [string[], unknown[]] = [[], []]
    let away = true
    const proved = (run: string, grade: string): Promise<void> =>
      away ? Promise.reject(new Error('the registry is away')) : Promise.resolve(void told.push(`${run} ${grade}`))
    const idle = await openIdle(t, { proved, onError: (error) => errors.push(error) })
    const id = await idle.begin(JUDGED, { id: 'pr_b', options: { reproduces: 'pr_gone', tolerance: 0 } })
    const proof = { of_run: 'pr_gone', grade: 'B', detail: '', missing: [], tolerance: 0, steps: [] }
    await idle.setRun(id, { state: 'succeeded', reproduction: JSON.stringify(proof) })
    const gradeNow = async () => {
      await regradeProofs(idle.context, new AbortController().signal)
      return ((await idle.read(id)).run.reproduction as Proof | null)?.grade
    }
    assert.equal(await gradeNow(), 'B')
    assert.match(errors.join(), /the registry is away/)
    away = false
    assert.deepEqual([await gradeNow(), told], ['D', ['pr_gone D']])
  })
  test('A, C and D are left alone', async (t) => {
    for (const grade of ['A', 'C', 'D']) {
      const { idle, told } = await stored(t, judged('1,0.9', { auc: 1 }), grade)
      const proof = (await idle.read('pr_b')).run.reproduction as Proof | null
      assert.deepEqual([proof?.grade, proof?.detail, told], [grade, 'every metric is equal', []])
    }
  })
})

describe('a re-run that did not come to its end is D', () => {
  test('with the step that failed and why', async (t) => {
    const proof = await graded(t, GOOD, {
      make: { state: 'failed', failure: 'no disk' },
      train: { state: 'skipped' },
    })
    const why = 'step "make" did not succeed: no disk'
    assert.deepEqual([proof.grade, proof.detail, proof.missing], ['D', `it could not be run again: ${why}`, [why]])
  })
  test('without a failure by the state of the first step that is not done', async (t) => {
    const proof = await graded(t, GOOD, { ...GOOD, train: { state: 'cancelled' } })
    assert.deepEqual(proof.missing, ['step "train" did not succeed: cancelled'])
  })
  test('and so is a proof of a run that is gone', async (t) => {
    const idle = await openIdle(t)
    const again = await idle.begin(FILES, { options: { reproduces: 'pr_gone' } }).catch(() => undefined)
    assert.ok(again)
    await end(idle, again, GOOD)
    const proof = await gradeRun(idle.context, await idle.read(again))
    assert.deepEqual([proof.grade, proof.detail, proof.missing], ['D', 'the run to prove is gone', ['the run']])
  })
})

describe('what a re-run needs', () => {
  async function succeeded(
    t: TestContext,
    files: Record<string, string> = FILES,
  ): Promise<{ idle: Idle; run: string }> {
    const idle = await openIdle(t)
    const run = await idle.begin(files)
    await idle.setRun(run, { state: 'succeeded', outcome: 'succeeded', environment: LOCK.digest })
    return { idle, run }
  }
  const missing = async (idle: Idle, run: string): Promise<string[]> =>
    findMissing(idle.context, (await idle.read(run)).run)

  test('is all there after an ordinary run', async (t) => {
    const { idle, run } = await succeeded(t)
    assert.deepEqual(await missing(idle, run), [])
  })
  test('the environment: one that is forgotten and one that never was', async (t) => {
    const { idle, run } = await succeeded(t)
    await idle.setRun(run, { environment: 'sha256:gone' })
    assert.deepEqual(await missing(idle, run), ['the lock of the environment sha256:gone'])
    await idle.setRun(run, { environment: null })
    assert.deepEqual(await missing(idle, run), ['the lock of the environment: the run ended before it was made'])
  })
  test('each secret of each step', async (t) => {
    const { idle, run } = await succeeded(t, {
      ...FILES,
      'slipway.yaml': FILES['slipway.yaml'].replace('[KNOWN]', '[KNOWN, LOST, GONE]'),
    })
    assert.deepEqual(await missing(idle, run), ['the secret LOST of step "train"', 'the secret GONE of step "train"'])
  })
  test('the code: a file of it, or the whole tree', async (t) => {
    const { idle, run } = await succeeded(t)
    const { tree } = await idle.context.spec((await idle.read(run)).run.version_id)
    const file = await idle.store.blobs.put(Buffer.from(FILES['make.py']))
    await idle.store.blobs.delete(file.digest)
    assert.deepEqual(await missing(idle, run), [`a file of the code (${file.digest})`])
    await idle.store.blobs.delete(tree)
    assert.match((await missing(idle, run)).at(-1) ?? '', /^the tree of the code \(/)
  })
  test('a store that cannot be asked is a fault, and nothing is called missing', async (t) => {
    const { idle, run } = await succeeded(t)
    const { tree } = await idle.context.spec((await idle.read(run)).run.version_id)
    const path = idle.store.blobs.path(tree) ?? ''
    await idle.store.blobs.delete(tree)
    mkdirSync(path)
    await assert.rejects(missing(idle, run), { code: 'EISDIR' })
  })

  test('a proof that cannot be made is D at once, and no run is made for it', async (t) => {
    const { idle, run } = await succeeded(t)
    await idle.setRun(run, { environment: null })
    const { id, proof } = await reproduceRun(idle.context, ANA, await idle.read(run), {
      tolerance: 0.5,
      dry_run: false,
    })
    assert.deepEqual([id, proof.grade, proof.tolerance, proof.missing.length], [null, 'D', 0.5, 1])
    assert.match(proof.detail, /^it cannot be run again: the lock/)
  })
  test('a dry run says that all is there, and makes none', async (t) => {
    const { idle, run } = await succeeded(t)
    const { id, proof } = await reproduceRun(idle.context, ANA, await idle.read(run), { tolerance: 0, dry_run: true })
    assert.deepEqual([id, proof.grade, proof.detail], [null, null, 'everything that a re-run needs is there'])
  })
  test('a proof takes params, environment and code of its run, and registers nothing', async (t) => {
    const { idle, run } = await succeeded(t)
    const { id } = await reproduceRun(idle.context, ANA, await idle.read(run), { tolerance: 0.25, dry_run: false })
    const [before, after] = [await idle.read(run), await requireRun(idle.context, ANA, id ?? '')]
    assert.equal(after.run.version_id, before.run.version_id)
    assert.equal(after.run.environment, LOCK.digest)
    assert.equal(after.run.trigger_kind, 'reproduce')
    const { reproduces, tolerance, register, deploy } = after.run.options
    assert.deepEqual([reproduces, tolerance, register, deploy], [run, 0.25, false, false])
    assert.equal(after.run.reproduction?.['grade'], null)
  })
  for (const [state, outcome, message] of [
    ['running', null, /has not ended; it can be proved when it has/],
    ['failed', 'failed', /ended as failed; only a run whose steps succeeded/],
    ['cancelled', 'cancelled', /ended as cancelled/],
  ] as const) {
    test(`a run that is ${state} cannot be proved`, async (t) => {
      const { idle, run } = await succeeded(t)
      await idle.setRun(run, { state, outcome })
      const tree = await idle.read(run)
      await assert.rejects(reproduceRun(idle.context, ANA, tree, { tolerance: 0, dry_run: true }), message)
    })
  }
})
