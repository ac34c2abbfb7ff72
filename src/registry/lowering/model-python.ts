/** Runs a module of slipway's Python package in the environment of a model. */
import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'

const PYTHON_ROOT = resolve(import.meta.dirname, '../../../python')
const LIMIT_MS = 10 * 60_000
const call = promisify(execFile)

/** What it printed. Rejects as execFile does when it fails, is ended by the signal, or takes more than ten minutes. */
export async function inEnvironment(python: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  const { stdout } = await call(python, [...args], {
    env: { ...plainEnvironment(), PYTHONPATH: PYTHON_ROOT, OMP_NUM_THREADS: '1', PYTHONDONTWRITEBYTECODE: '1' },
    timeout: LIMIT_MS,
    signal,
    maxBuffer: 16 * 1024 * 1024,
  })
  return stdout
}

/** What a program needs of the server's environment; nothing of its tokens and addresses. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const names = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TMPDIR', 'TZ', 'LD_LIBRARY_PATH']
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  )
}
