/** Asks the helper in the user's own interpreter: it reads the code and the environment, and runs nothing of them. */
import { stat } from 'node:fs/promises'
import { delimiter, join, resolve } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import { problem } from '../../contract/errors.ts'
import { runCommand } from '../../envs/command.ts'
import { findPython } from '../../envs/python.ts'
import { PACKAGE_DIR } from '../../isolation/plan.ts'
import type { CellFacts, Environment, Facts, Parameter } from './facts.ts'

/** Reading an environment of a thousand distributions from a cold disk takes seconds. */
const LIMIT_MS = 120_000

export interface Helper {
  readonly facts: (cells: readonly { id: number; source: string }[]) => Promise<Facts>
  readonly environment: (request: {
    imports: readonly string[]
    needs: readonly string[]
    extras: readonly string[]
    /** Top-level modules that a run has seen, besides the imports. */
    seen: readonly string[]
    folder: string
    /** What the package is to be called. */
    name: string
  }) => Promise<Environment>
  /** Public names of modules; null for one that cannot be read. */
  readonly stars: (modules: readonly string[], folder: string) => Promise<Record<string, readonly string[] | null>>
  /** Parameters of installed functions and classes by their dotted names; null for one that no file explains. */
  readonly signatures: (names: readonly string[]) => Promise<Signatures>
  readonly versions: (names: readonly string[]) => Promise<Versions>
}

/** Versions of installed distributions; null for what is not there. */
export type Versions = Readonly<Record<string, string | null>>

export type Signatures = Readonly<Record<string, readonly Parameter[] | null>>

/**
 * The interpreter that is named, by its whole path, else that of the active environment, else the first that is found. Throws
 * `unprocessable` for a name that is no program.
 */
export async function interpreter(named: string | undefined): Promise<string> {
  if (named !== undefined) return located(named)
  const active = process.env['VIRTUAL_ENV'] ?? process.env['CONDA_PREFIX']
  if (active !== undefined && active !== '') return join(active, 'bin', 'python')
  return (await findPython('>=3.10')).path
}

/** A path as seen from here, for the proof runs elsewhere; a name without a folder as PATH has it. */
async function located(named: string): Promise<string> {
  const folders = named.includes('/') ? [process.cwd()] : (process.env['PATH'] ?? '').split(delimiter)
  for (const folder of folders) {
    const path = resolve(folder, named)
    const found = await ifMissing(stat(path))
    if (found?.isDirectory() === true && named.includes('/'))
      throw unfit(`--python ${named} is a folder`, `name its interpreter, for example ${join(named, 'bin/python')}`)
    if (found?.isFile() === true) return path
  }
  const where = named.includes('/') ? `there is no ${resolve(named)}` : 'no folder of PATH has it'
  throw unfit(`--python ${named} is no program: ${where}`, 'name a Python 3.10 or newer')
}

function unfit(what: string, remedy: string): Error {
  return problem('unprocessable', { detail: `${what}; ${remedy}`, reason: 'python' })
}

/** The helper of an interpreter. Its calls throw `unprocessable` where that interpreter cannot answer. */
export function openHelper(python: string): Helper {
  return {
    facts: (cells) => ask<Facts>(python, 'facts', { cells }),
    environment: (request) => ask<Environment>(python, 'environment', request),
    stars: async (modules, folder) =>
      (await ask<{ modules: Record<string, readonly string[] | null> }>(python, 'stars', { modules, folder })).modules,
    signatures: async (names) =>
      names.length === 0 ? {} : (await ask<{ signatures: Signatures }>(python, 'signatures', { names })).signatures,
    versions: async (names) => (names.length === 0 ? {} : ask<Versions>(python, 'versions', { names })),
  }
}

async function ask<T>(python: string, mode: string, request: object): Promise<T> {
  const args = ['-I', join(PACKAGE_DIR, 'slipway/notebook'), mode]
  const { code, stdout, stderr } = await runCommand(python, args, { input: JSON.stringify(request), limit: LIMIT_MS })
  if (code === 0) return JSON.parse(stdout) as T
  const last = stderr.trim().split('\n').at(-1) ?? ''
  throw problem('unprocessable', {
    detail: `${python} cannot read the code (exit code ${code}): ${last}; name a Python 3.10 or newer with --python`,
    reason: 'python',
  })
}

/** The first fault of syntax, as text; undefined where all cells can be read. */
export function syntaxFault(cells: readonly CellFacts[]): { cell: number; line: number; message: string } | undefined {
  for (const { id, error } of cells) if (error !== null) return { cell: id, ...error }
  return undefined
}
