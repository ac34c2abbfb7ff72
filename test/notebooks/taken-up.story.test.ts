/** Packages that libraries take up where they are installed, and that a lock lacks: a proof tells whether the step needs them. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { IMPORTS, LOAD, notebookBench, writeNotebook, type Packaged } from './notebooks.ts'

const bench = notebookBench()
after(bench.end)

/** Rows with a column of text, which pandas 3 keeps by pyarrow where that is installed. */
const CELLS = [
  `${IMPORTS}\nfrom sklearn.compose import make_column_transformer\nfrom sklearn.pipeline import make_pipeline\nfrom sklearn.preprocessing import OneHotEncoder`,
  `${LOAD}\nX = df[["plan", "charge"]]\nkinds = X.dtypes\nplans = X["plan"].array`,
  'steps = make_column_transformer((OneHotEncoder(), ["plan"]), remainder="passthrough")\nmodel = make_pipeline(steps, LogisticRegression()).fit(X, df["churn"])\npred = model.predict(X)',
]

/** Packages cells without a run, so that nobody has seen what pandas takes up: the lock lacks it. */
async function packaged(name: string, cells: readonly string[]): Promise<Packaged> {
  const made = await bench.run(writeNotebook(bench.folder, name, cells), '--no-proof')
  assert.equal(made.code, 0, made.said)
  assert.doesNotMatch(made.read('requirements.lock'), /pyarrow/)
  return made
}

const verdict = async (made: Packaged, name: string): Promise<string> =>
  (await bench.run(join(bench.folder, `${name}.ipynb`), '--prove', made.folder)).out.split('\n')[0] ?? ''

describe('a package whose lock lacks pyarrow', { concurrency: 2 }, () => {
  it('is verified where pandas alone takes it up, and not where predict.py asks for it', async () => {
    const made = await packaged('texts', CELLS)
    assert.equal(await verdict(made, 'texts'), 'Proof: verified')
    const path = join(made.folder, 'src/texts/predict.py')
    const text = made.read('src/texts/predict.py')
    const begin = /^def predict\(.*\n(?: {4}""".*"""\n)?/m
    assert.match(text, begin)
    const late = '    __import__("importlib").import_module("pyarrow")\n'
    writeFileSync(
      path,
      text.replace(begin, (all) => `${all}${late}`),
    )
    assert.match(
      await verdict(made, 'texts'),
      /^Proof: not verified: without pyarrow, which the lock does not have: .*No module named 'pyarrow'/,
    )
  })

  it('is not verified where a step asks pandas for it', async () => {
    const [first = '', second = '', ...others] = CELLS
    const asks = `${second}\nX = X.astype({"plan": "string[pyarrow]"})`
    const made = await packaged('asks', [first, asks, ...others])
    assert.match(
      await verdict(made, 'asks'),
      /^Proof: not verified: without pyarrow, which the lock does not have: .*pyarrow\S* is required/,
    )
  })
})
