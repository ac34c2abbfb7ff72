/** Finds the programs that the tests use beside Node: Python and a browser; never installs anything. */
import { spawnSync } from 'node:child_process'
import type { Stats } from 'node:fs'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { ifGone } from '../src/contract/absence/absent.ts'

/** The oldest Python that Slipway's own Python code runs on. */
const PYTHON_MINIMUM = [3, 10] as const

/** The headless one first: it draws no window of its own, and costs half the CPU time of the whole browser. */
const CHROMIUM_NAMES = [
  'chromium-headless-shell',
  'chromium',
  'chromium-browser',
  'google-chrome-stable',
  'google-chrome',
  'chrome',
]

/** The programs that the launcher may use beside Node and npm. */
export const LAUNCHER_PROGRAMS: readonly string[] = [
  'sh',
  'readlink',
  'dirname',
  'cmp',
  'find',
  'ln',
  'ps',
  'rm',
  'mv',
  'cp',
  'mkdir',
  'rmdir',
  'sleep',
  'cat',
]

/** Absolute path of an executable on PATH, or undefined. */
export function findProgram(name: string, path: string = process.env['PATH'] ?? ''): string | undefined {
  return path
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isExecutable)
}

/**
 * A Chromium that playwright-core can drive by `executablePath`: CHROMIUM_PATH where set, else the system's.
 * Undefined when there is none; a CHROMIUM_PATH that cannot be executed is an error, not a skip.
 */
export function findChromium(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const named = env['CHROMIUM_PATH']
  if (named !== undefined && named !== '') {
    if (!isExecutable(named)) throw new Error(`CHROMIUM_PATH is ${named}, which cannot be executed`)
    return named
  }
  return CHROMIUM_NAMES.map((name) => findProgram(name, env['PATH'] ?? '')).find((found) => found !== undefined)
}

/** Why a browser test is skipped, and how to run it: the reason to give to `test(..., {skip})`. */
export const CHROMIUM_MISSING =
  'no Chromium; install it (apt-get install chromium-headless-shell, or chromium) or set CHROMIUM_PATH'

/**
 * A Python of 3.10 or newer: `python3`, then `python`; undefined when there is none. Behind a program that chooses one, as pyenv's
 * do, it is the interpreter itself: such a shim runs a dozen shells at each start.
 */
export function findPython(path: string = process.env['PATH'] ?? ''): string | undefined {
  for (const name of ['python3', 'python']) {
    const found = findProgram(name, path)
    const interpreter = found === undefined ? undefined : interpreterOf(found)
    if (interpreter !== undefined) return interpreter
  }
  return undefined
}

/** Folders to put first on the PATH, so that who starts `python3` gets no shim: none where the PATH has no shim. */
export function beforeShims(path: string = process.env['PATH'] ?? ''): string[] {
  const python = findPython(path)
  const named = findProgram('python3', path)
  return python === undefined || named === undefined || dirname(python) === dirname(named) ? [] : [dirname(python)]
}

/** What runs when this program is started; undefined when it is too old or fails. */
function interpreterOf(program: string): string | undefined {
  const [major, minor] = PYTHON_MINIMUM
  const code = `import sys; print(sys.executable); sys.exit(sys.version_info < (${major}, ${minor}))`
  const asked = spawnSync(program, ['-c', code], { encoding: 'utf8', timeout: 60_000 })
  return asked.status === 0 ? asked.stdout.trim() : undefined
}

function isExecutable(file: string): boolean {
  return statWith(file, constants.X_OK)?.isFile() === true
}

/** What a file or folder is; undefined where it is not there or this process lacks the right, one of `constants`. */
export function statWith(path: string, right: number): Stats | undefined {
  return ifGone(() => {
    accessSync(path, right)
    return statSync(path)
  })
}
