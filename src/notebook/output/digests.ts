/** Digests of the files of a package: its code, what stands beside it, what it reads. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'

/** Files of a project beside its code that decide what it runs with. */
const BESIDE = ['requirements.lock', 'pyproject.toml']

/** The digest of a file; null for what is none. */
export async function fileDigest(path: string): Promise<string | null> {
  const found = await ifMissing(stat(path))
  return found?.isFile() === true ? digestOf(path) : null
}

/** What stands below `src` of a project, data of its packages too, with digests. */
export async function codeDigests(project: string): Promise<Record<string, string>> {
  return digestsBelow(join(project, 'src'), '')
}

/** Modules and packages beside `src` of a project, which a step imports before those of the same name in `src` and of libraries. */
export async function besideModules(project: string): Promise<Record<string, string>> {
  const entries = ((await ifMissing(readdir(project))) ?? []).filter((name) => name !== 'tests' && name !== 'src')
  const found = await Promise.all(
    entries.map(async (name): Promise<Record<string, string>> => {
      const path = join(project, name)
      const own = /\.(?:py|so)$/.test(name) ? await fileDigest(path) : null
      if (own !== null) return { [`../${name}`]: own }
      const isPackage = (await fileDigest(join(path, '__init__.py'))) !== null
      return isPackage ? digestsBelow(path, `../${name}/`) : {}
    }),
  )
  return Object.assign({}, ...found) as Record<string, string>
}

/** What Python, editors and installers leave beside code, and is none. */
const LEFT = /(?:^|\/)(?:__pycache__|\.[^/]*|[^/]*\.egg-info)(?:\/|$)|\.pyc$/

/** The files of a folder and of those in it, with their digests, by path. */
async function digestsBelow(folder: string, prefix: string): Promise<Record<string, string>> {
  const entries = (await ifMissing(readdir(folder, { recursive: true }))) ?? []
  const paths = entries.filter((path) => !LEFT.test(path)).toSorted()
  const found = await Promise.all(paths.map(async (path) => [path, await fileDigest(join(folder, path))] as const))
  return Object.fromEntries(
    found.flatMap(([path, digest]) => (digest === null ? [] : [[`${prefix}${path}`, digest] as const])),
  )
}

/** The files beside the code that are there, with their digests. */
export async function besideDigests(project: string): Promise<Record<string, string>> {
  const found = await Promise.all(BESIDE.map(async (name) => [name, await fileDigest(join(project, name))] as const))
  return Object.fromEntries(found.flatMap(([name, digest]) => (digest === null ? [] : [[name, digest] as const])))
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const part of createReadStream(path)) hash.update(part as Buffer)
  return `sha256:${hash.digest('hex')}`
}
