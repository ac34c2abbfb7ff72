/** How processes that run other people's code are started: confined to what they are granted, by a launcher that becomes the program. */
import { join } from 'node:path'

/** What the system of this machine lets us confine by: a mount namespace that hides folders, Landlock. */
export type Layer = 'mount' | 'landlock'

/** How this machine confines. It is data, so that a gateway can be given it. */
export interface Plan {
  /** The machine's own interpreter, that of no environment: it runs before anything is confined. */
  readonly python: string
  readonly layers: readonly Layer[]
  /** What no confined process may see: the data folder and keys. */
  readonly hide: readonly string[]
  /** Folders of the user that each may write. */
  readonly write: readonly string[]
}

/** What a process may reach of what is hidden, and what it may write. Temporary folders may be written always. */
export interface Grants {
  /** Can be seen; written only where `write` says so. */
  readonly show?: readonly string[]
  /** Can be seen, and not be changed by anything, modes and times included. */
  readonly fixed?: readonly string[]
  readonly write?: readonly string[]
}

/** A plan with grants, as python/slipway/confine reads it. */
export interface Policy {
  readonly layers: readonly Layer[]
  readonly hide: readonly string[]
  readonly show: readonly string[]
  readonly fixed: readonly string[]
  readonly write: readonly string[]
}

/** A program with its arguments. */
export interface Command {
  readonly program: string
  readonly args: readonly string[]
}

/** Folder of the Python package with the launcher. */
export const PACKAGE_DIR = join(import.meta.dirname, '../../python')
// the file, for a folder takes imports that cost as much as the launcher itself
const LAUNCHER = join(PACKAGE_DIR, 'slipway/confine/__main__.py')

/** The policy of a process; null where nothing confines. */
export function policyOf(plan: Plan | null, grants: Grants): Policy | null {
  if (plan === null) return null
  const { show = [], fixed = [], write = [] } = grants
  return { layers: plan.layers, hide: plan.hide, show, fixed, write: [...write, ...plan.write] }
}

/** The command that runs another one confined; that one itself where nothing confines. It becomes the program: pid, descriptors and group stay. */
export function confined(plan: Plan | null, command: Command, grants: Grants): Command {
  const policy = policyOf(plan, grants)
  if (plan === null || policy === null) return command
  // -I and -S: neither a variable nor a package of an environment decides what runs before the process is confined
  return {
    program: plan.python,
    args: ['-I', '-S', LAUNCHER, JSON.stringify(policy), command.program, ...command.args],
  }
}
