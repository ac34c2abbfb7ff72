/** Files and folders kept by content: a sorted manifest, stored as a blob whose digest names the whole. */
import { constants, createReadStream, createWriteStream } from 'node:fs'
import type { Dirent } from 'node:fs'
import { chmod, copyFile, link, lstat, mkdir, readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { finished, pipeline } from 'node:stream/promises'
import { ifMissing, ifRefused } from '../../contract/absence/absent.ts'
import { Problem, problem } from '../../contract/errors.ts'
import { readArchive, safePath, type ArchiveLimits } from './archive.ts'
import type { BlobInfo, Blobs } from './blobs.ts'
import { digestOf, verified } from './verify.ts'

/** A file of a tree. `path` is relative with `/`; '' when the tree is that one file. Times and owners are not kept. */
export interface TreeFile {
  readonly path: string
  readonly size: number
  readonly digest: string
  readonly executable: boolean
}

/** What a tree is known by: its manifest's digest, bytes of all files, number of files. */
export interface TreeInfo {
  readonly digest: string
  readonly size: number
  readonly files: number
}

/** Files written or read at the same time. */
const AT_ONCE = 8

/** Largest manifest that is read, bytes. */
const MANIFEST_LIMIT = 64 * 1024 * 1024

/**
 * Stores a file or a folder. Empty folders are not kept. Throws `unprocessable` for links, sockets and other special files
 * inside it, since a link could show what lies elsewhere; `not_found` when nothing is there.
 */
export async function putTree(blobs: Blobs, path: string): Promise<TreeInfo> {
  const found = await ifMissing(lstat(path))
  if (found === undefined) throw problem('not_found', { what: 'file or folder', id: path })
  const sources = found.isDirectory() ? await walk(path, '') : [{ path: '', source: path }]
  if (!found.isDirectory() && !found.isFile()) throw special(path)
  const looked = await mapSome(sources, ({ source }) => lstat(source))
  const stored = await putMany(
    blobs,
    sources.map(
      ({ source }, at) =>
        () =>
          contentOf(source, looked[at]?.size ?? 0),
    ),
  )
  const files = sources.map(({ path }, at): TreeFile => {
    const { digest = '', size = 0 } = stored[at] ?? {}
    return { path, size, digest, executable: ((looked[at]?.mode ?? 0) & 0o100) !== 0 }
  })
  return putManifest(blobs, files)
}

/** A file of this size or less is read whole, bytes: a stream costs more than that takes. */
const SMALL_BYTES = 256 * 1024

/** A store that refuses before it reads opens nothing. */
async function* contentOf(path: string, size: number): AsyncGenerator<Uint8Array> {
  if (size <= SMALL_BYTES) yield await readFile(path)
  else yield* createReadStream(path) as AsyncIterable<Uint8Array>
}

/** So few files are stored one by one: to have the whole file system written out takes longer. */
const FEW = 16

/** Stores many blobs, in their order; a source is asked for when its turn comes. */
export async function putMany(
  blobs: Blobs,
  sources: readonly (() => AsyncIterable<Uint8Array>)[],
): Promise<BlobInfo[]> {
  if (blobs.putMany !== undefined && sources.length > FEW) return blobs.putMany(sources)
  return mapSome(sources, (source) => blobs.put(source()))
}

/** Stores the files of a tar stream as a tree; see `readArchive` for what is refused. */
export async function putArchive(
  blobs: Blobs,
  source: AsyncIterable<Uint8Array>,
  limits: ArchiveLimits,
): Promise<TreeInfo> {
  const files: TreeFile[] = []
  for await (const entry of readArchive(source, limits)) {
    const { digest, size } = await blobs.put(entry.body, { size: entry.size })
    files.push({ path: entry.path, size, digest, executable: entry.executable })
  }
  refuseOverlap(files)
  return putManifest(blobs, files)
}

/** Stores a tree of files whose blobs are there already. */
export async function putManifest(blobs: Blobs, files: readonly TreeFile[]): Promise<TreeInfo> {
  const { digest } = await blobs.put(manifestOf(files))
  return { digest, size: files.reduce((sum, file) => sum + file.size, 0), files: files.length }
}

/** The digest that a tree of such files has; nothing is stored. */
export function treeDigest(files: readonly TreeFile[]): string {
  return digestOf(manifestOf(files))
}

function manifestOf(files: readonly TreeFile[]): Buffer {
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1))
  const lines = sorted.map(({ path, size, digest, executable }) => [path, size, digest, executable ? 1 : 0])
  return Buffer.from(JSON.stringify({ slipway_tree: 1, files: lines }))
}

/** The files of a tree, sorted by path. Throws `not_found`; `unprocessable` when the blob is not a tree. */
export async function treeFiles(blobs: Pick<Blobs, 'bytes'>, digest: string): Promise<TreeFile[]> {
  const bytes = await blobs.bytes(digest)
  if (bytes.length > MANIFEST_LIMIT) throw problem('unprocessable', { detail: `blob ${digest} is not a tree` })
  return parseManifest(bytes.toString('utf8'), digest)
}

/**
 * Whether a tree can be laid out, as far as is known: its manifest is there, and none of its files is among those that `faulty` names. Its
 * files are not asked for, which for thousands of them in S3 takes minutes.
 */
export async function isWhole(blobs: Blobs, digest: string, faulty: ReadonlySet<string>): Promise<boolean> {
  if (faulty.has(digest) || !(await blobs.has(digest))) return false
  if (faulty.size === 0) return true
  const files = await ifRefused(treeFiles(blobs, digest), 'not_found', 'corrupt_blob', 'unprocessable')
  return files !== undefined && !files.some((file) => faulty.has(file.digest))
}

/** Trees whose manifests are held at once. */
const MANIFESTS = 1000

/** The files of many trees, in their order. Throws as `treeFiles`. */
export async function filesOfTrees(blobs: Blobs, digests: readonly string[]): Promise<TreeFile[][]> {
  if (blobs.bytesMany === undefined) return mapSome(digests, (digest) => treeFiles(blobs, digest))
  const trees: TreeFile[][] = []
  for (let at = 0; at < digests.length; at += MANIFESTS) {
    const some = digests.slice(at, at + MANIFESTS)
    const manifests = await blobs.bytesMany(some)
    for (const [i, digest] of some.entries()) trees.push(parseManifest(manifests[i]?.toString('utf8') ?? '', digest))
  }
  return trees
}

/** The table of a tree: the tree itself where it is one file, else its first CSV, else its first file of Parquet. Undefined where it has none. */
export async function treeTable(blobs: Blobs, digest: string): Promise<Buffer | undefined> {
  const files = await treeFiles(blobs, digest)
  const file = tableIn(files) ?? files.find(({ path }) => path.endsWith('.parquet'))
  return file === undefined ? undefined : blobs.bytes(file.digest)
}

/** The file of a tree's table: the tree itself where it is one file, else its first CSV. */
export async function treeTableFile(blobs: Pick<Blobs, 'bytes'>, digest: string): Promise<TreeFile | undefined> {
  return tableIn(await treeFiles(blobs, digest))
}

function tableIn(files: readonly TreeFile[]): TreeFile | undefined {
  return files.find(({ path }) => path === '' || path.endsWith('.csv'))
}

/**
 * Writes a tree to `destination`, which must not exist; its parent must. Throws `corrupt_blob` when a file is not what its digest says, and `not_found` when it is gone. With `link` the files are read-only hard links
 * where that is safe and possible, else read-only copies: root can write to read-only files and so would change the blob,
 * therefore root gets copies (sharing blocks where the file system can).
 */
export async function materialise(
  blobs: Blobs,
  digest: string,
  destination: string,
  options: { readonly link?: boolean; readonly writable?: boolean } = {},
): Promise<TreeFile[]> {
  const files = await treeFiles(blobs, digest)
  const single = files.length === 1 && files[0]?.path === ''
  if (!single) await mkdir(destination)
  const folders = new Set(files.map((file) => dirname(join(destination, file.path))))
  for (const folder of single ? [] : folders) await mkdir(folder, { recursive: true })
  await eachThoughHurt(files, async (file) => {
    const target = file.path === '' ? destination : join(destination, safePath(file.path))
    await place(blobs, file, target, options)
  })
  return files
}

/**
 * Does the work for each, also where a blob is found damaged or gone: all such blobs are known before the first fault is thrown, and one
 * repair mends them all. Any other fault is thrown at once.
 */
export async function eachThoughHurt<A>(items: readonly A[], work: (item: A) => Promise<unknown>): Promise<void> {
  const hurt: unknown[] = []
  await mapSome(items, async (item) => {
    try {
      await work(item)
    } catch (error) {
      if (!(error instanceof Problem) || !HURT.includes(error.code)) throw error
      hurt.push(error)
    }
  })
  if (hurt.length > 0) throw hurt[0]
}

const HURT: readonly string[] = ['corrupt_blob', 'not_found']

/** Every digest that a tree needs: its own and its files'. For garbage collection. */
export async function* treeDigests(blobs: Blobs, digest: string): AsyncGenerator<string> {
  yield digest
  for (const file of await treeFiles(blobs, digest)) yield file.digest
}

async function place(
  blobs: Blobs,
  file: TreeFile,
  target: string,
  options: { readonly link?: boolean; readonly writable?: boolean },
): Promise<void> {
  try {
    await placeVerified(blobs, file, target, options)
  } catch (error) {
    const { code } = error as { code?: unknown }
    if (code === 'corrupt_blob') blobs.corrupt?.(file)
    const isGone = (code === 'ENOENT' || code === 'not_found') && !(await blobs.has(file.digest))
    if (isGone) blobs.missing?.(file)
    // the same as where blobs lie elsewhere: the paths of this machine are nobody's business
    throw isGone ? problem('not_found', { what: 'blob', id: file.digest }) : error
  }
}

async function placeVerified(
  blobs: Blobs,
  file: TreeFile,
  target: string,
  options: { readonly link?: boolean; readonly writable?: boolean },
): Promise<void> {
  const source = blobs.path(file.digest)
  if (source !== undefined && options.link === true && !file.executable && process.getuid?.() !== 0) {
    await refuseCorrupt(source, file.digest)
    const linked = await link(source, target).then(
      () => true,
      () => false,
    )
    if (linked) return chmod(target, 0o400)
  }
  if (source === undefined) await download(blobs, file.digest, target)
  else await copyVerified(source, target, file.digest)
  await chmod(target, (options.writable === true ? 0o600 : 0o400) | (file.executable ? 0o100 : 0))
}

/** Copies a blob, sharing its blocks where the file system can, and holds the copy against its digest: what is laid out is loaded unseen. */
async function copyVerified(source: string, target: string, digest: string): Promise<void> {
  await copyFile(source, target, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL)
  await refuseCorrupt(target, digest)
}

/** Throws `corrupt_blob` when the bytes of a file are not those of the digest. */
async function refuseCorrupt(path: string, digest: string): Promise<void> {
  await finished(verified(createReadStream(path), digest).resume())
}

async function download(blobs: Blobs, digest: string, target: string): Promise<void> {
  const { stream } = await blobs.read(digest)
  await pipeline(stream, createWriteStream(target, { flags: 'wx' }))
}

async function walk(root: string, prefix: string): Promise<{ path: string; source: string }[]> {
  const entries = await readdir(join(root, prefix), { withFileTypes: true })
  const found: { path: string; source: string }[] = []
  for (const entry of entries) {
    const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`
    if (entry.isDirectory()) found.push(...(await walk(root, path)))
    else if (entry.isFile()) found.push({ path: safePath(path), source: join(root, path) })
    else throw special(path, entry)
  }
  return found
}

function special(path: string, entry?: Dirent): Problem {
  const kind = entry?.isSymbolicLink() === true ? 'a symbolic link' : 'a special file'
  return problem('unprocessable', { detail: `"${path}" is ${kind}; only regular files and folders are kept` })
}

function parseManifest(text: string, digest: string): TreeFile[] {
  const refuse = (): never => {
    throw problem('unprocessable', { detail: `blob ${digest} is not a tree` })
  }
  if (!text.startsWith('{"slipway_tree":1,')) return refuse()
  const { files } = JSON.parse(text) as { files: [string, number, string, number][] }
  return files.map(([path, size, digest, executable]) => ({ path, size, digest, executable: executable === 1 }))
}

/** A path that is a file in one entry and a folder in another cannot be laid out. */
export function refuseOverlap(files: readonly TreeFile[]): void {
  const paths = new Set(files.map((file) => file.path))
  for (const { path } of files) {
    for (let at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1)) {
      if (paths.has(path.slice(0, at))) {
        throw problem('bad_request', { detail: `"${path.slice(0, at)}" is both a file and a folder` })
      }
    }
  }
}

/** Does the work for each, few at the same time; results in their order. The first fault is thrown while others may still go on. */
export async function mapSome<A, B>(items: readonly A[], work: (item: A) => Promise<B>): Promise<B[]> {
  const results: B[] = []
  const rest = items.entries()
  const worker = async (): Promise<void> => {
    for (const [at, item] of rest) results[at] = await work(item)
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker))
  return results
}
