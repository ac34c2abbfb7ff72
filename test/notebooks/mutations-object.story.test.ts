/** Saved pipelines, and objects that ask the model: their parts are those that were trained, and else it is told that only answers were compared. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { IMPORTS, LOAD, notebookBench, PACKAGES } from './notebooks.ts'
import { findsEach } from './wrong-rewrites.ts'

const bench = notebookBench()
after(bench.end)

const START = `${IMPORTS}
from sklearn.preprocessing import StandardScaler
${LOAD}
X = df[["tenure", "charge"]]
y = df["churn"]`
const OTHER = /^the saved model is not the one that was trained: /

const SCALED = [
  START,
  'scaler = StandardScaler()\nmodel = LogisticRegression().fit(scaler.fit_transform(X), y)\nmodel.predict(scaler.transform(X))',
]
/** Saved as an object of Python, for a function stands before it. */
const CLEANED = [
  START,
  'def clean(part):\n    return part.fillna(0)\n\nmodel = LogisticRegression().fit(clean(X), y)\npred = model.predict(clean(X))',
]

const PIPELINE = '("model", predictor.model)])\n'
const CLASS = '    class Answers('

describe('the proof of what is saved', { concurrency: 2 }, () => {
  it('finds a step of a pipeline that was altered', () =>
    findsEach(bench, {
      name: 'scaled',
      cells: SCALED,
      mutations: [
        [
          'another mean of the scaler',
          'predict',
          PIPELINE,
          `${PIPELINE}        import copy\n\n        whole = copy.deepcopy(whole)\n        whole.steps[0][1].mean_ *= 1.0001\n`,
        ],
      ],
      packages: PACKAGES,
      why: OTHER,
    }))

  it('finds an object that asks another model, and tells of one of its own kind that it is known by its answers alone', async () => {
    await findsEach(bench, {
      name: 'cleaned',
      cells: CLEANED,
      mutations: [
        [
          'other coefficients',
          'predict',
          CLASS,
          `    import copy\n\n    predictor = copy.deepcopy(predictor)\n    predictor.model.coef_ *= 1.0001\n${CLASS}`,
        ],
      ],
      packages: PACKAGES,
      why: OTHER,
    })
    const file = join(bench.folder, 'cleaned.ipynb')
    const made = await bench.run(file, '--no-proof')
    const path = join(made.folder, 'src/cleaned/predict.py')
    const text = readFileSync(path, 'utf8')
    const from = 'return predict(predictor, model_input.iloc[:, 0] if column else model_input)'
    assert.ok(text.includes(from), text)
    writeFileSync(path, text.replace(from, 'return predictor.predict(model_input)'))
    const again = await bench.run(file, '--prove', made.folder)
    const why = 'by its answers alone, for the object that was saved asks otherwise than by predict of the package'
    assert.match(again.out, /^Proof: verified$/m)
    assert.ok(again.out.includes(`Saved model: verified: ${why}\n`), again.out)
    assert.ok(made.read('report.html').includes(why))
  })
})
