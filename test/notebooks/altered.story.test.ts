/** A model that later cells alter: what the notebook was answered is held against what is served, and the reason can be read. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { testEnv } from '../python-env.ts'
import { proved } from './expectations.ts'
import { IMPORTS, LOAD, notebookBench, WITHOUT_MLFLOW, writeNotebook, type Packaged } from './notebooks.ts'
import { findsEach } from './wrong-rewrites.ts'

const bench = notebookBench()
after(bench.end)
const call = promisify(execFile)

const START = `${IMPORTS}\n${LOAD}\nX = df[["tenure", "charge"]]\ny = df["churn"]`
const FIT = 'model = LogisticRegression().fit(X[:200], y[:200])'
const REFIT = 'model.fit(X[200:], 1 - y[200:])'

async function packaged(name: string, cells: readonly string[]): Promise<Packaged> {
  return bench.run(writeNotebook(bench.folder, name, cells), '--python', await testEnv(WITHOUT_MLFLOW))
}

/** What plain Python answers at the end otherwise than where the notebook asked: the number of rows. */
async function altered(cells: readonly string[]): Promise<number> {
  const ask = 'model.predict_proba(X)[:, 1].round(6).tolist()'
  const [first = '', ...rest] = cells
  const code = [
    first,
    `${rest[0]}\nbefore = ${ask}`,
    ...rest.slice(1),
    `print(sum(a != b for a, b in zip(before, ${ask})))`,
  ]
  const python = await testEnv(WITHOUT_MLFLOW)
  const { stdout } = await call(python, ['-c', code.join('\n')], { cwd: bench.folder })
  return Number(stdout.trim().split('\n').at(-1))
}

/** How later cells alter a model that cell 3 has asked, and what names them. */
const WAYS: readonly (readonly [name: string, later: readonly string[], by: string])[] = [
  ['refitted', ['print(1)', REFIT], 'cell 5'],
  ['rebound', ['model = LogisticRegression(C=1e-6).fit(X, 1 - y)'], 'cell 4'],
  ['attribute', ['model.coef_ = -model.coef_'], 'cell 4'],
  ['alias', ['def twist(one):\n    one.coef_ = -one.coef_\nother = [model]\ntwist(other[0])'], 'cell 4'],
  [
    'in_a_function',
    ['def again():\n    model.fit(X[200:], 1 - y[200:])', 'print(1)', 'again()', 'print(model.classes_)'],
    'cell 6',
  ],
  ['handed_on', ['def again(one):\n    one.fit(X[200:], 1 - y[200:])', 'again(model)'], 'cell 5'],
  [
    'behind_it',
    ['def again():\n    model.fit(X[200:], 1 - y[200:])\nprint(1)', 'list(map(lambda _: again(), [1]))'],
    'cell 5',
  ],
]

const SCALED = `${START}\nfrom sklearn.preprocessing import StandardScaler\nsc = StandardScaler()\nXs = sc.fit_transform(X)`

/** How later cells alter the scaler before a model, and the cell that does. */
const SCALERS: readonly (readonly [name: string, later: readonly string[], by: string])[] = [
  ['fitted_anew', ['print(1)', 'sc.fit(X[:20] * 3)'], 'cell 5'],
  ['by_a_function', ['def other(one):\n    one.mean_ = one.mean_ * 0', 'print(1)', 'other(sc)'], 'cell 6'],
  ['fitted_for_others', ['Z = sc.fit_transform(X[:20] * 3)'], 'cell 4'],
]

describe('a model that later cells alter', { concurrency: 2 }, () => {
  for (const [name, later, by] of WAYS)
    it(`is not verified by the answers of before, and the reason names both cells: ${name}`, async () => {
      const cells = [START, FIT, 'p = model.predict_proba(X)[:, 1]\nprint(p.sum())', ...later]
      const made = await packaged(name, cells)
      assert.ok((await altered(cells)) > 0)
      const { proof } = made.report()
      assert.deepEqual([made.code, proof.verdict, proof.predictions], [1, 'not verified', 'not verified'])
      assert.deepEqual(proof.asked, { cell: 3, by: 'notebook' })
      assert.ok(
        proof.why.startsWith(
          `cell 3 asked the model, and ${by} altered it: predict.py answers by the model as it is at the end, otherwise than cell 3 was answered (predictions: `,
        ),
        proof.why,
      )
      assert.ok(
        proof.cells.every(({ verdict }) => verdict !== 'not verified'),
        'each step computes what its cell did',
      )
      assert.match(made.read('report.html'), /not verified, by the answers of cell 3/)
    })

  for (const [name, later, by] of SCALERS)
    it(`is told with the cell where a scaler before it is altered: ${name}`, async () => {
      const cells = [SCALED, 'model = LogisticRegression().fit(Xs, y)', 'p = model.predict_proba(sc.transform(X))']
      const made = await packaged(name, [...cells, ...later])
      const { verdict, why } = made.report().proof
      assert.equal(verdict, 'not verified')
      assert.ok(
        why.startsWith(
          `cell 3 asked the model, and ${by} altered sc, which stands before it: predict.py answers by the model as it is at the end, otherwise than cell 3 was answered (predictions: `,
        ),
        why,
      )
    })

  it('is not verified where the notebook only had it judged', async () => {
    const made = await packaged('judged', [START, FIT, 'rate = model.score(X, y)', REFIT])
    const { why, asked } = made.report().proof
    assert.deepEqual([made.code, asked], [1, { cell: 3, by: 'proof' }])
    assert.match(
      why,
      /^cell 3 asked the model, and cell 4 altered it: the one that is served is not the one that cell 3 judged; ask it again behind cell 4/,
    )
  })

  it('is verified where it is asked again behind that, or fitted again to the same: command and page say by which cell', async () => {
    const again = await packaged('again', [START, FIT, 'p = model.predict(X)', REFIT, 'p = model.predict(X)'])
    proved(again)
    assert.deepEqual(again.report().proof.asked, { cell: 5, by: 'notebook' })
    assert.match(again.out, /^\d of 5 cells verified, predictions verified, by the answers of cell 5$/m)
    assert.match(again.read('report.html'), /verified, by the answers of cell 5/)
    proved(await packaged('same', [START, FIT, 'p = model.predict(X)', FIT]))
    const dice =
      'class Dice(LogisticRegression):\n    def predict(self, X):\n        return super().predict(X) + np.random.normal(size=len(X))'
    const chance = await packaged('chance', [
      START,
      `${dice}\nmodel = Dice().fit(X, y)`,
      'np.random.seed(3)\np = model.predict(X)',
    ])
    proved(chance)
    assert.deepEqual(chance.report().proof.asked, { cell: 3, by: 'proof' })
    proved(await packaged('judged_only', [START, FIT, 'rate = model.score(X, y)']))
  })

  it('is found in packages: each wrong model that is served, also one that answers as the notebook was answered before', () =>
    findsEach(bench, {
      name: 'served',
      cells: [START, FIT, 'p = model.predict(X)', REFIT, 'q = model.predict(X)'],
      mutations: [
        ['a model of before', 'train', 'model.fit(X[200:], 1 - y[200:])', 'pass'],
        ['answers of before', 'predict', 'return self.model.predict(rows)', 'return 1 - self.model.predict(rows)'],
      ],
      packages: WITHOUT_MLFLOW,
    }))
})
