/** Pools of scorers for the tests of a file: closed after the last of them, with a log in a folder that goes then. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { PythonBackend } from './python.ts'
import type { PoolOptions } from './python.ts'

export interface Pools {
  /** A folder for the models of the test; the log is in it, scorer.log. */
  readonly folder: string
  /** A pool of one scorer that is not started yet. */
  make(options: Pick<PoolOptions, 'python' | 'dir' | 'inputs'> & Partial<PoolOptions>): PythonBackend
}

/** To be called once in a file. */
export function scorerPools(): Pools {
  const folder = mkdtempSync(join(tmpdir(), 'scorer-'))
  const made: PythonBackend[] = []
  after(async () => {
    await Promise.all(made.map((pool) => pool.close()))
    rmSync(folder, { recursive: true, force: true })
  })
  return {
    folder,
    make(options) {
      const pool = new PythonBackend({
        tensor: null,
        workers: 1,
        memoryMb: 4096,
        plan: null,
        logFile: join(folder, 'scorer.log'),
        ...options,
      })
      made.push(pool)
      return pool
    },
  }
}

/**
 * Writes a model folder whose estimator is `Model()` of this Python text. Its scorer loads neither mlflow nor scikit-learn, which is
 * three quarters of a start: for what does not depend on a library.
 */
export function writeModel(dir: string, text: string): string {
  mkdirSync(join(dir, 'code'), { recursive: true })
  writeFileSync(join(dir, 'code/plain_model.py'), text)
  // a pickle of a call without arguments
  writeFileSync(join(dir, 'model.pkl'), 'cplain_model\nModel\n)R.')
  const flavors = { sklearn: { pickled_model: 'model.pkl', code: 'code' } }
  writeFileSync(join(dir, 'MLmodel'), JSON.stringify({ flavors, mlflow_version: '3.0.0' }))
  return dir
}
