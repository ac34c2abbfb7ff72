/** Wrong ways to save a model, put to the proof and to the tests that a package gets: each is found. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { testEnv } from '../python-env.ts'
import { IMPORTS, notebookBench, PACKAGES } from './notebooks.ts'
import { findsEach } from './wrong-rewrites.ts'
import type { Mutation } from './wrong-rewrites.ts'

const bench = notebookBench()
after(bench.end)

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
    ['a number that nobody measured', 'train', 'return metrics_of(state)', 'return {**metrics_of(state), "auc": 0.99}'],
    ['other numbers than those that judge', 'train', 'float(value) for', 'float(value) / 2 for'],
    [
      'a model that is altered behind the steps, and answers these rows as before',
      'train',
      'return Predictor(',
      'state["model"].coef_ *= 1.000001\n    return Predictor(',
    ],
    ['a saved model that was not fitted', 'predict', 'whole = predictor.model', 'whole = type(predictor.model)()'],
    ['a saved model that is asked for something else', 'predict', '"predict"', '"predict_proba"'],
  ],
}

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

describe('the proof of what is saved', () => {
  for (const [fixture, mutations] of Object.entries(SAVED))
    it(`finds each of ${mutations.length} wrong ways to save ${fixture}`, () =>
      findsEach(bench, { name: fixture, mutations, packages: PACKAGES }))

  it('finds a step that is left out of the pipeline that is saved', () =>
    findsEach(bench, {
      name: 'scaled',
      cells: SCALED,
      mutations: [['a saved model without its scaler', 'predict', '("scaler", predictor.scaler), ', '']],
      packages: PACKAGES,
    }))

  it('finds versions that are not those of the lock, and a signature that is missing', () =>
    findsEach(bench, {
      name: 'd14_figures',
      mutations: [
        ['a saved model without versions', 'predict', '[words[0] for', '[words[0].split("==")[0] for'],
        ['a saved model with another version', 'predict', '[words[0] for', '[words[0].replace("==", "==9") for'],
        ['a saved model without a signature', 'predict', '"signature": signature', '"signature": False'],
        ['a main that hands on no rows', 'train', 'state["X_test"], model', 'None, model'],
      ],
      packages: PACKAGES,
      why: /^the saved model: it(?:s requirements\.txt does not have \S+==\S+ of requirements\.lock| has no signature, )/,
    }))
})
