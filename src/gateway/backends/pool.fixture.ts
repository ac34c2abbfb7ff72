/** Pools of scorers for the tests of a file: closed after the last of them, with a log in a folder that goes then. */
import { mkdtempSync, rmSync } from 'node:fs'
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
