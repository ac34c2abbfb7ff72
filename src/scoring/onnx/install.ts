/** ONNX Runtime, a third of a gigabyte that few need: brought from npm when the first ONNX model is served, kept in the cache. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { problem } from '../../contract/errors.ts'

/** Holds the exact versions with their hashes. */
const RECIPE = join(import.meta.dirname, 'runtime')
const VERSION = '1.30.0'
const LIMIT_MS = 10 * 60_000
const run = promisify(execFile)

const installing = new Map<string, Promise<string>>()

/**
 * The folder from which `onnxruntime-node` can be required; installed there once. Throws `unavailable` when it is not there and
 * cannot be brought.
 */
export function onnxRuntime(cacheFolder: string): Promise<string> {
  const folder = join(cacheFolder, 'onnxruntime', VERSION)
  if (existsSync(folder)) return Promise.resolve(folder)
  const running = installing.get(folder) ?? install(folder).finally(() => installing.delete(folder))
  installing.set(folder, running)
  return running
}

/** Installs beside the place and moves the whole there, so that a half-made one is never seen. */
async function install(folder: string): Promise<string> {
  const fresh = `${folder}.${process.pid}.new`
  try {
    await mkdir(fresh, { recursive: true })
    for (const file of ['package.json', 'package-lock.json']) await copyFile(join(RECIPE, file), join(fresh, file))
    // its install script only fetches GPU libraries from elsewhere
    const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    await run('npm', ['ci', ...flags], { cwd: fresh, timeout: LIMIT_MS, maxBuffer: 1024 * 1024 })
    await mkdir(dirname(folder), { recursive: true })
    await rename(fresh, folder).catch((error: unknown) => {
      // another process was quicker
      if (!existsSync(folder)) throw error
    })
    return folder
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim().split('\n').at(-1)
    const detail = `it cannot be brought from npm: ${said ?? (error as Error).message}`
    throw problem('unavailable', { what: 'ONNX Runtime', detail }, error)
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
}
