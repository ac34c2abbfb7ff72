/** Builds an environment once per digest: installed by hash, compiled, read-only. */
import { existsSync } from 'node:fs'
import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ifMissing } from '../contract/absence/absent.ts'
import { problem } from '../contract/errors.ts'
import { runCommand } from './command.ts'
import { withLock } from './file-lock.ts'
import type { Lock, LockOptions } from './lock.ts'
import type { Interpreter } from './python.ts'
import { explainUv, findUv, runUv, uvEnvironment } from './uv.ts'

/** The interpreter of an environment if it is built. */
export function builtPython(cacheFolder: string, digest: string): string | undefined {
  const home = homeOf(cacheFolder, digest)
  return existsSync(join(home, '.complete')) ? join(home, 'bin', 'python') : undefined
}

/** Builds the environment, or waits for another process that does. Returns its interpreter. */
export async function buildEnvironment(lock: Lock, python: Interpreter, options: LockOptions): Promise<string> {
  const known = builtPython(options.cacheFolder, lock.digest)
  if (known !== undefined) return known
  const home = homeOf(options.cacheFolder, lock.digest)
  await mkdir(join(options.cacheFolder, 'envs'), { recursive: true })
  return withLock(`${home}.lock`, async () => {
    const done = builtPython(options.cacheFolder, lock.digest)
    if (done !== undefined) return done
    await removeEnvironment(home)
    if (lock.text === '') await makeBare(home, python)
    else await install(home, lock, python, options)
    // a build may have left a link by that name
    await rm(join(home, '.complete'), { force: true })
    await writeFile(join(home, '.complete'), '', { flag: 'wx' })
    await closeFolders(home)
    return join(home, 'bin', 'python')
  })
}

/** Deletes an environment, whose folders are read-only. */
export async function removeEnvironment(home: string): Promise<void> {
  for (const folder of await folders(home)) await chmod(folder, 0o755)
  await rm(home, { recursive: true, force: true })
}

async function makeBare(home: string, python: Interpreter): Promise<void> {
  const { code, stderr, stdout } = await runCommand(python.path, ['-m', 'venv', '--without-pip', home])
  if (code !== 0) {
    const detail = `${python.path} -m venv failed: ${(stderr || stdout).trim().slice(-500)}`
    throw problem('unprocessable', { detail, reason: 'python' })
  }
}

async function install(home: string, lock: Lock, python: Interpreter, options: LockOptions): Promise<void> {
  const uv = await findUv(options)
  const env = uvEnvironment(options.cacheFolder)
  const offline = options.offline ? ['--offline'] : []
  const made = await runCommand(uv, ['venv', '--quiet', '--python', python.path, home], { env })
  if (made.code !== 0) throw explainUv(made.stderr)
  options.say(`installing ${lock.packages.length} packages`)
  const args = ['pip', 'install', '--python', join(home, 'bin', 'python'), '--require-hashes', '--compile-bytecode']
  const installed = await runUv([...args, ...offline, '--no-deps', '--requirement', '-'], home, options, {
    input: lock.text,
    onLine: (line) => options.say(line.trim()),
  })
  if (installed.code !== 0) throw explainUv(installed.stderr)
}

/** Folders without write permission refuse a later pip install into the shared environment. Files may be links into uv's cache. */
async function closeFolders(home: string): Promise<void> {
  for (const folder of await folders(home)) await chmod(folder, 0o555)
}

async function folders(home: string): Promise<string[]> {
  const entries = await ifMissing(readdir(home, { withFileTypes: true, recursive: true }))
  if (entries === undefined) return []
  return [home, ...entries.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name))]
}

function homeOf(cacheFolder: string, digest: string): string {
  return join(cacheFolder, 'envs', digest.slice('sha256:'.length, 'sha256:'.length + 32))
}
