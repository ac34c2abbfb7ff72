/** Rows one by one, in another order and more than once: a package that answers them otherwise than the notebook's own model is found; what depends on the batch is told. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { testEnv } from '../python-env.ts'
import { alike, proved } from './expectations.ts'
import { IMPORTS, LOAD, notebookBench, PACKAGES, WITHOUT_MLFLOW, writeNotebook, type Packaged } from './notebooks.ts'
import { findsEach } from './wrong-rewrites.ts'

const bench = notebookBench()
after(bench.end)
const call = promisify(execFile)

const START = `${IMPORTS}\n${LOAD}\nX = df[["tenure", "charge"]].astype(float)\nX.iloc[17, 0] = np.nan\ny = df["churn"]`
const CLEAN = 'def clean(part):\n    return part.fillna(5.0)'
const FIT = 'model = LogisticRegression().fit(clean(X), y)'
const ASK = 'p = model.predict_proba(clean(X))'
const CELLS = [START, CLEAN, FIT, ASK]

const packaged = async (name: string, cells: readonly string[], ...words: readonly string[]): Promise<Packaged> =>
  bench.run(writeNotebook(bench.folder, name, cells), '--python', await testEnv(WITHOUT_MLFLOW), ...words)

/** No two rows are equal. */
const DISTINCT = `${IMPORTS}\n${LOAD}\nX = df[["tenure", "charge"]].drop_duplicates()\ny = df.loc[X.index, "churn"]`
const ASKED = 'return self.model.predict(rows)'

/** What plain Python answers, as Python writes it. */
async function plain(cells: readonly string[], ask: string): Promise<string> {
  const code = [...cells, `print(repr(${ask}))`].join('\n')
  const { stdout } = await call(await testEnv(WITHOUT_MLFLOW), ['-c', code], { cwd: bench.folder })
  return stdout.trim().split('\n').at(-1) ?? ''
}

describe('rows that are asked one by one', { concurrency: 2 }, () => {
  it('are answered by the package as by the notebook: what answers only the batch alike is found', () =>
    findsEach(bench, {
      name: 'alone',
      cells: CELLS,
      mutations: [
        [
          'single rows otherwise',
          'predict',
          'return self.model.predict_proba(rows)',
          'return self.model.predict_proba(rows) if len(rows) > 1 else 1 - self.model.predict_proba(rows)',
        ],
        [
          'small batches otherwise',
          'predict',
          'return self.model.predict_proba(rows)',
          'return self.model.predict_proba(rows) if len(rows) != 2 else 1 - self.model.predict_proba(rows)',
        ],
        [
          'no answer to a single row',
          'predict',
          'return self.model.predict_proba(rows)',
          'return self.model.predict_proba(rows.iloc[: len(rows) if rows.iloc[1].any() else 0])',
        ],
        [
          'a gap that is filled otherwise where nothing else is asked',
          'features',
          'part.fillna(5.0)',
          'part.fillna(5.0 if part["tenure"].count() > 0 else 90.0)',
        ],
        [
          'answers in the order of the index',
          'predict',
          'return self.model.predict_proba(rows)',
          'return self.model.predict_proba(rows.sort_index())',
        ],
        [
          'answers that are remembered by their number',
          'predict',
          'return self.model.predict_proba(rows)',
          'return self.__dict__.setdefault(len(rows), self.model.predict_proba(rows))',
        ],
      ],
      packages: WITHOUT_MLFLOW,
    }))

  it('are answered by the saved model, too', () =>
    findsEach(bench, {
      name: 'saved_alone',
      cells: CELLS,
      mutations: [
        [
          'a saved model that answers single rows otherwise',
          'predict',
          'return predict(predictor, model_input.iloc[:, 0] if column else model_input)',
          'return predict(predictor, model_input if len(model_input) > 1 else model_input * 0)',
        ],
      ],
      packages: PACKAGES,
    }))

  it('are named with both answers, which are those of plain Python', async () => {
    const made = await packaged('named', CELLS, '--no-proof')
    const path = join(made.folder, 'src/named/predict.py')
    const wrong = 'return self.model.predict_proba(rows) if len(rows) > 1 else 1 - self.model.predict_proba(rows)'
    writeFileSync(path, readFileSync(path, 'utf8').replace('return self.model.predict_proba(rows)', wrong))
    const again = await packaged('named', CELLS, '--prove', made.folder)
    const right = await plain(CELLS, 'model.predict_proba(clean(X[:1]))[0].tolist()')
    const turned = await plain(CELLS, '(1 - model.predict_proba(clean(X[:1])))[0].tolist()')
    assert.equal(again.code, 1)
    alike(
      again.out.split('\n')[0] ?? '',
      `Proof: not verified: row 0, asked alone: predict.py answers ${turned}, the notebook's own model ${right}`,
    )
    assert.match(again.out, /^3 of 4 cells verified, predictions not verified/m)
  })
})

describe('rows that come more than once', { concurrency: 2 }, () => {
  it('are answered each time, however many there are', () =>
    findsEach(bench, {
      name: 'doubled',
      cells: [DISTINCT, 'model = LogisticRegression().fit(X, y)', 'p = model.predict(X)'],
      mutations: [
        ['one answer for equal rows', 'predict', ASKED, `rows = rows.drop_duplicates()\n        ${ASKED}`],
        ['answers for the first rows', 'predict', ASKED, 'return self.model.predict(rows.head(500))'],
        ['answers for the first thousand rows', 'predict', ASKED, 'return self.model.predict(rows[:1000])'],
        ['an answer of its own for a row that came', 'predict', ASKED, `${ASKED} * ~rows.duplicated().to_numpy()`],
        ['no answer to many rows', 'predict', ASKED, `assert len(rows) <= 1000\n        ${ASKED}`],
      ],
      packages: WITHOUT_MLFLOW,
      why: /^row \d+, asked more than once: /,
    }))

  it('are excused where the notebook takes equal rows for one, and the package does too', async () => {
    const once = 'def once(part):\n    return part.drop_duplicates()'
    const cells = [DISTINCT, `${once}\nmodel = LogisticRegression().fit(once(X), y)`, 'p = model.predict(once(X))']
    proved(await packaged('once', cells))
  })

  it('are excused where the notebook refuses them', async () => {
    const few = 'def few(part):\n    assert len(part) < 1000\n    return part'
    const cells = [DISTINCT, `${few}\nmodel = LogisticRegression().fit(few(X), y)`, 'p = model.predict(few(X))']
    const made = await packaged('few', cells)
    proved(made)
    assert.match(
      made.out,
      /^Beware: .*row \d+, asked more than once: the notebook's own model does not answer \(AssertionError\)/m,
    )
  })
})

describe('a model whose answers depend on what is asked together', { concurrency: 2 }, () => {
  it('is verified where the package does as the notebook, and command and report say what a caller gets', async () => {
    // rounded, so that rows that are equal but for their last digits have one rank in every process
    const own =
      'class Ranked(LogisticRegression):\n    def predict(self, X):\n        return pd.Series(self.predict_proba(X)[:, 1]).round(9).rank(pct=True).to_numpy()'
    const cells = [START, `X = X.fillna(0)\n${own}\nmodel = Ranked().fit(X, y)`, 'p = model.predict(X)']
    const made = await packaged('ranked', cells)
    proved(made)
    const among = await plain(cells, 'float(p[0])')
    const said = `row 0, asked alone: the notebook's own model answers 1.0, and among all rows ${among}`
    assert.equal(made.report().proof.pieces?.batch, said)
    assert.match(made.out, /^Rows one by one and in another order: verified, \d+ rows$/m)
    assert.ok(made.out.includes(`Beware: the answers depend on which rows are asked together: ${said}`), made.out)
    assert.match(made.read('report.html'), /the answers depend on which rows are asked together/)
  })

  it('is told where the notebook has no answer to a single row', async () => {
    const scaled = 'def scaled(part):\n    return (part - part.mean()) / part.std()'
    const cells = [START, `X = X.fillna(0)\n${scaled}\nmodel = LogisticRegression().fit(scaled(X), y)`]
    const made = await packaged('scaled', [...cells, 'p = model.predict(scaled(X))'])
    proved(made)
    assert.match(
      made.out,
      /^Beware: .*row 0, asked alone: the notebook's own model does not answer \(ValueError: Input X contains NaN\.\), as it does among all rows/m,
    )
  })

  it('is not held against answers by chance', async () => {
    const dice =
      'class Dice(LogisticRegression):\n    source = np.random.default_rng(7)\n    def predict(self, X):\n        return super().predict(X) + self.source.normal(size=len(X))'
    const cells = [START, `X = X.fillna(0)\n${dice}\nmodel = Dice().fit(X, y)`]
    const made = await packaged('dice', [...cells, 'p = model.predict(X)'])
    assert.equal(made.report().proof.pieces?.why, 'its answers are drawn by chance')
  })
})
