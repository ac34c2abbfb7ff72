/** Runs a module of slipway's Python package in the environment of a model. */
import { execFile } from 'node:child_process'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ALIKE, inherited } from '../../isolation/environment.ts'
import { confined, PACKAGE_DIR, type Plan } from '../../isolation/plan.ts'

const call = promisify(execFile)

/** How much a module may take. */
export interface ModelLimits {
  /** Of processor time, whole s: how busy the machine is besides does not count. */
  readonly cpuSeconds: number
  /** Of the clock, ms: for what waits and never ends. */
  readonly wallMs: number
}

const LIMITS: ModelLimits = { cpuSeconds: 600, wallMs: 60 * 60_000 }

/** Time between the signal that may be caught and the one that may not, s of processor time. */
const GRACE_S = 30

// the file, for a module would have packages of the environment run before it
const LIMITED = join(PACKAGE_DIR, 'slipway/limited.py')

/** A module took more than its limits allow. It says nothing of the model: the machine may have been slow. */
export class LimitReached extends Error {}

/** A model, and how what reads it is run. */
export interface ModelPlace {
  readonly python: string
  /** Folder of the model, which it may read. */
  readonly dir: string
  readonly signal: AbortSignal
  /** How it is confined; null = not at all. */
  readonly plan: Plan | null
  /** Default: 600 s of processor time, 60 minutes. */
  readonly limits?: ModelLimits
}

/** A module that reads a model in its environment. */
export interface ModelCommand extends ModelPlace {
  /** A module of slipway, run as `MODULE DIR OUT`. */
  readonly module: string
  /** Folder of what it makes, which it may write. */
  readonly out: string
}

/**
 * What it printed. Rejects as execFile does when it fails or is ended by the signal; with `LimitReached` when it takes more than it may;
 * with a plain Error where it has left links, which would show what lies elsewhere.
 */
export async function inEnvironment(command: ModelCommand): Promise<string> {
  const { python, module, dir, out, signal, plan, limits = LIMITS } = command
  const { cpuSeconds, wallMs } = limits
  const seconds = [String(cpuSeconds), String(cpuSeconds + GRACE_S)]
  const given = { program: python, args: ['-I', '-S', LIMITED, ...seconds, python, '-m', module, dir, out] }
  const { program, args } = confined(plan, given, { fixed: [dir], write: [out] })
  const { stdout } = await call(program, args, {
    env: {
      ...inherited('TMPDIR LD_LIBRARY_PATH'),
      ...ALIKE,
      PYTHONPATH: PACKAGE_DIR,
      OMP_NUM_THREADS: '1',
      PYTHONDONTWRITEBYTECODE: '1',
    },
    timeout: wallMs,
    // what reads a model may be in its hands, and would not have to mind another
    killSignal: 'SIGKILL',
    signal,
    maxBuffer: 16 * 1024 * 1024,
  }).catch((error: unknown) => {
    throw limitOf(error, limits) ?? error
  })
  await refuseLinks(out)
  return stdout
}

/** The limit that ended a program; undefined where something else did. */
function limitOf(error: unknown, { cpuSeconds, wallMs }: ModelLimits): LimitReached | undefined {
  const { signal, killed } = error as { signal?: string | null; killed?: boolean }
  if (signal === 'SIGXCPU') return new LimitReached(`it took more than ${cpuSeconds} s of CPU`, { cause: error })
  if (killed === true) return new LimitReached(`it took longer than ${wallMs / 60_000} minutes`, { cause: error })
  return undefined
}

async function refuseLinks(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() && !entry.isDirectory()) throw new Error(`it left ${entry.name}, which is no file`)
    const { nlink } = await lstat(join(entry.parentPath, entry.name))
    if (entry.isFile() && nlink > 1) throw new Error(`it left ${entry.name}, which is a link`)
  }
}
