/** What `predict.py` keeps between calls is found by the same rows once more, and in its modules and model before any answer differs. */
import { after, describe, it } from 'node:test'
import { IMPORTS, LOAD, notebookBench, WITHOUT_MLFLOW } from './notebooks.ts'
import { findsEach } from './wrong-rewrites.ts'

const bench = notebookBench()
after(bench.end)

const CELLS = [
  `${IMPORTS}
from sklearn.preprocessing import StandardScaler
${LOAD}
X = df[["tenure", "charge"]]
y = df["churn"]`,
  'scaler = StandardScaler().fit(X)\nmodel = LogisticRegression().fit(scaler.transform(X), y)',
  'p = model.predict_proba(scaler.transform(X))',
]
const ASKED = 'return self.model.predict_proba(rows)'
const KEPT =
  /(?:predict\.py, asked once more,|^(?:predictor\.|kept\.predict\.).* is another after predict\.py has answered)/

describe('what predict.py keeps between calls', { concurrency: 2 }, () => {
  it('is found, by other answers or before there are any', () =>
    findsEach(bench, {
      name: 'kept',
      cells: CELLS,
      mutations: [
        [
          'another answer the second time',
          'predict',
          ASKED,
          `seen = self.__dict__.setdefault("seen", {})\n        key = rows.tobytes()\n        seen[key] = seen.get(key, 0) + 1\n        return self.model.predict_proba(rows) * (1 if seen[key] < 2 else 0.5)`,
        ],
        [
          'a model that changes as it answers',
          'predict',
          ASKED,
          `answer = self.model.predict_proba(rows)\n        self.model.intercept_ = self.model.intercept_ + 1e-14\n        return answer`,
        ],
        [
          'a count in the module',
          'predict',
          ASKED,
          `global COUNT\n        COUNT = globals().get("COUNT", 0) + 1\n        return self.model.predict_proba(rows) + (COUNT > 5000)`,
        ],
        [
          'a list in a default',
          'predict',
          'def predict(predictor: Predictor, rows: Any) -> Any:',
          'def predict(predictor: Predictor, rows: Any, seen: list = []) -> Any:\n    seen.append(len(rows))',
        ],
        [
          'a count in a class',
          'predict',
          ASKED,
          `type(self).count = getattr(type(self), "count", 0) + 1\n        ${ASKED}`,
        ],
      ],
      packages: WITHOUT_MLFLOW,
      why: KEPT,
    }))
})
