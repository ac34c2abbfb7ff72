/** A `save` that writes another estimator, which answers the notebook's rows alike: each is found by what the saved model answers by. */
import { after, describe, it } from 'node:test'
import { IMPORTS, LOAD, notebookBench, PACKAGES } from './notebooks.ts'
import { findsEach } from './wrong-rewrites.ts'

const bench = notebookBench()
after(bench.end)

/** Its labels stay what they are without the first of its trees, as plain scikit-learn says. */
const FOREST = [
  `${IMPORTS}
from sklearn.ensemble import RandomForestClassifier
${LOAD}
X = df[["tenure", "charge"]]
y = df["churn"]`,
  'model = RandomForestClassifier(n_estimators=41, max_depth=2, random_state=0).fit(X, y)\nmodel.predict(X)',
]

const WHOLE = '        whole = predictor.model\n'
const altered = (line: string): string =>
  `        import copy\n\n        whole = copy.deepcopy(predictor.model)\n        ${line}\n`

const ATTACH = '    attach(model, config)\n'
const before = (...lines: readonly string[]): string => `${lines.map((line) => `    ${line}\n`).join('')}${ATTACH}`

describe('the proof of what is saved', () => {
  it('finds an estimator that answers alike and is not the one that was trained', () =>
    findsEach(bench, {
      name: 'forest',
      cells: FOREST,
      mutations: [
        ['a tree less', 'predict', WHOLE, altered('whole.estimators_.pop(0)')],
        [
          'another class',
          'predict',
          WHOLE,
          altered('from sklearn.ensemble import ExtraTreesClassifier\n        whole.__class__ = ExtraTreesClassifier'),
        ],
        [
          'another file in its place, when it was saved',
          'train',
          ATTACH,
          before(
            'import pickle',
            'one = pickle.loads((model / "model.pkl").read_bytes()).set_params(min_samples_leaf=7)',
            '(model / "model.pkl").write_bytes(pickle.dumps(one))',
          ),
        ],
        [
          'another model for scikit-learn than for MLflow',
          'train',
          ATTACH,
          before(
            'import shutil',
            'shutil.copy(model / "model.pkl", model / "other.pkl")',
            'text = (model / "MLmodel").read_text()',
            '(model / "MLmodel").write_text(text.replace("pickled_model: model.pkl", "pickled_model: other.pkl"))',
          ),
        ],
        ['a module of its own', 'train', ATTACH, before('(model / "code/hook.py").write_text("LIMIT = 1")')],
      ],
      packages: PACKAGES,
      why: /^the saved model(?: is not the one that was trained: |: MLmodel names |: it brings )/,
    }))
})
