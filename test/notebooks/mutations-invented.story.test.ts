/** What no row of the notebook reaches is found by made-up rows: a value that is missing, beyond the range of its column, or of an unknown category. */
import { after, describe, it } from 'node:test'
import { IMPORTS, LOAD, notebookBench, PACKAGES, WITHOUT_MLFLOW } from './notebooks.ts'
import { findsEach } from './wrong-rewrites.ts'

const bench = notebookBench()
after(bench.end)

/** No row lacks a value, and all plans are known. */
const START = `${IMPORTS}
from sklearn.impute import SimpleImputer
${LOAD}
assert not df.isna().any().any()
X = df[["tenure", "charge", "plan"]]
y = df["churn"]`
const CLEAN = `def clean(part, fill=0):
    out = part[["tenure", "charge"]].fillna(fill)
    return out.assign(charge=out["charge"].clip(-1e9, 1e9), family=part["plan"].eq("family").astype(int))`
const CLEANED = [START, CLEAN, 'model = LogisticRegression().fit(clean(X), y)', 'p = model.predict_proba(clean(X))']
const IMPUTED = [
  START,
  'X = X[["tenure", "charge"]]\nimputer = SimpleImputer().fit(X)\nmodel = LogisticRegression().fit(imputer.transform(X), y)',
  'p = model.predict(imputer.transform(X))',
]

const ASKED = 'return self.model.predict_proba(rows)'
const MADE_UP =
  /^row \d+ with (?:tenure|charge|plan) (?:missing|below its range|above its range|of an unknown category): /

describe('made-up rows', { concurrency: 2 }, () => {
  it('find what only a value reaches that the notebook does not have', () =>
    findsEach(bench, {
      name: 'cleaned',
      cells: CLEANED,
      mutations: [
        ['a default that only a missing value reaches', 'features', 'fill: Any=0', 'fill: Any=5'],
        ['a limit below what the notebook has', 'features', 'clip(-1e9, 1e9)', 'clip(0, 1e9)'],
        ['a limit above what the notebook has', 'features', 'clip(-1e9, 1e9)', 'clip(-1e9, 150)'],
        [
          'a refusal of its own',
          'predict',
          ASKED,
          `assert not rows.isna().any().any()\n        assert (rows["tenure"] >= 0).all()\n        ${ASKED}`,
        ],
        [
          'an unknown text for a known one',
          'features',
          '.eq("family")',
          '.isin(["family", "unknown to the notebook"])',
        ],
      ],
      packages: WITHOUT_MLFLOW,
      why: MADE_UP,
    }))

  it('find an imputer that predict.py leaves out, for all rows or for single ones', () =>
    findsEach(bench, {
      name: 'imputed',
      cells: IMPUTED,
      mutations: [
        ['no imputer', 'predict', 'rows = self.imputer.transform(rows)', 'rows = rows.to_numpy()'],
        [
          'an imputer for whole tables',
          'predict',
          'rows = self.imputer.transform(rows)',
          'rows = self.imputer.transform(rows) if len(rows) > 1 else rows.to_numpy()',
        ],
      ],
      packages: PACKAGES,
      why: MADE_UP,
    }))
})
