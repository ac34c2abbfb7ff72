/** Packages of one small notebook, to be edited and proved again. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { IMPORTS, LOAD, notebookBench, WITHOUT_MLFLOW, writeNotebook, type Packaged } from './notebooks.ts'
import { testEnv } from '../python-env.ts'

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts')

const CELLS = [
  IMPORTS,
  `${LOAD}\nX = df[["tenure", "charge"]]`,
  'model = LogisticRegression().fit(X, df["churn"])\npred = model.predict(X)',
]

export interface AgainBench {
  readonly folder: string
  /** Packages the notebook under a name, with further cells. */
  readonly packaged: (name: string, words?: readonly string[], more?: readonly string[]) => Promise<Packaged>
  readonly again: (made: Packaged, name: string, ...words: readonly string[]) => Promise<Packaged>
  /** Edits a file of a project, in which `from` stands once. */
  readonly edit: (made: Packaged, path: string, from: string, to: string) => void
  /** What `slipway validate` says. */
  readonly notes: (made: Packaged) => Promise<string>
  readonly end: () => void
}

/** The environment has matplotlib, and the notebook does not import it. */
export function againBench(): AgainBench {
  const { folder, run, end } = notebookBench()
  return {
    folder,
    end,
    packaged: async (name, words = [], more = []) =>
      run(writeNotebook(folder, name, [...CELLS, ...more]), '--python', await testEnv(WITHOUT_MLFLOW), ...words),
    again: async (made, name, ...words) =>
      run(join(folder, `${name}.ipynb`), '--python', await testEnv(WITHOUT_MLFLOW), '--prove', made.folder, ...words),
    edit(made, path, from, to) {
      const text = made.read(path)
      assert.equal(text.split(from).length, 2, `${from} stands once in ${path}:\n${text}`)
      writeFileSync(join(made.folder, path), text.replace(from, to))
    },
    notes: async (made) => (await promisify(execFile)(process.execPath, [MAIN, 'validate', made.folder])).stdout,
  }
}
