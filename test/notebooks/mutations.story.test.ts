/** The proof, put to the proof: wrong rewrites of packages, one at a time, are each found; and the packages themselves are not. */
import { after, describe, it } from 'node:test'
import { IMPORTS, notebookBench, WITHOUT_MLFLOW } from './notebooks.ts'
import { findsEach } from './wrong-rewrites.ts'
import type { Mutation } from './wrong-rewrites.ts'

const bench = notebookBench()
after(bench.end)

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
    ['a constant of the settings', 'slipway.yaml', 'LIMIT: 60', 'LIMIT: 59'],
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

describe('the proof', () => {
  for (const [fixture, mutations] of Object.entries(MUTATIONS))
    it(`finds each of ${mutations.length} wrong rewrites of ${fixture}, and none in what was not touched`, () =>
      findsEach(bench, {
        name: fixture,
        mutations,
        packages: WITHOUT_MLFLOW,
      }))

  it('finds what differs in parts of values that no line shows', () =>
    findsEach(bench, {
      name: 'hidden',
      cells: HIDDEN,
      mutations: HIDDEN_MUTATIONS,
      packages: WITHOUT_MLFLOW,
    }))
})
