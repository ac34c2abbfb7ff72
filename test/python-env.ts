/** Python environments for tests: built once with uv, cached by the list of packages, shared by all tests and runs. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { withLock } from '../src/envs/file-lock.ts'
import { outputOf } from './output.ts'
import { findProgram, findPython } from './tools.ts'

/** An environment that is not finished after this long has failed. */
const BUILD_MS = 600_000

/** Compiles an environment, for tests forbid their Python to write beside sources; without the tests of the packages, a third of all. */
const COMPILE = `import compileall, re, sys
compileall.compile_dir(sys.argv[1], quiet=2, workers=0, rx=re.compile("/tests/"))`

/** Runs a program to its end. */
export type Run = (
  program: string,
  args: readonly string[],
  options?: { cwd?: string; env?: NodeJS.ProcessEnv; limitMs?: number },
) => Promise<void>

/** Where the environments lie: SLIPWAY_TEST_ENV where set, else a folder of the user's cache. */
export function testEnvFolder(env: NodeJS.ProcessEnv = process.env): string {
  return env['SLIPWAY_TEST_ENV'] ?? join(homedir(), '.cache', 'slipway-test-envs')
}

/**
 * The interpreter of an environment that holds these packages (pip requirements, order irrelevant). Built on first use, needs no network
 * afterwards; processes that want the same one wait for each other. It is compiled where it runs `often`: compiling all that lies in
 * it takes as long as four runs that compile what they load. Throws with the installer's last lines when it cannot be built.
 */
export async function testEnv(packages: readonly string[], runs: 'often' | 'once' = 'often'): Promise<string> {
  const base = findPython()
  if (base === undefined) throw new Error('no Python of the supported versions on PATH')
  const wanted = [...new Set(packages)].sort()
  const folder = folderOf(base, wanted)
  await once(folder, async () => {
    const uv = await findUv(base)
    await runProgram(uv, ['venv', '--quiet', '--clear', '--python', base, folder])
    const install = ['pip', 'install', '--quiet', '--python', pythonOf(folder), ...wanted]
    if (wanted.length > 0) await runProgram(uv, install)
  })
  if (runs === 'often') await compile(folder)
  return pythonOf(folder)
}

/** Compiles an environment, unless that was done before. */
async function compile(folder: string): Promise<void> {
  const compiled = `${folder}.compiled`
  if (existsSync(compiled)) return
  await alone(folder, async () => {
    if (existsSync(compiled)) return
    await runProgram(pythonOf(folder), ['-c', COMPILE, join(folder, 'lib')])
    await writeFile(compiled, '')
  })
}

/** Whether `testEnv` has built this environment before. */
export function hasTestEnv(packages: readonly string[]): boolean {
  const base = findPython()
  return base !== undefined && isReady(folderOf(base, [...new Set(packages)].sort()))
}

function folderOf(base: string, wanted: readonly string[]): string {
  const text = JSON.stringify(['compiled', base, wanted])
  return join(testEnvFolder(), createHash('sha256').update(text).digest('hex').slice(0, 16))
}

function isReady(folder: string): boolean {
  return existsSync(`${folder}.ready`) && existsSync(folder)
}

/**
 * A cached folder that holds what `build` makes there, built on first use. Undefined when it is not there and cannot be built:
 * without `build`, or where building fails, as it does without a network.
 */
export async function cachedFolder(
  name: string,
  build: ((folder: string, run: Run) => Promise<void>) | undefined,
): Promise<string | undefined> {
  const folder = join(testEnvFolder(), name)
  if (isReady(folder)) return folder
  if (build === undefined) return undefined
  try {
    await once(folder, async () => {
      await rm(folder, { recursive: true, force: true })
      await build(folder, runProgram)
    })
    return folder
  } catch (error) {
    process.stderr.write(`${name} cannot be built: ${error instanceof Error ? error.message : String(error)}\n`)
    return undefined
  }
}

function pythonOf(folder: string): string {
  return join(folder, 'bin', 'python')
}

/** uv from PATH, else one installed into the cache. */
async function findUv(base: string): Promise<string> {
  const found = findProgram('uv')
  if (found !== undefined) return found
  const folder = join(testEnvFolder(), 'uv')
  await once(folder, async () => {
    await runProgram(base, ['-m', 'venv', '--clear', folder])
    await runProgram(pythonOf(folder), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', 'uv'])
  })
  return join(folder, 'bin', 'uv')
}

/** Runs `build` unless the folder is marked as finished; one process at a time. */
async function once(folder: string, build: () => Promise<void>): Promise<void> {
  if (isReady(folder)) return
  await alone(folder, async () => {
    if (isReady(folder)) return
    await build()
    await writeFile(`${folder}.ready`, '')
  })
}

/** Runs `work` while no other process does so for this folder of the cache. */
export async function alone(folder: string, work: () => Promise<void>): Promise<void> {
  await mkdir(testEnvFolder(), { recursive: true })
  await withLock(`${folder}.held`, work)
}

/** Runs a program to its end. Throws with its last output when it fails or takes too long. */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; limitMs?: number } = {},
): Promise<void> {
  const { code, out } = await outputOf(program, args, { limitMs: BUILD_MS, ...options })
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}:\n${out.slice(-4000)}`)
}
