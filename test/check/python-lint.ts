/** The stage that holds the Python package to its rules: ruff (lint and form) and mypy in strict mode, as `python/pyproject.toml` says. */
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { findPython } from '../tools.ts'
import { testEnv } from '../python-env.ts'
import type { Outcome } from './stage.ts'

/** The tools; the versions of what they need decide nothing. */
const TOOLS = ['mypy==2.4.1', 'ruff==0.17.6']
const LIMIT_MS = 120_000

const COMMANDS: readonly (readonly [string, ...string[]])[] = [
  ['ruff', 'check', '--no-cache', '--quiet', '--output-format', 'concise'],
  ['ruff', 'format', '--no-cache', '--check', '--quiet'],
  ['mypy', '--cache-dir', '/dev/null', '--no-error-summary'],
]

/** Runs every tool over `python` below the root; the report holds what those that failed have printed. Skipped where they cannot be had. */
export async function pythonLintStage(root: string): Promise<Outcome> {
  if (findPython() === undefined) return { ok: false, report: 'Python is missing; install Python 3.10 or newer' }
  const python = await testEnv(TOOLS).catch(() => undefined)
  if (python === undefined) {
    return { ok: true, skipped: `${TOOLS.join(' and ')} are not in the cache and could not be installed` }
  }
  const ended = await Promise.all(COMMANDS.map((command) => run(join(root, 'python'), dirname(python), command)))
  const failed = ended.filter((one) => one.code !== 0)
  return { ok: failed.length === 0, report: failed.map((one) => `${one.command}:\n${one.said}`).join('\n') }
}

interface Ended {
  readonly command: string
  readonly code: number | null
  readonly said: string
}

function run(cwd: string, bin: string, [name, ...args]: readonly [string, ...string[]]): Promise<Ended> {
  return new Promise((done, fail) => {
    const child = spawn(join(bin, name), args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += String(chunk)))
    child.on('error', fail)
    child.on('close', (code) => done({ command: `${name} ${args[0]}`, code, said }))
  })
}
