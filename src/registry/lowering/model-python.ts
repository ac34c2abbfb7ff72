/** Runs a module of slipway's Python package in the environment of a model. */
import { execFile } from 'node:child_process'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ALIKE, inherited } from '../../isolation/environment.ts'
import { confined, PACKAGE_DIR, type Plan } from '../../isolation/plan.ts'

const LIMIT_MS = 10 * 60_000
const call = promisify(execFile)

/** A module that reads a model in its environment. */
export interface ModelCommand {
  readonly python: string
  /** A module of slipway, run as `MODULE DIR OUT`. */
  readonly module: string
  /** Folder of the model, which it may read. */
  readonly dir: string
  /** Folder of what it makes, which it may write. */
  readonly out: string
  readonly signal: AbortSignal
  /** How it is confined; null = not at all. */
  readonly plan: Plan | null
}

/**
 * What it printed. Rejects as execFile does when it fails, is ended by the signal, or takes more than ten minutes; with a plain Error where
 * it has left links, which would show what lies elsewhere.
 */
export async function inEnvironment({ python, module, dir, out, signal, plan }: ModelCommand): Promise<string> {
  const given = { program: python, args: ['-m', module, dir, out] }
  const { program, args } = confined(plan, given, { fixed: [dir], write: [out] })
  const { stdout } = await call(program, [...args], {
    env: {
      ...inherited('TMPDIR LD_LIBRARY_PATH'),
      ...ALIKE,
      PYTHONPATH: PACKAGE_DIR,
      OMP_NUM_THREADS: '1',
      PYTHONDONTWRITEBYTECODE: '1',
    },
    timeout: LIMIT_MS,
    signal,
    maxBuffer: 16 * 1024 * 1024,
  })
  await refuseLinks(out)
  return stdout
}

async function refuseLinks(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() && !entry.isDirectory()) throw new Error(`it left ${entry.name}, which is no file`)
    const { nlink } = await lstat(join(entry.parentPath, entry.name))
    if (entry.isFile() && nlink > 1) throw new Error(`it left ${entry.name}, which is a link`)
  }
}
