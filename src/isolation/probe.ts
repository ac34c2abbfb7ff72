/** Asks the machine what it can hold: the launcher tries each promise with things of the data folder. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { PACKAGE_DIR, type Layer } from './plan.ts'

const call = promisify(execFile)
const LIMIT_MS = 30_000
/** Interpreters are looked for by these names where SLIPWAY_PYTHON names none. */
const NAMES = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python3.14', 'python']

/** What a confined process was held from, as the trial found: the promises of python/slipway/confine/reaches.py. */
export interface Trial {
  /** Reading, listing and changing the data folder. */
  readonly files: boolean
  /** Writing elsewhere than in folders of its own and temporary ones. */
  readonly writes: boolean
  /** Looking into other processes: the server's environment and memory. */
  readonly processes: boolean
  /** Ending other processes, by a signal or a limit. */
  readonly signals: boolean
  /** Changing rights and times of files in the data folder. */
  readonly modes: boolean
  /** Connecting to sockets in the data folder. */
  readonly sockets: boolean
  /** Connecting to sockets without a path. */
  readonly nameless: boolean
  /** Leaving programs that run as their owner. */
  readonly set_id: boolean
  /** Calls of the kernel that get round the rest. */
  readonly kernel: boolean
}

export interface Probed {
  readonly python: string
  readonly version: readonly number[]
  readonly layers: readonly Layer[]
  readonly held: Trial
  /** Why stronger layers do not hold here. */
  readonly reasons: Readonly<Record<string, string>>
  /** Version of Landlock's interface; 0 without. */
  readonly landlock: number
}

/** What this machine can hold of processes that may not see a folder; a text with the reason where no Python can be asked. */
export async function probeMachine(folder: string): Promise<Probed | string> {
  const given = process.env['SLIPWAY_PYTHON']
  const names = given === undefined || given === '' ? NAMES : [given]
  let reason = 'no Python 3.10 or newer was found'
  for (const name of names) {
    try {
      const args = ['-I', '-S', join(PACKAGE_DIR, 'slipway/confine'), '--probe', folder]
      const { stdout } = await call(name, args, { timeout: LIMIT_MS })
      const found = JSON.parse(stdout) as Probed
      const [major = 0, minor = 0] = found.version
      if (major === 3 && minor >= 10) return found
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') reason = (error as Error).message
    }
  }
  return reason
}
