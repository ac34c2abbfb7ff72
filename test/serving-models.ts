/** The models of the serving tests: trained, saved by mlflow and lowered once, cached by the text of the scripts that make them. */
import { execFile } from 'node:child_process'
import { existsSync, globSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { VersionFiles } from '../src/serving/fleet/places.ts'
import { cachedFolder } from './cached-folder.ts'
import { testEnv } from './python-env.ts'

/** What the models need; an environment locked from these can run them. */
export const PACKAGES = [
  'scikit-learn==1.9.1',
  'numpy==2.4.6',
  'scipy==1.17.1',
  'pandas==3.1.1',
  'mlflow-skinny==3.17.2',
]
const FIXTURES = join(import.meta.dirname, 'fixtures')
const PYTHON_ROOT = join(import.meta.dirname, '../python')
const run = promisify(execFile)

/** A row of the tests' table with the score that scikit-learn gave it. */
export interface ScoredRow {
  readonly distance: number
  readonly temp: number | null
  readonly dewp: number
  readonly hour: number
  readonly carrier: string
  readonly score: number
}

export interface ServingModels {
  readonly python: string
  readonly rows: readonly ScoredRow[]
  /** Model folders by name: hgb, hgb2 (another seed), faulty. */
  readonly dir: (name: string) => string
  /** The files of a model as serving takes them; `python` true = not lowered. */
  readonly files: (name: string, python?: boolean) => VersionFiles
}

/** Makes the models on first use; afterwards they are there at once. */
export async function servingModels(): Promise<ServingModels> {
  const python = await testEnv(PACKAGES)
  const scripts = [...globSync(join(FIXTURES, 'serving_*.py')), ...globSync(join(PYTHON_ROOT, 'slipway/lower/**/*.py'))]
  const make = (fresh: string): Promise<void> => build(python, fresh)
  const folder = await cachedFolder({ name: 'serving', python, scripts: scripts.sort(), make })
  const dir = (name: string): string => join(folder, name)
  return {
    python,
    rows: JSON.parse(readFileSync(join(folder, 'rows.json'), 'utf8')) as ScoredRow[],
    dir,
    files(name, asPython = false) {
      const lowered = !asPython && existsSync(`${dir(name)}.native`)
      return {
        dir: dir(name),
        python: lowered ? null : python,
        native: lowered ? { dir: `${dir(name)}.native` } : null,
        reason: lowered ? null : 'asked for by the test',
      }
    },
  }
}

async function build(python: string, fresh: string): Promise<void> {
  const env = { ...process.env, PYTHONPATH: PYTHON_ROOT, OMP_NUM_THREADS: '1' }
  const options = { env, timeout: 300_000, maxBuffer: 1e8 }
  await run(python, ['-B', join(FIXTURES, 'serving_models.py'), fresh], options)
  for (const name of ['hgb', 'hgb2']) {
    mkdirSync(join(fresh, `${name}.native`), { recursive: true })
    await run(python, ['-B', '-m', 'slipway.lower', join(fresh, name), join(fresh, `${name}.native`)], options)
  }
}
