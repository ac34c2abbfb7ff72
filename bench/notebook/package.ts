/** What `slipway package` takes for a notebook of 40 cells when nothing is run: reading, order, rewriting, writing. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testEnv } from '../../test/python-env.ts'
import type { Row } from '../table.ts'

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts')
const CELLS = 40
const TIMES = 5

/** Where what takes too long for a bench is measured. */
const TABLE = 'docs/reference/notebooks.md'
const FLIGHTS = './slipway test --heavy runners/flights'

/** What else the way from a notebook to a merged change is held to, and is not measured here: each says where. */
export async function elsewhere(): Promise<Row[]> {
  const page = readFileSync(join(import.meta.dirname, '../..', TABLE), 'utf8')
  const [, verified, all] = /^(\d+) of (\d+) are verified[.;]/m.exec(page) ?? []
  if (verified === undefined || all === undefined) throw new Error(`${TABLE} does not say how many are verified`)
  return [
    {
      name: 'notebooks of others packaged with a proof',
      measured: `${verified} of ${all} verified (${TABLE}; not run here)`,
      target: '≥ 12 of 15',
      beside: 'soorgeon: no proof',
      ok: Number(verified) / Number(all) >= 12 / 15,
      figures: { verified: Number(verified), all: Number(all) },
    },
    {
      name: 'merge to promoted, flights',
      measured: `not here: ${FLIGHTS} runs the generated workflow and prints it`,
      target: '≤ 5 min, no hand',
      beside: 'before there were images and workflows: 45 min',
      ok: null,
      figures: {},
    },
  ]
}

/** One row: the median of several starts of the command, each in a process of its own. */
export async function packaging(): Promise<Row[]> {
  const python = await testEnv(['mlflow==3.17.2'])
  const folder = mkdtempSync(join(tmpdir(), 'bench-package-'))
  try {
    writeFileSync(join(folder, 'wide.ipynb'), JSON.stringify(notebook()))
    const seconds: number[] = []
    for (let at = 0; at < TIMES; at += 1) seconds.push(await once(folder, python, at))
    const median = seconds.toSorted((a, b) => a - b)[Math.floor(TIMES / 2)] ?? 0
    return [
      {
        name: `package a notebook of ${CELLS} cells, without the runs`,
        measured: `${median.toFixed(2)} s`,
        target: '≤ 3 s',
        beside: 'soorgeon: refuses globals and star imports, and proves nothing',
        ok: median <= 3,
        figures: { seconds, median, cells: CELLS },
      },
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function once(folder: string, python: string, at: number): Promise<number> {
  const args = [MAIN, 'package', 'wide.ipynb', '--out', `out-${at}`, '--python', python, '--offline', '--no-proof']
  const began = performance.now()
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { cwd: folder }, (error, _, said) => {
      if (error === null) resolve((performance.now() - began) / 1000)
      else reject(new Error(`slipway package ended with ${error.code}: ${said}`))
    })
  })
}

/** Imports, 36 cells of features that read a variable by a function, a split, a fit and a score. */
function notebook(): object {
  const features = Array.from(
    { length: CELLS - 4 },
    (_, at) =>
      `SHIFT_${at} = ${at}.5\n\ndef feature_${at}(frame):  # column ${at}\n    return frame["a"] * SHIFT_${at} + base\n\ndf["f${at}"] = feature_${at}(df)\nprint("mean", df["f${at}"].mean())`,
  )
  const cells = [
    'import numpy as np\nimport pandas as pd\nfrom sklearn.linear_model import LinearRegression\nfrom sklearn.model_selection import train_test_split\nbase = np.arange(100).mean()\ndf = pd.DataFrame({"a": np.arange(100.0)})',
    ...features,
    'X = df.drop(columns=["a"])\nX_train, X_test, y_train, y_test = train_test_split(X, df["a"], random_state=0)',
    'model = LinearRegression()\nmodel.fit(X_train, y_train)',
    'score = model.score(X_test, y_test)\nprint(score, model.predict(X_test)[:3])',
  ]
  return {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: {},
    cells: cells.map((source, at) => ({
      cell_type: 'code',
      execution_count: at + 1,
      metadata: {},
      outputs: [],
      source,
    })),
  }
}
