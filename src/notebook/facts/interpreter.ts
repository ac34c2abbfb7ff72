/** Asks the helper in the user's own interpreter: it reads the code and the environment, and runs nothing of them. */
import { join } from 'node:path'
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
  }) => Promise<Environment>
  /** Public names of modules; null for one that cannot be read. */
  readonly stars: (modules: readonly string[], folder: string) => Promise<Record<string, readonly string[] | null>>
  /** Parameters of installed functions and classes by their dotted names; null for one that no file explains. */
  readonly signatures: (names: readonly string[]) => Promise<Signatures>
}

export type Signatures = Readonly<Record<string, readonly Parameter[] | null>>

/** The interpreter that is named, else that of the active environment, else the first that is found. */
export async function interpreter(named: string | undefined): Promise<string> {
  if (named !== undefined) return named
  const active = process.env['VIRTUAL_ENV'] ?? process.env['CONDA_PREFIX']
  if (active !== undefined && active !== '') return join(active, 'bin', 'python')
  return (await findPython('>=3.10')).path
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
