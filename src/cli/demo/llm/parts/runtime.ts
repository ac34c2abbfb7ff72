/** Brings what runs the model from npm into a folder of its own, by a lock that pins every package with its sum. */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { problem } from '../../../../contract/errors.ts'
import { runCommand } from '../../../../envs/command.ts'

/** What is installed: the texts of `package.json` and its lock, and the build of llama.cpp that this machine needs. */
export interface Wanted {
  readonly manifest: string
  readonly lock: string
  readonly native: string
}

interface Manifest {
  dependencies: Record<string, string>
  optionalDependencies?: Record<string, string>
}

interface Lock {
  packages: Record<string, { optional?: boolean } & Partial<Manifest>>
}

/** Installs into `folder`, which is there whole or not at all. No script of a package is run. Throws `unavailable` with npm's last words. */
export async function bringRuntime(folder: string, wanted: Wanted, say: (line: string) => void): Promise<void> {
  say('bringing node-llama-cpp and the official client of OpenAI from npm, 32 MB; this happens once')
  const fresh = `${folder}.new`
  await rm(fresh, { recursive: true, force: true })
  await mkdir(fresh, { recursive: true })
  const { manifest, lock } = narrowed(wanted)
  await writeFile(join(fresh, 'package.json'), manifest)
  await writeFile(join(fresh, 'package-lock.json'), lock)
  const args = ['ci', '--ignore-scripts', '--omit=optional', '--no-audit', '--no-fund', '--loglevel=error']
  const { code, stderr, stdout } = await runCommand('npm', args, { cwd: fresh, env: process.env })
  if (code !== 0)
    throw problem('unavailable', {
      what: 'the package registry of npm',
      detail: `npm ci ended with ${code}, and the model cannot run without its packages: ${(stderr || stdout).trim().slice(-800)}`,
      reason: 'network',
    })
  await rename(fresh, folder)
}

/**
 * The manifest and its lock with the one build that is needed as a dependency like any other, so that what is optional can be left
 * out: node-llama-cpp names builds for graphics cards, hundreds of megabytes each.
 */
function narrowed({ manifest, lock, native }: Wanted): { readonly manifest: string; readonly lock: string } {
  const whole = JSON.parse(manifest) as Manifest
  const version = whole.optionalDependencies?.[native]
  if (version === undefined) throw new Error(`the lock of the demo has no ${native}`)
  const { optionalDependencies: _others, ...needed } = whole
  needed.dependencies = { ...needed.dependencies, [native]: version }
  const locked = JSON.parse(lock) as Lock
  const { optionalDependencies: _same, ...root } = locked.packages[''] ?? {}
  locked.packages[''] = { ...root, dependencies: needed.dependencies }
  const build = locked.packages[`node_modules/${native}`]
  if (build !== undefined) delete build.optional
  return { manifest: JSON.stringify(needed), lock: JSON.stringify(locked) }
}
