/** Runs `slipway package` as a process on fixture notebooks, and reads what it wrote. */
import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Report } from '../../src/notebook/output/report.ts'
import { testEnv } from '../python-env.ts'

export const FIXTURES = join(import.meta.dirname, 'fixtures')
const MAIN = join(import.meta.dirname, '../../src/cli/main.ts')

/** The packages of the fixtures: MLflow brings scikit-learn, pandas and matplotlib. */
export const PACKAGES = ['mlflow==3.17.2']

/** Packages of an environment without MLflow, such as most research has: nothing can be saved in it. */
export const WITHOUT_MLFLOW = [
  'scikit-learn==1.2.2',
  'matplotlib==3.6.3',
  'pandas==1.5.3',
  'numpy==1.24.4',
  'scipy==1.10.1',
]

/** One environment for all libraries but scikit-learn, whose own examples know nothing of the others. */
export const OTHERS = [
  ...WITHOUT_MLFLOW,
  'statsmodels==0.13.5',
  'imbalanced-learn==0.10.1',
  'hmmlearn==0.3.2',
  'lmfit==1.1.0',
]

/** What `slipway package --offline` is given where no other flag is. */
export const AS_GIVEN = {
  out: undefined,
  data: [],
  order: 'auto',
  model: undefined,
  proof: true,
  network: false,
  offline: true,
  limit: 60,
  sampleAbove: 0,
} as const

export interface Packaged {
  readonly code: number
  readonly out: string
  readonly said: string
  /** Folder of the project. */
  readonly folder: string
  /** Text of a file of the project. */
  readonly read: (path: string) => string
  /** Throws where nothing was written. */
  readonly report: () => Report
}

/** The folder of a test file's projects, and the command. `end` removes all. */
export function notebookBench(): {
  readonly folder: string
  readonly run: (file: string, ...words: readonly string[]) => Promise<Packaged>
  readonly end: () => void
} {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-notebooks-'))
  let count = 0
  const run = async (file: string, ...words: readonly string[]): Promise<Packaged> => {
    const python = await testEnv(PACKAGES)
    const out = join(folder, `project-${(count += 1)}`)
    const path = file.includes('/') ? file : join(FIXTURES, `${file}.ipynb`)
    const args = [MAIN, 'package', path, '--out', out, '--python', python, '--offline', ...words]
    const ended = await new Promise<{ code: number; out: string; said: string }>((resolve) => {
      execFile(process.execPath, args, { cwd: folder, maxBuffer: 1e8 }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), out: stdout, said: stderr })
      })
    })
    const read = (name: string): string => readFileSync(join(out, name), 'utf8')
    return { ...ended, folder: out, read, report: () => JSON.parse(read('report.json')) as Report }
  }
  return { folder, run, end: () => rmSync(folder, { recursive: true, force: true }) }
}

/** A code cell as Jupyter keeps it. */
export const cell = (source: string, more: object = {}): object => ({
  cell_type: 'code',
  execution_count: null,
  metadata: {},
  outputs: [],
  source,
  ...more,
})

/** A notebook of version 4. */
export const v4 = (cells: readonly object[], metadata: object = {}): object => ({
  nbformat: 4,
  nbformat_minor: 5,
  metadata,
  cells,
})

/** Writes a notebook of these sources into a folder, the fixtures' table beside it; its path. */
export function writeNotebook(folder: string, name: string, sources: readonly string[]): string {
  const path = join(folder, `${name}.ipynb`)
  writeFileSync(path, JSON.stringify(v4(sources.map((source) => cell(source)))))
  putTable(folder)
  return path
}

/** Puts the fixtures' table into a folder, once: a command that runs for another test may be reading it. */
export function putTable(folder: string): void {
  const table = join(folder, 'churn.csv')
  if (!existsSync(table)) copyFileSync(join(FIXTURES, 'churn.csv'), table)
}

/** The cells of a plain notebook: what it needs, and the table. */
export const IMPORTS = `import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split`
export const LOAD = 'df = pd.read_csv("churn.csv")'
