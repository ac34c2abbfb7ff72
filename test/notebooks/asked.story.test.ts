/** Rows that a notebook asks its model with, however it writes them: predict.py and the saved model are asked with them, or the verdict says not. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { isWhole } from '../../src/contract/packages/proof.ts'
import { proved } from './expectations.ts'
import { IMPORTS, LOAD, notebookBench, PACKAGES, writeNotebook, type Packaged } from './notebooks.ts'
import { findsEach, type Mutation } from './wrong-rewrites.ts'

const bench = notebookBench()
after(bench.end)

const NEEDS = `${IMPORTS}\nfrom sklearn.preprocessing import StandardScaler\n${LOAD}\ncols = ["tenure", "charge"]\ny = df["churn"]`
const FITTED = `${NEEDS}\nsc = StandardScaler()\nXs = sc.fit_transform(df[cols][:200])\nmodel = LogisticRegression()\nmodel.fit(Xs, y[:200])`
const BARE = `${NEEDS}\nmodel = LogisticRegression().fit(df[cols].to_numpy(), y)`

/** How a notebook asks, the rest of it, and what predict.py then has to do to rows. */
const WAYS: readonly (readonly [name: string, cells: readonly string[], mutations: readonly Mutation[]])[] = [
  [
    'through_scaler',
    [FITTED, 'p = model.predict(sc.transform(df[cols][200:]))'],
    [
      ['a predictor without its scaler', 'predict', 'rows = self.sc.transform(rows)', 'pass'],
      ['a saved model without its scaler', 'predict', '("sc", predictor.sc), ', ''],
      ['rows of another part', 'train', 'asked := df[cols][200:]', 'asked := df[cols][100:]'],
      ['a model that is saved by other rows', 'train', 'state["asked"]', 'state["asked"][:10]'],
    ],
  ],
  [
    'of_columns',
    [`${NEEDS}\nmodel = LogisticRegression().fit(df[cols], y)`, 'p = model.predict_proba(df[cols])[:, 1]'],
    [
      [
        'columns in another order',
        'predict',
        'self.model.predict_proba(rows)',
        'self.model.predict_proba(rows[rows.columns[::-1]])',
      ],
      ['another method', 'predict', 'return self.model.predict_proba(rows)', 'return self.model.predict(rows)'],
      [
        'a saved model that is asked for something else',
        'predict',
        'pyfunc_predict_fn="predict_proba"',
        'pyfunc_predict_fn="predict"',
      ],
    ],
  ],
  [
    'of_a_function',
    [
      `${FITTED}\ndef load():\n    return pd.read_csv("churn.csv")[cols][:50]\ndef clean(part):\n    return part.fillna(0) + 1`,
      'print(model.predict_proba(sc.transform(clean(load()))).sum())',
    ],
    [
      ['a predictor without the function', 'predict', 'rows = clean(rows)', 'pass'],
      ['a predictor without its scaler', 'predict', 'rows = self.sc.transform(rows)', 'rows = rows.to_numpy()'],
    ],
  ],
  [
    'changed_later',
    [
      `${NEEDS}\nX = df[cols].copy()\nmodel = LogisticRegression().fit(X, y)`,
      'def mark(table):\n    table["flag"] = 1\nX["answer"] = model.predict(X)\nmark(X)',
    ],
    [
      ['rows as they are at the end', 'train', 'asked = kept_rows(X)', 'asked = X'],
      [
        'answers to rows in another order',
        'predict',
        'return self.model.predict(rows)',
        'return self.model.predict(rows)[::-1]',
      ],
    ],
  ],
]

describe('the rows that a model is asked with', () => {
  for (const [name, cells, mutations] of WAYS)
    it(`are those of the notebook, and each of ${mutations.length} wrong rewrites is found: ${name}`, () =>
      findsEach(bench, { name, cells: cells, mutations, packages: PACKAGES }))
})

/** The verdict, what became of the predictions and of the saved model. */
async function verdictOf(name: string, cells: readonly string[]): Promise<[Packaged, string, string, string]> {
  const made = await bench.run(writeNotebook(bench.folder, name, cells))
  assert.equal(made.code, isWhole(made.report().proof.verdict) ? 0 : 1, made.out + made.said)
  const { proof } = made.report()
  return [made, proof.verdict, proof.predictions, proof.saved.verdict]
}

describe('rows that no name leads to', { concurrency: 2 }, () => {
  it('are taken where the model is asked in a function or a loop', async () => {
    const cells = [
      BARE,
      'def judge(one, part):\n    return (one.predict(part) == y).mean()\nfor other in [model]:\n    rate = judge(other, df[cols].to_numpy())',
    ]
    const [, ...found] = await verdictOf('in_function', cells)
    assert.deepEqual(found, ['verified', 'verified', 'verified'])
  })

  it('are a function behind which nobody knows them where a scaler stands before the model: the verdict says so', async () => {
    const cells = [
      FITTED,
      'def judge(part):\n    return model.predict(sc.transform(part)).mean()\nrate = judge(df[cols])',
    ]
    const [made, ...found] = await verdictOf('behind_scaler', cells)
    assert.deepEqual(found, ['predictions not compared, the rest verified', 'not compared', 'not compared'])
    assert.match(made.out, /^Proof: predictions not compared, the rest verified$/m)
    assert.match(made.out, /^Nobody compared what predict\.py answers/m)
    assert.match(made.read('report.html'), /<b>Predictions not compared\.<\/b>/)
    assert.doesNotMatch(made.read('report.html'), /class="verdict good"/)
  })

  it('are those that it was judged by, or has learnt from, where it is asked for nothing', async () => {
    proved(
      (
        await verdictOf('judged', [
          `${NEEDS}\nmodel = LogisticRegression().fit(df[cols][:200], y[:200])`,
          'rate = model.score(df[cols][200:], y[200:])',
        ])
      )[0],
    )
    proved((await verdictOf('learnt', [FITTED]))[0])
  })

  it('are none where a model is asked without rows, as one of statsmodels is: the verdict says so', async () => {
    const own =
      'class Own(LogisticRegression):\n    def predict(self, X=None):\n        return super().predict(df[cols] if X is None else X)'
    const cells = [`${NEEDS}\n${own}\nmodel = Own().fit(df[cols], y)`, 'p = model.predict()']
    const [, verdict, predictions] = await verdictOf('no_rows', cells)
    assert.deepEqual([verdict, predictions], ['predictions not compared, the rest verified', 'not compared'])
  })

  it('are lists of Python, too', async () => {
    proved((await verdictOf('lists', [BARE, 'p = model.predict([[5, 20.0], [60, 90.5]])']))[0])
  })

  it('are those of before a function changed their frame, which nothing in the code tells', async () => {
    const cells = [
      `${NEEDS}\nX = df[cols].copy()\nmodel = LogisticRegression().fit(X, y)`,
      'def mark(table):\n    table["flag"] = 1\np = model.predict(X)\nmark(X)',
    ]
    const [made] = await verdictOf('marked', cells)
    proved(made)
    assert.match(made.read('src/marked/train.py'), /^ {4}asked = kept_rows\(X\)\n {4}p = model\.predict\(X\)$/m)
  })
})
