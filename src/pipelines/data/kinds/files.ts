/** Sources that are files and folders of the server's machine, below the folders that its operator names. */
import { constants } from 'node:fs'
import { open, readdir, realpath, stat } from 'node:fs/promises'
import type { BigIntStats } from 'node:fs'
import { join, sep } from 'node:path'
import { ifMissing } from '../../../contract/absence/absent.ts'
import { Problem, problem } from '../../../contract/errors.ts'
import { safePath } from '../../../store/blobs/archive.ts'
import { mapSome, putManifest, putMany, type TreeFile } from '../../../store/blobs/trees.ts'
import type { SourceAccess } from '../../context/deps.ts'
import { hashOf } from '../../spec/canonical.ts'
import type { Place } from '../../spec/external/source.ts'
import { SourceAway, within, type Asked, type Reading } from './asked.ts'

type FilePlace = Extract<Place, { kind: 'file' }>

/** Files that a folder may hold. */
const MOST_FILES = 100_000
/**
 * A file that changed less than this before it was looked at may change again without another time: file systems count in steps of up
 * to two seconds.
 */
const SETTLED_NS = 2_500_000_000n

interface Found {
  readonly path: string
  readonly source: string
  readonly stats: BigIntStats
}

/**
 * Reads a file or folder. It is unchanged where the same files have the same sizes, inodes and times of change (`ctime`, which a program
 * cannot set back), the newest of which were settled when they were read.
 */
export async function readFiles(asked: Asked<FilePlace>): Promise<Reading> {
  try {
    return await readBelow(asked)
  } catch (error) {
    throw inWords(error, asked.place.path)
  }
}

/** What the machine says of a path in words: gone meanwhile, or closed to the server. Other errors are as they were. */
export function inWords(error: unknown, path: string): unknown {
  const code = String((error as { code?: unknown }).code)
  if (GONE.includes(code)) return changed(path)
  if (!CLOSED.includes(code)) return error
  return problem('unprocessable', { detail: `the server may not read ${path}: ${(error as Error).message}` }, error)
}

/** What was listed is no more, or is a link by now. */
const GONE = ['ENOENT', 'ELOOP', 'ENOTDIR', 'ENXIO']
const CLOSED = ['EACCES', 'EPERM']

async function readBelow({ place, blobs, access, before, limits }: Asked<FilePlace>): Promise<Reading> {
  const root = await allowedPath(place.path, access)
  const asked = BigInt(Date.now()) * 1_000_000n
  const found = await listed(root)
  const token = tokenOf(found, asked)
  if (token !== null && token === before) return 'unchanged'
  for (const { stats } of found) limits.take(Number(stats.size))
  limits.check()
  const stored = await putMany(
    blobs,
    found.map((one) => () => within(contentOf(place.path, one), { ...limits, take: () => undefined })),
  )
  const files = found.map(({ path, stats }, at): TreeFile => {
    const { digest = '', size = -1 } = stored[at] ?? {}
    if (BigInt(size) !== stats.size) throw changed(place.path)
    return { path, size, digest, executable: (stats.mode & 0o100n) !== 0n }
  })
  if (stateOf(await listedAgain(root)) !== stateOf(found)) throw changed(place.path)
  const newest = found.reduce((most, { stats }) => Math.max(most, Number(stats.mtimeMs)), -Infinity)
  return {
    tree: await putManifest(blobs, files),
    version: null,
    dataAt: Number.isFinite(newest) ? newest : null,
    token,
  }
}

/** A file of this size or less is read whole, bytes: a stream costs more than that takes. */
const SMALL_BYTES = 256n * 1024n

/** The bytes of a file that is, before and after, the one that was listed. */
async function* contentOf(root: string, { source, stats }: Found): AsyncGenerator<Uint8Array> {
  const file = await open(source, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    if (!isSame(await file.stat({ bigint: true }), stats)) throw changed(root)
    if (stats.size <= SMALL_BYTES) yield await file.readFile()
    else yield* file.createReadStream({ autoClose: false }) as AsyncIterable<Uint8Array>
    if (!isSame(await file.stat({ bigint: true }), stats)) throw changed(root)
  } finally {
    await file.close()
  }
}

function changed(path: string): SourceAway {
  return new SourceAway(`${path} changed while it was read`)
}

/** The real path. Throws where it is not below a folder that may be read; whether it is there is told of those alone. */
export async function allowedPath(path: string, { folders, hidden }: SourceAccess): Promise<string> {
  const roots = await Promise.all(folders.map(async (folder) => (await ifMissing(realpath(folder))) ?? folder))
  const isNamed = folders.some((folder) => isBelow(path, folder)) || roots.some((root) => isBelow(path, root))
  const real = isNamed ? await ifMissing(realpath(path)) : path
  if (real === undefined)
    throw problem('unprocessable', { detail: `there is no file or folder ${path} where the server runs` })
  const own = await Promise.all(hidden.map(async (folder) => (await ifMissing(realpath(folder))) ?? folder))
  if (own.some((folder) => isBelow(real, folder) || isBelow(folder, real)))
    throw problem('unprocessable', {
      detail: `${path} holds the data folder of the server, or lies in it; that is not read as a source`,
    })
  if (isNamed && roots.some((root) => isBelow(real, root))) return real
  const why = isNamed ? ', for a link leads out of them' : ''
  const names =
    folders.length === 0
      ? 'SLIPWAY_SOURCE_FOLDERS of the server names none'
      : `the server reads below ${folders.join(', ')} (SLIPWAY_SOURCE_FOLDERS)`
  throw problem('unprocessable', {
    detail: `${path} is not below a folder from which sources may be read${why}: ${names}`,
  })
}

/** Whether a path is a folder or lies in it; both absolute and without `..`. */
export function isBelow(path: string, root: string): boolean {
  return path === root || path.startsWith(root === sep ? sep : root + sep)
}

/** The files as they are after they were read: what is refused by now was not before. */
async function listedAgain(root: string): Promise<Found[]> {
  try {
    return await listed(root)
  } catch (error) {
    throw error instanceof Problem ? changed(root) : error
  }
}

/** The files at a path, sorted. Throws for links and special files inside: a link could show what lies elsewhere. */
async function listed(root: string): Promise<Found[]> {
  const stats = await stat(root, { bigint: true })
  if (stats.isFile()) return [{ path: '', source: root, stats }]
  if (!stats.isDirectory()) throw problem('unprocessable', { detail: `${root} is no regular file and no folder` })
  const paths: string[] = []
  await walk('')
  if (paths.length === 0) throw problem('unprocessable', { detail: `the folder ${root} has no files` })
  return mapSome(paths.toSorted(), look)

  async function walk(below: string): Promise<void> {
    for (const entry of await readdir(join(root, below), { withFileTypes: true })) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`
      // such a name is read with this sign in place of its bytes, and finds nothing
      if (entry.name.includes('\uFFFD'))
        throw problem('unprocessable', { detail: `${JSON.stringify(path)} in ${root} has a name that is no UTF-8` })
      if (entry.isDirectory()) await walk(path)
      else if (!entry.isFile())
        throw problem('unprocessable', {
          detail: `"${path}" in ${root} is a link or a special file; only regular files are read`,
        })
      else paths.push(safePath(path))
      if (paths.length > MOST_FILES)
        throw problem('unprocessable', { detail: `the folder ${root} has more than ${MOST_FILES} files` })
    }
  }

  async function look(path: string): Promise<Found> {
    const source = join(root, path)
    const one = await ifMissing(stat(source, { bigint: true }))
    if (one === undefined) throw changed(root)
    return { path, source, stats: one }
  }
}

function isSame(a: BigIntStats, b: BigIntStats): boolean {
  return a.ino === b.ino && a.dev === b.dev && a.size === b.size && a.ctimeNs === b.ctimeNs && a.mtimeNs === b.mtimeNs
}

function stateOf(found: readonly Found[]): string {
  return hashOf(
    found.map(({ path, stats: { dev, ino, size, mtimeNs, ctimeNs } }) => [
      path,
      ...[dev, ino, size, mtimeNs, ctimeNs].map(String),
    ]),
  )
}

/** Null while a file may still change unseen. */
function tokenOf(found: readonly Found[], asked: bigint): string | null {
  return found.every(({ stats }) => asked - stats.ctimeNs > SETTLED_NS) ? stateOf(found) : null
}
