/** Names that stand in texts: formulas of statsmodels that call functions of the notebook, and queries of pandas. They mean in the package what they meant. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { testEnv } from '../python-env.ts'
import { alike, proved } from './expectations.ts'
import { LOAD, notebookBench, OTHERS, PACKAGES, writeNotebook, type Packaged } from './notebooks.ts'
import { findsEach } from './wrong-rewrites.ts'

const bench = notebookBench()
after(bench.end)
const call = promisify(execFile)

const START = `import numpy as np\nimport pandas as pd\nimport statsmodels.formula.api as smf\n${LOAD}`
const SCALED = 'mean = df["charge"].mean()\ndef scaled(part):\n    return part / mean'
const ASK = 'p = model.predict(df)\nprint(model.params.round(6).to_dict())'

const WAYS: Readonly<Record<string, readonly string[]>> = {
  a_global_of_a_function: [START, SCALED, 'model = smf.ols("tenure ~ scaled(charge)", data=df).fit()', ASK],
  through_another_function: [
    START,
    `${SCALED}\ndef twice(part):\n    return scaled(part) * 2`,
    'model = smf.ols("tenure ~ twice(charge) + np.log(charge)", data=df).fit()',
    ASK,
  ],
  in_a_function: [
    START,
    SCALED,
    'def fitted(table):\n    return smf.ols("tenure ~ scaled(charge) + I(charge ** 2 / mean)", data=table).fit()\nmodel = fitted(df)',
    ASK,
  ],
  held_in_a_variable: [
    START,
    SCALED,
    'parts = ["scaled(charge)", "churn"]\nhow = "tenure ~ scaled(charge) + " + " + ".join(["churn"])',
    'model = smf.ols(how, df).fit()',
    ASK,
  ],
  variables_of_other_cells: [
    START,
    'mean = df["charge"].mean()\nlimit = df["charge"].median()',
    'part = df.query("charge > @limit")\nmodel = smf.ols("tenure ~ I(charge * mean)", data=part).fit()',
    ASK,
  ],
  columns_named_as_later_variables: [
    START,
    'model = smf.ols("tenure ~ charge", data=df).fit()',
    ASK,
    'charge = df["charge"].sum()\ntenure = charge / 2',
  ],
}

/** What the package answers when its own code runs, and plain Python when the notebook's does: the sum of `p`, whole. */
async function sums(folder: string, name: string, cells: readonly string[]): Promise<[string, string]> {
  const python = await testEnv(OTHERS)
  const run = async (code: string): Promise<string> => {
    const { stdout } = await call(python, ['-c', code], { cwd: bench.folder })
    return stdout.trim().split('\n').at(-1) ?? ''
  }
  const imports = `import sys\nsys.path.insert(0, "${folder}/src")\nfrom ${name}.config import Config\nfrom ${name}.train import run`
  return [
    await run(`${imports}\nprint(repr(run(Config())["p"].sum()))`),
    await run(`${cells.join('\n')}\nprint(repr(p.sum()))`),
  ]
}

describe('names in texts', { concurrency: 2 }, () => {
  for (const [name, cells] of Object.entries(WAYS))
    it(`are found where the text is evaluated: ${name}`, async () => {
      const words = ['--python', await testEnv(OTHERS), '--model', 'model']
      const made = await bench.run(writeNotebook(bench.folder, name, cells), ...words)
      proved(made)
      const [package_, plain] = await sums(made.folder, name, cells)
      alike(package_, plain)
    })

  it('are not there where a saved model evaluates its formula anew: not verified, with what to do; a column in its place is', async () => {
    const python = await testEnv([...PACKAGES, 'statsmodels==0.15.0'], 'once')
    const run = (name: string, cells: readonly string[]): Promise<Packaged> =>
      bench.run(writeNotebook(bench.folder, name, cells), '--python', python)
    const cells = WAYS['a_global_of_a_function'] ?? []
    const made = await run('anew', cells)
    assert.match(
      made.out,
      /^Proof: not verified: the saved model does not answer: .*NameError: name 'scaled' is not defined: a formula names scaled of the notebook, .*make a column of it before the formula$/m,
    )
    const column = cells.map((one) =>
      one.replace('scaled(charge)', 'part').replace(/^mean.*$/ms, '$&\ndf["part"] = scaled(df["charge"])'),
    )
    const other = await run('column', column)
    proved(other)
    assert.equal(other.report().proof.saved.verdict, 'verified')
  })

  it('are part of the proof: wrong rewrites of what they mean are found', () =>
    findsEach(bench, {
      name: 'meant',
      cells: [
        START,
        SCALED,
        'limit = df["charge"].median()',
        'part = df.query("charge > @limit")\nmodel = smf.ols("tenure ~ scaled(charge) + I(charge ** 2)", data=part).fit()',
        ASK,
      ],
      mutations: [
        ['another function', 'features', 'return part / mean', 'return part / (mean + part)'],
        ['another limit', 'features', 'df["charge"].median()', 'df["charge"].mean()'],
        ['another formula', 'train', '+ I(charge ** 2)', '+ I(charge ** 3)'],
      ],
      packages: OTHERS,
    }))
})
