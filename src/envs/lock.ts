/** Resolves a request to exact packages with hashes, once: the result is kept by the request's hash. */
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ifMissing } from '../contract/absence/absent.ts'
import type { Interpreter } from './python.ts'
import { isBare, requestKey, type EnvRequest } from './request.ts'
import { refuseStale } from './stale.ts'
import { explainUv, runUv, type UvOptions } from './uv.ts'

/** An environment as it is resolved, before it is built. */
export interface Lock {
  /** Hash of the packages with their hashes, the interpreter's full version and the platform. */
  readonly digest: string
  readonly python_version: string
  readonly platform: string
  /** A requirements file with exact versions and hashes, without comments. */
  readonly text: string
  readonly packages: readonly { readonly name: string; readonly version: string }[]
}

export type LockOptions = UvOptions

/** Resolves, or takes the kept result without any network. Throws what `explainUv` says. */
export async function lockRequest(request: EnvRequest, python: Interpreter, options: LockOptions): Promise<Lock> {
  const kept = join(options.cacheFolder, 'locks', requestKey(request, python.version, python.platform))
  const known = await ifMissing(readFile(kept, 'utf8'))
  if (known !== undefined) return makeLock(known, python)
  const text = isBare(request) ? '' : await resolve(request, python, options)
  await mkdir(dirname(kept), { recursive: true })
  // of its own, for the same packages may be asked for twice at once
  const temporary = `${kept}.${randomUUID()}.tmp`
  await writeFile(temporary, text)
  await rename(temporary, kept)
  return makeLock(text, python)
}

/** The lock of a resolved text for an interpreter. */
export function makeLock(text: string, python: Interpreter): Lock {
  const hash = createHash('sha256').update(JSON.stringify(['env1', text, python.version, python.platform]))
  return {
    digest: `sha256:${hash.digest('hex')}`,
    python_version: python.version,
    platform: python.platform,
    text,
    packages: [...text.matchAll(/^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==([^\s;\\]+)/gm)].map(
      ([, name = '', version = '']) => ({
        name,
        version,
      }),
    ),
  }
}

async function resolve(request: EnvRequest, python: Interpreter, options: LockOptions): Promise<string> {
  // not in the folder for temporary files, where a step could write into it
  await mkdir(join(options.cacheFolder, 'locks'), { recursive: true })
  const folder = await mkdtemp(join(options.cacheFolder, 'locks', '.resolve-'))
  try {
    for (const [path, text] of Object.entries(request.files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await writeFile(join(folder, path), text)
    }
    options.say('resolving packages')
    if (request.kind === 'lock') await refuseStale(folder, { ...options, files: request.files, python })
    const [first = ''] = Object.keys(request.files)
    const args =
      request.kind === 'lock'
        ? ['export', '--frozen', '--no-emit-project', '--no-dev', '--no-header', '--no-annotate', '--quiet']
        : ['pip', 'compile', '--generate-hashes', '--no-header', '--no-annotate', '--quiet', first]
    const command = [...args, '--python', python.path, ...(options.offline ? ['--offline'] : [])]
    const { code, stdout, stderr } = await runUv(command, folder, options, { cwd: folder })
    if (code !== 0) throw explainUv(stderr)
    return normal(stdout)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Without comments and empty lines, so that equal locks are equal texts. */
function normal(text: string): string {
  return text
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .map((line) => `${line.trimEnd()}\n`)
    .join('')
}
