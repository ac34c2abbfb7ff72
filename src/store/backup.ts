/** Backups: one tar file with a manifest of hashes, made while the server runs, verified when it is made and when it is restored. */
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, existsSync, readdirSync } from 'node:fs'
import { copyFile, link, mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { problem, type Problem } from '../contract/errors.ts'
import { readArchive, writeArchive, type ArchiveEntry, type PackedFile } from './archive.ts'
import type { Blobs, Digest } from './blobs.ts'
import { openDiskBlobs } from './disk-blobs.ts'
import { explained } from './failures.ts'
import { ReaderThread } from './reader.ts'
import { listSegments } from './segments.ts'
import { syncFolder } from './wal.ts'

/** What was saved or brought back. */
export interface BackupResult {
  readonly blobs: number
  /** Bytes of all files in the backup. */
  readonly bytes: number
}

interface Entry {
  readonly path: string
  readonly size: number
  /** Hex sha256. */
  readonly sha256: string
}

interface Manifest {
  readonly format: 1
  /** RFC 3339. */
  readonly created_at: string
  readonly files: readonly Entry[]
}

const MANIFEST = 'manifest.json'
const DATABASE = 'slipway.db'

/** Keys that seal what lies in the database: every file of this name in the data folder. */
const KEY = /^[\w-]+\.key$/

/** What a backup may hold. */
const KNOWN = /^(slipway\.db|[\w-]+\.key|blobs\/[0-9a-f]{2}\/[0-9a-f]{62}|segments\/[\w.]+-\d{8,}\.seg)$/

/** Where a store keeps what does not lie in its data folder. */
export interface Elsewhere {
  readonly databaseUrl?: string | undefined
  readonly blobs?: Blobs | undefined
}

/**
 * Copies the database, the blobs, the segments and the keys that seal secrets (`*.key`) of a data folder into the new file `file`
 * (mode 0600), then reads it back and verifies every hash. A server may be running on the folder. The access token is not in it: a
 * restored server makes a new one. Blobs that lie elsewhere are streamed in. Throws `not_found`, `already_exists`, `corrupt_blob`,
 * `conflict` when a blob elsewhere goes meanwhile, and `unprocessable` when the database is PostgreSQL.
 */
export async function backup(dataDir: string, file: string, elsewhere: Elsewhere = {}): Promise<BackupResult> {
  if (elsewhere.databaseUrl !== undefined) throw problem('unprocessable', { detail: ON_POSTGRES })
  if (!existsSync(join(dataDir, DATABASE)))
    throw problem('not_found', { what: 'database', id: join(dataDir, DATABASE) })
  if (existsSync(file)) throw problem('already_exists', { what: 'file', id: file })
  const staging = join(dataDir, `backup-${randomUUID()}`)
  const partial = `${file}.${randomUUID()}.partial`
  try {
    await mkdir(staging, { mode: 0o700 })
    const files = await stage(dataDir, staging, elsewhere.blobs)
    await writeDurably(partial, writeArchive(files))
    const result = await verify(partial, async () => undefined)
    await rename(partial, file)
    syncFolder(dirname(resolve(file)))
    return result
  } catch (error) {
    throw explained(error)
  } finally {
    await rm(staging, { recursive: true, force: true })
    await rm(partial, { force: true })
  }
}

/**
 * Makes the data folder `dataDir` (missing or empty) from a backup, with the blobs in `blobs` where that is given. Every hash is
 * verified before anything is moved into place; blobs elsewhere are stored one by one, each verified, and stay when a later one is
 * damaged. Throws `bad_request` for a file that is no sound backup and `conflict` for a folder that is not empty.
 */
export async function restore(file: string, dataDir: string, blobs?: Blobs): Promise<BackupResult> {
  const target = resolve(dataDir)
  if (!existsSync(file)) throw problem('not_found', { what: 'file', id: file })
  if (existsSync(target) && readdirSync(target).length > 0) {
    throw problem('conflict', { detail: `the folder ${dataDir} is not empty; restore into a new one` })
  }
  await mkdir(dirname(target), { recursive: true })
  const staging = `${target}.restoring-${randomUUID()}`
  try {
    await mkdir(join(staging, 'segments'), { recursive: true, mode: 0o700 })
    const result = await verify(file, (entry) => unpack(staging, entry, blobs))
    await rm(target, { recursive: true, force: true })
    await rename(staging, target)
    syncFolder(dirname(target))
    return result
  } catch (error) {
    throw explained(error)
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
}

const ON_POSTGRES =
  'this store keeps its database in PostgreSQL; save that with pg_dump, then copy "*.key" and "blobs" of the data folder'

/** Puts everything where nobody changes it: a snapshot first, so that each blob that it names is there; blobs as hard links. */
async function stage(dataDir: string, staging: string, blobs: Blobs | undefined): Promise<PackedFile[]> {
  const thread = new ReaderThread(join(dataDir, DATABASE))
  try {
    await thread.snapshot(join(staging, DATABASE))
  } finally {
    await thread.close()
  }
  await mkdir(join(staging, 'segments'))
  const taken = [
    ...readdirSync(dataDir).filter((name) => KEY.test(name)),
    ...listSegments(join(dataDir, 'segments')).map(({ name }) => `segments/${name}`),
  ]
  const entries = [await described(staging, DATABASE)]
  for (const path of taken) {
    if (!(await gone(copyFile(join(dataDir, path), join(staging, path))))) entries.push(await described(staging, path))
  }
  const stored = blobs === undefined ? stagedBlobs(join(dataDir, 'blobs'), staging) : blobEntries(blobs)
  for await (const entry of stored) entries.push(entry)
  const manifest: Manifest = { format: 1, created_at: new Date().toISOString(), files: entries }
  await writeFile(join(staging, MANIFEST), JSON.stringify(manifest))
  const { size } = await stat(join(staging, MANIFEST))
  return [{ path: MANIFEST, size }, ...entries].map((entry) => ({
    path: entry.path,
    size: entry.size,
    executable: false,
    source:
      blobs !== undefined && entry.path.startsWith('blobs/')
        ? () => readBlob(blobs, entry.path)
        : join(staging, entry.path),
  }))
}

async function* blobEntries(blobs: Blobs): AsyncGenerator<Entry> {
  for await (const { digest, size } of blobs.list()) {
    const sha256 = digest.slice('sha256:'.length)
    yield { path: `blobs/${sha256.slice(0, 2)}/${sha256.slice(2)}`, size, sha256 }
  }
}

async function* stagedBlobs(folder: string, staging: string): AsyncGenerator<Entry> {
  for await (const entry of blobEntries(openDiskBlobs(folder))) {
    const { path } = entry
    await mkdir(join(staging, dirname(path)), { recursive: true })
    if (!(await gone(link(join(folder, path.slice('blobs/'.length)), join(staging, path))))) yield entry
  }
}

/** The digest of the blob that lies at a path of the backup. */
function digestAt(path: string): Digest {
  return `sha256:${path.slice('blobs/'.length).replace('/', '')}`
}

/** Streams a blob that lies elsewhere. The manifest names it already, so it must still be there. */
async function* readBlob(blobs: Blobs, path: string): AsyncGenerator<Uint8Array> {
  const { stream } = await blobs.read(digestAt(path)).catch((error: unknown) => {
    if ((error as { code?: unknown }).code !== 'not_found') throw error
    throw problem(
      'conflict',
      { detail: `${digestAt(path)} was deleted while the backup was made; make it again` },
      error,
    )
  })
  yield* stream as AsyncIterable<Uint8Array>
}

/** True when the file was deleted before it could be taken. */
async function gone(taken: Promise<void>): Promise<boolean> {
  try {
    await taken
    return false
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return true
    throw error
  }
}

async function described(folder: string, path: string): Promise<Entry> {
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of createReadStream(join(folder, path)) as AsyncIterable<Buffer>) {
    hash.update(chunk)
    size += chunk.length
  }
  return { path, size, sha256: hash.digest('hex') }
}

/** Reads a whole backup, passes each file to `take`, and throws unless all of it is exactly what the manifest says. */
async function verify(file: string, take: (entry: ArchiveEntry) => Promise<void>): Promise<BackupResult> {
  const limits = { bytes: Number.MAX_SAFE_INTEGER, files: Number.MAX_SAFE_INTEGER }
  let expected: Map<string, Entry> | undefined
  let bytes = 0
  let blobs = 0
  for await (const entry of readArchive(createReadStream(file), limits)) {
    if (expected === undefined) {
      expected = await readManifest(entry)
      continue
    }
    const wanted = expected.get(entry.path)
    if (wanted === undefined) throw unsound(`it holds ${entry.path}, which its manifest does not name`)
    expected.delete(entry.path)
    await takeHashed(entry, wanted, take)
    bytes += entry.size
    if (entry.path.startsWith('blobs/')) blobs += 1
  }
  if (expected === undefined) throw unsound('it is empty')
  const [missing] = expected.keys()
  if (missing !== undefined) throw unsound(`${missing} is missing`)
  return { blobs, bytes }
}

async function takeHashed(
  entry: ArchiveEntry,
  wanted: Entry,
  take: (entry: ArchiveEntry) => Promise<void>,
): Promise<void> {
  const hash = createHash('sha256')
  async function* hashed(): AsyncGenerator<Uint8Array> {
    for await (const chunk of entry.body) {
      hash.update(chunk)
      yield chunk
    }
  }
  const body = hashed()
  await take({ ...entry, body })
  // What the taker left is hashed too.
  while ((await body.next()).done !== true);
  if (entry.size === wanted.size && hash.digest('hex') === wanted.sha256) return
  if (entry.path.startsWith('blobs/')) throw problem('corrupt_blob', { digest: `sha256:${wanted.sha256}` })
  throw unsound(`${entry.path} does not match its hash`)
}

async function readManifest(entry: ArchiveEntry): Promise<Map<string, Entry>> {
  if (entry.path !== MANIFEST) throw unsound(`it begins with ${entry.path} and not with ${MANIFEST}`)
  const chunks: Uint8Array[] = []
  for await (const chunk of entry.body) chunks.push(chunk)
  const files = parseManifest(Buffer.concat(chunks).toString('utf8'))
  const byPath = new Map<string, Entry>()
  for (const file of files) {
    const wrong =
      !KNOWN.test(file.path) || (file.path.startsWith('blobs/') && digestAt(file.path) !== `sha256:${file.sha256}`)
    if (wrong) throw unsound(`its manifest names ${JSON.stringify(file.path)}`)
    byPath.set(file.path, file)
  }
  if (!byPath.has(DATABASE)) throw unsound('its manifest names no database')
  return byPath
}

function parseManifest(text: string): readonly Entry[] {
  let manifest: Partial<Manifest>
  try {
    manifest = JSON.parse(text) as Partial<Manifest>
  } catch (error) {
    throw unsound('its manifest is not JSON', error)
  }
  if (manifest.format !== 1) throw unsound(`its format is ${String(manifest.format)}; this version knows format 1`)
  const files = Array.isArray(manifest.files) ? manifest.files : []
  for (const file of files as Partial<Entry>[]) {
    if (typeof file.path !== 'string' || typeof file.size !== 'number' || typeof file.sha256 !== 'string') {
      throw unsound('its manifest is malformed')
    }
  }
  return files
}

async function unpack(folder: string, entry: ArchiveEntry, blobs: Blobs | undefined): Promise<void> {
  if (blobs !== undefined && entry.path.startsWith('blobs/')) {
    await blobs.put(entry.body, { digest: digestAt(entry.path), size: entry.size }).catch(damagedBlob(entry.path))
    return
  }
  const path = join(folder, entry.path)
  await mkdir(dirname(path), { recursive: true })
  await writeDurably(path, entry.body, entry.path.startsWith('blobs/') ? 0o444 : 0o600)
}

/** A blob whose bytes differ from its name is told as it is on disk. */
function damagedBlob(path: string): (error: unknown) => never {
  return (error) => {
    if ((error as { code?: unknown }).code !== 'unprocessable') throw error
    throw problem('corrupt_blob', { digest: digestAt(path) }, error)
  }
}

async function writeDurably(path: string, body: AsyncIterable<Uint8Array>, mode = 0o600): Promise<void> {
  const handle = await open(path, 'wx', mode)
  try {
    for await (const chunk of body) await handle.writeFile(chunk)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function unsound(detail: string, cause?: unknown): Problem {
  return problem('bad_request', { detail: `this is no sound backup: ${detail}` }, cause)
}
