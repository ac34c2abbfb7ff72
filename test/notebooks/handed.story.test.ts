/** Functions of a notebook that read its variables and are handed on as values: they stay what they were for whoever gets them. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { found, proved } from './expectations.ts'
import { IMPORTS, LOAD, notebookBench, writeNotebook } from './notebooks.ts'

const bench = notebookBench()
after(bench.end)

const NEEDS = `${IMPORTS}
import copy, inspect, pickle
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.metrics import make_scorer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer`

const FUNCTIONS = `def scaled(part, power=1):
    """Parts of the mean."""
    return (part / mean) ** power

def middle(column):
    return column.mean() / mean

def share(y, found):
    return float((y == found).mean()) / mean

class Card:
    grow = scaled

    def __init__(self, size):
        self.size = size

    def __truediv__(self, other):
        return self.size / other`

const USES = `again = pickle.loads(pickle.dumps(scaled))
print(scaled.__name__, again.__qualname__, scaled.__doc__, callable(again), again(mean))
print([str(one) for one in inspect.signature(scaled).parameters], inspect.signature(scaled).parameters["power"].default)
print({scaled: 1}[scaled], scaled == scaled, scaled in [middle, scaled], copy.deepcopy(scaled)(mean))
print(list(df[["charge"]].agg([middle]).index), sorted([1, 3, 2], key=scaled), list(map(scaled, [mean])))
print(make_scorer(share), Card(mean).grow(), FunctionTransformer(scaled))
keep = clone(FunctionTransformer(scaled, kw_args={"power": 2}))
twice = pd.DataFrame({"part": keep.fit_transform(df[["charge"]])["charge"].apply(scaled, power=2)})`

describe('a function that is handed on', { concurrency: 2 }, () => {
  it('keeps its name, text, signature and equality; is pickled, copied, cloned and a method of a class; and is saved', async () => {
    const path = writeNotebook(bench.folder, 'handed', [
      NEEDS,
      `${LOAD}\nmean = df["charge"].mean()`,
      FUNCTIONS,
      USES,
      `X = df[["tenure", "charge"]]\npipe = make_pipeline(FunctionTransformer(scaled), LogisticRegression())\npipe.fit(X, df["churn"])\npred = pipe.predict(X)\npipe`,
    ])
    const made = await bench.run(path)
    proved(made)
    assert.match(made.read('src/handed/features.py'), /sorted\(\[1, 3, 2\], key=Bound\(scaled, mean=mean\)\)/)
    assert.deepEqual(made.report().proof.saved, { verdict: 'verified', why: '' })
    // what of the model was not compared is named: in the report, in its page and in what the command says
    const said = made.report().cells.flatMap(({ skipped }) => skipped)
    const wanted = /^pipe\.state\.'steps'\[0\]\[1\]\.state\.'func': the function scaled of the notebook$/
    assert.ok(
      said.some((one) => wanted.test(one)),
      JSON.stringify(said),
    )
    assert.match(made.out, /^Not compared: cell 5: pipe\..*: the function scaled of the notebook$/m)
    assert.match(made.read('report.html'), /not compared: pipe\..*: the function scaled of the notebook/)
  })

  it('is called verified of no value that its variable gets later, and the report says so', async () => {
    const path = writeNotebook(bench.folder, 'later', [
      NEEDS,
      `${LOAD}\nmean = df["charge"].mean()`,
      'def scaled(part):\n    return part / mean\n\npipe = make_pipeline(FunctionTransformer(scaled), LogisticRegression())',
      'mean = 2.0',
      'X = df[["tenure", "charge"]]\npipe.fit(X, df["churn"])\npred = pipe.predict_proba(X)',
    ])
    const made = await bench.run(path)
    assert.equal(made.code, 1)
    assert.match(made.report().proof.why, /^cell 5: /)
    found(made, 'D4', 3, /reads mean when it is called, and cell 4 binds mean anew/)
  })
})

describe('what runs inside of a model', () => {
  it('is named where it is not compared: lambdas, attributes and classes of the notebook, functions in long lists', async () => {
    const path = writeNotebook(bench.folder, 'inside', [
      `${NEEDS}\n${LOAD}`,
      `class Picks(BaseEstimator, TransformerMixin):
    def __init__(self, how=None):
        self.how = how

    def fit(self, X, y=None):
        self.made_ = lambda part: part
        return self

    def transform(self, X):
        return self.how(X)`,
      'steps = [(at, np.log if at < 25000 else (lambda part: part)) for at in range(30000)]',
      'X = df[["tenure", "charge"]]\npipe = make_pipeline(Picks(lambda part: part + 1), LogisticRegression())\npipe.fit(X, df["churn"])\npred = pipe.predict(X)',
    ])
    const made = await bench.run(path)
    proved(made)
    const said = made.report().cells.flatMap(({ cell, skipped }) => skipped.map((one) => `${cell} ${one}`))
    for (const wanted of [
      /^4 pipe\..*'how': the function <lambda> of the notebook$/,
      /^4 pipe\..*'made_': the function <lambda> of the notebook$/,
      /^4 pipe\..*class: the class Picks of the notebook$/,
      /^3 steps.*functions, or what only shows$/,
    ])
      assert.ok(
        said.some((one) => wanted.test(one)),
        `${wanted}: ${JSON.stringify(said)}`,
      )
  })
})
