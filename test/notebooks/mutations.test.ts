/** The proof, put to the proof: wrong rewrites of packages, one at a time, are each found; and the packages themselves are not. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { proveAgain } from '../../src/notebook/package.ts'
import { testEnv } from '../python-env.ts'
import { FIXTURES, IMPORTS, notebookBench, PACKAGES, WITHOUT_MLFLOW, writeNotebook } from './notebooks.ts'

const bench = notebookBench()
after(bench.end)

type Mutation = readonly [what: string, module: string, from: string, to: string]

/** What `main` and `save` are put to: where MLflow is. */
const SAVED: Readonly<Record<string, readonly Mutation[]>> = {
  d12_serving: [
    ['a main that saves no model', 'train', 'save(predictor_of(state), state["X_test"], model)', 'pass'],
    [
      'a model that is saved for other columns',
      'train',
      'state["X_test"], model',
      'state["X_test"][["charge"]], model',
    ],
    [
      'a saved model that asks another way',
      'predict',
      'if column else model_input',
      'if column else model_input[::-1]',
    ],
    ['a saved model without its code', 'predict', 'if one.exists()]', 'if not one.exists()]'],
  ],
  d14_figures: [
    ['a main that gives back no numbers', 'train', 'return metrics_of(state)', 'return {}'],
    ['other numbers than those that judge', 'train', 'float(value) for', 'float(value) / 2 for'],
    ['a saved model that was not fitted', 'predict', 'whole = predictor.model', 'whole = type(predictor.model)()'],
    ['a saved model that is asked for something else', 'predict', '"predict"', '"predict_proba"'],
  ],
}

/** What shows in an environment without MLflow, where nothing is saved and a proof takes less time. */
const MUTATIONS: Readonly<Record<string, readonly Mutation[]>> = {
  d12_serving: [
    [
      'a factor in a shared function',
      'features',
      'out["charge"] / out["tenure"]',
      'out["charge"] / out["tenure"] * 1.0001',
    ],
    ['a column left out', 'features', 'X = df[["tenure", "charge"]]', 'X = df[["charge", "tenure"]]'],
    ['another seed of a split', 'features', 'random_state=7', 'random_state=8'],
    ['another size of a split', 'features', 'test_size=0.3', 'test_size=0.31'],
    ['a step left out', 'features', 'A = ratios(X_train)', 'A = X_train.assign(ratio=1.0)'],
    [
      'a transformer that has not learnt',
      'features',
      'A = scaler.fit_transform(A)',
      'A = scaler.fit(A[:50]).transform(A)',
    ],
    ['a setting of the model', 'train', 'LogisticRegression()', 'LogisticRegression(C=0.999)'],
    ['a fit on other rows', 'train', 'model.fit(A, y_train)', 'model.fit(A[1:], y_train[1:])'],
    ['a fit of another target', 'train', 'model.fit(A, y_train)', 'model.fit(A, 1 - y_train)'],
    ['a test table that is transformed anew', 'train', 'C = scaler.transform(B)', 'C = scaler.fit_transform(B)'],
    ['classes for probabilities', 'train', 'pred = model.predict_proba(C)', 'pred = model.predict(C)'],
    ['a message with other rows', 'train', 'pred[:3]', 'pred[:2]'],
    ['a step that is not called', 'train', 'pred = make_pred(X_test, scaler, model)', 'pred = None'],
    ['a main that saves nothing', 'train', 'save(predictor_of(state), state["X_test"], model)', 'pass'],
    ['serving without the shared function', 'predict', 'rows = ratios(rows)', 'rows = rows.assign(ratio=1.0)'],
    ['serving without a transformer', 'predict', 'rows = self.scaler.transform(rows)', 'rows = rows.to_numpy()'],
    ['serving by another method', 'predict', 'self.model.predict_proba(rows)', 'self.model.predict_log_proba(rows)'],
    [
      'serving that changes the last digits too much',
      'predict',
      'self.model.predict_proba(rows)',
      'self.model.predict_proba(rows) * (1 + 1e-7)',
    ],
    ['a module that cannot be imported', 'features', 'import pandas as pd', 'import pandas as pdd'],
  ],
  d04_globals: [
    ['a lifted parameter with another value', 'features', 'Bound(label, LIMIT=LIMIT', 'Bound(label, LIMIT=LIMIT - 10'],
    ['a constant of the settings', 'config', 'LIMIT: int = 60', 'LIMIT: int = 59'],
    [
      'a comparison the other way',
      'features',
      'charge > mean_charge * factor',
      'charge >= mean_charge * factor * 1.01',
    ],
    ['and for or', 'features', 'mean_charge=mean_charge) and row', 'mean_charge=mean_charge) or row'],
    [
      'a variable that is not lifted',
      'features',
      'is_dear(row["charge"], mean_charge=mean_charge)',
      'is_dear(row["charge"], mean_charge=0.0)',
    ],
    ['an average for a middle', 'features', 'df["charge"].mean()', 'df["charge"].median()'],
  ],
  d10_display: [
    ['a figure that is not drawn', 'features', "plt.plot(df['tenure'])", 'pass'],
    ['a title', 'features', "plt.title('charges')", "plt.title('charge')"],
    ['a message that is not sent', 'train', 'logger.info("%s %s", "accuracy", accuracy)', 'pass'],
    ['a shown value', 'train', 'logger.info("%r", accuracy_score(y_test, pred))', 'logger.info("%r", 1.0)'],
    ['answers in another order', 'train', 'pred = model.predict(X_test)', 'pred = model.predict(X_test)[::-1]'],
  ],
}

/** Values whose difference shows in a part that is easily left out of a comparison, and in nothing that the code prints. */
const HIDDEN = [
  `${IMPORTS}\nimport numpy as np\nfrom collections import defaultdict\ndf = pd.read_csv("churn.csv")`,
  'by_size = {np.int64(size): 1 for size in range(3)}\ngroups = defaultdict(list)',
  "sizes = pd.DataFrame({'size': pd.Categorical(['s', 'l'], categories=['s', 'l'], ordered=True)})",
  "wide = pd.DataFrame([[1]], index=pd.MultiIndex.from_tuples([(1, 'a')], names=['k', 'l']), columns=pd.Index(['x'], name='col'))",
  'holes = [None if at % 7 == 0 else at / 2 for at in range(300)]',
  "table = pd.DataFrame({'channel': ['web', float('nan')] * 12000, 'amount': range(24000)})\ntable['net'] = table['amount'] * 0.92",
  'records = [(at, at / 2) for at in range(15000)]',
  'X = df[["tenure", "charge"]]\nmodel = LogisticRegression().fit(X, df["churn"])\nmodel.predict(X)',
]
const HIDDEN_MUTATIONS: readonly Mutation[] = [
  ['keys of a dict that are no texts', 'features', 'np.int64(size)', 'np.int64(size + 100)'],
  ['what a dict makes of a key that it lacks', 'features', 'defaultdict(list)', 'defaultdict(set)'],
  ['categories without an order', 'features', 'ordered=True', 'ordered=False'],
  ['categories in another order', 'features', "categories=['s', 'l']", "categories=['l', 's']"],
  ['names of the levels of an index', 'features', "names=['k', 'l']", "names=['k', 'm']"],
  ['the name of the columns', 'features', "name='col'", "name='row'"],
  ['NaN for None in a long list', 'features', '[None if at', "[float('nan') if at"],
  ['a column behind a long one of texts with gaps', 'features', '* 0.92', '* 1.92'],
  ['the end of a long list', 'features', '(at, at / 2) for', '(at, at / 2 if at < 14000 else 0.0) for'],
]

/** A notebook whose saved model is a pipeline of scikit-learn, and takes an array. */
const SCALED = [
  `${IMPORTS}\nfrom sklearn.preprocessing import StandardScaler\ndf = pd.read_csv("churn.csv")`,
  'X = df[["tenure", "charge"]].to_numpy()\ny = df["churn"]',
  'scaler = StandardScaler()\nA = scaler.fit_transform(X)\nmodel = LogisticRegression().fit(A, y)\nmodel.predict(A)',
]

describe('the tests of a package', () => {
  it('fail where main saves nothing, or a model that answers something else', async () => {
    const made = await bench.run('d14_figures', '--no-proof')
    const python = await testEnv(PACKAGES)
    const faults = (module: string, from: string, to: string): Promise<string> => {
      const path = join(made.folder, 'src/d14_figures', `${module}.py`)
      const text = readFileSync(path, 'utf8')
      assert.ok(text.includes(from), from)
      writeFileSync(path, text.replace(from, to))
      return new Promise((resolve) => {
        execFile(python, ['-m', 'unittest', 'tests.test_saved'], { cwd: made.folder }, (_, __, said) => {
          writeFileSync(path, text)
          resolve([...said.matchAll(/^(?:FAIL|ERROR): (\w+)/gm)].map(([, name]) => name).join(' '))
        })
      })
    }
    assert.equal(await faults('train', 'import', 'import'), '')
    const [loaded, answers, numbers] = [
      'test_the_model_is_saved_and_can_be_loaded',
      'test_the_saved_model_answers_as_the_predictor',
      'test_main_gives_back_the_numbers_that_judge_the_model',
    ]
    const save = /save\(predictor_of.*\)/.exec(made.read('src/d14_figures/train.py'))?.[0] ?? 'no call of save'
    const alike = await faults('train', save, 'pass')
    assert.equal(alike, `${loaded} ${answers}`)
    assert.equal(await faults('predict', '"predict"', '"predict_proba"'), answers)
    assert.equal(await faults('train', 'return metrics_of(state)', 'return {}'), numbers)
  })
})

describe('the proof', () => {
  for (const [fixture, mutations] of Object.entries(MUTATIONS))
    it(`finds each of ${mutations.length} wrong rewrites of ${fixture}, and none in what was not touched`, () =>
      findsEach(fixture, join(FIXTURES, `${fixture}.ipynb`), mutations, WITHOUT_MLFLOW))

  for (const [fixture, mutations] of Object.entries(SAVED))
    it(`finds each of ${mutations.length} wrong ways to save ${fixture}`, () =>
      findsEach(fixture, join(FIXTURES, `${fixture}.ipynb`), mutations, PACKAGES))

  it('finds a step that is left out of the pipeline that is saved', () =>
    findsEach(
      'scaled',
      writeNotebook(bench.folder, 'scaled', SCALED),
      [['a saved model without its scaler', 'predict', '("scaler", predictor.scaler), ', '']],
      PACKAGES,
    ))

  it('finds what differs in parts of values that no line shows', () =>
    findsEach('hidden', writeNotebook(bench.folder, 'hidden', HIDDEN), HIDDEN_MUTATIONS, WITHOUT_MLFLOW))
})

async function findsEach(
  name: string,
  file: string,
  mutations: readonly Mutation[],
  packages: readonly string[],
): Promise<void> {
  const python = await testEnv(packages)
  const made = await bench.run(file, '--no-proof', '--python', python)
  assert.equal(made.code, 0, made.said)
  const folders = mutations.map(([, module, from, to], at) => {
    const copy = `${made.folder}-${at}`
    cpSync(made.folder, copy, { recursive: true })
    const path = join(copy, 'src', name, `${module}.py`)
    const text = readFileSync(path, 'utf8')
    assert.equal(text.split(from).length, 2, `${from} stands once in ${module}:\n${text}`)
    writeFileSync(
      path,
      text.replace(from, () => to),
    )
    return copy
  })
  const options = {
    file,
    out: undefined,
    python,
    data: [],
    order: 'auto' as const,
    model: undefined,
    proof: true,
    network: false,
    offline: true,
    limit: 60,
    sampleAbove: 0,
    say: () => undefined,
  }
  const [untouched, ...proofs] = await proveAgain(options, [made.folder, ...folders])
  assert.deepEqual([untouched?.verdict, untouched?.why], ['verified', ''])
  assert.equal(untouched?.saved.verdict, packages === PACKAGES ? 'verified' : 'not compared')
  const missed = mutations.filter((_, at) => proofs[at]?.verdict !== 'not verified').map(([what]) => what)
  assert.deepEqual(missed, [])
  for (const proof of proofs) assert.notEqual(proof.why, '')
}
