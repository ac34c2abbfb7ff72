/** Backups: one tar file with a manifest of hashes, made while the server runs, verified when it is made and when it is restored. */
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, readdirSync } from 'node:fs'
import { copyFile, link, mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { problem } from '../../contract/errors.ts'
import { readArchive, writeArchive, type ArchiveEntry, type PackedFile } from '../blobs/archive.ts'
import type { Blobs, Digest } from '../blobs/blobs.ts'
import { openDiskBlobs } from '../blobs/disk.ts'
import { explained } from '../failures.ts'
import { faultPoint } from '../fault.ts'
import { corruptAmong, isCorrupt } from './corrupt.ts'
import { missingBlobs, reading } from './missing.ts'
import type { Needed } from './missing.ts'
import { BESIDE, DATABASE, digestAt, LOGS, MANIFEST, readManifest, tableAt, tableFile, unsound } from './manifest.ts'
import type { Entry, Manifest } from './manifest.ts'
import { RESTORED_FILE } from './restored.ts'
import type { RestoredNote } from './restored.ts'
import { restoringOf, stagingOf } from './leftovers.ts'
import { clearScratch, makeScratch } from './scratch.ts'
import type { Scratch } from './scratch.ts'
import { saveTables, startLoading, type Loading, type SavedDatabase } from '../postgres/snapshot.ts'
import { UpkeepThread } from '../sqlite/upkeep.ts'
import { listSegments } from '../segments/segments.ts'
import { syncFolder } from '../sqlite/wal.ts'

/** What was saved or brought back. */
export interface BackupResult {
  readonly blobs: number
  /** Bytes of all files in the backup. */
  readonly bytes: number
  /** Corrupt blobs that are not in it. */
  readonly left_out: readonly Digest[]
  /** Blobs that its rows need and that were not there; null where that was not compared. */
  readonly missing: readonly Digest[] | null
}

/** Keys that seal what lies in the database, and the checkpoints of the audit chain: every file of this name in the data folder. */
const KEPT = /^[\w-]+\.(?:key|jsonl)$/

/** Where a store keeps what does not lie in its data folder. */
export interface Elsewhere {
  readonly databaseUrl?: string | undefined
  readonly blobs?: Blobs | undefined
}

export interface BackupOptions extends Elsewhere {
  /** Leaves out blobs whose bytes are not those of their digest, and does without those that are missing; the manifest names them. */
  readonly skipCorrupt?: boolean
  /** What rows need of the blobs; without it nobody asks whether all of it is there. */
  readonly needed?: Needed
}

/**
 * Copies the database and those beside it, the blobs, the segments, the keys that seal secrets (`*.key`) and the checkpoints of the audit chain of a data folder into the new file `file`
 * (mode 0600), then reads it back and verifies every hash. A server may be running on the folder. The access token is not in it: a
 * restored server makes a new one. The tables of a PostgreSQL are read in one transaction, as they were at one moment; blobs that
 * lie elsewhere are streamed in. Throws `not_found`, `already_exists`, `corrupt_blobs` also for those that rows need and that are missing, and
 * `conflict` when a blob elsewhere goes meanwhile.
 */
export async function backup(dataDir: string, file: string, options: BackupOptions = {}): Promise<BackupResult> {
  const database = options.databaseUrl === undefined ? join(dataDir, DATABASE) : dataDir
  if (!existsSync(database)) throw problem('not_found', { what: 'database', id: database })
  if (existsSync(file)) throw problem('already_exists', { what: 'file', id: file })
  // what a backup that was killed has left
  for (const beginning of [stagingOf(dataDir), makingOf(file)]) await clearScratch(beginning)
  const scratches: Scratch[] = []
  try {
    const staging = await makeScratch(stagingOf(dataDir))
    scratches.push(staging)
    const making = await makeScratch(makingOf(file))
    scratches.push(making)
    const staged = await compared(await stage(dataDir, staging.folder, options), dataDir, options)
    const partial = join(making.folder, 'backup')
    const result = await written(partial, staged, options)
    faultPoint('backup.written')
    await rename(partial, file)
    syncFolder(dirname(resolve(file)))
    return result
  } catch (error) {
    throw explained(error)
  } finally {
    for (const scratch of scratches) await scratch.end()
  }
}

function makingOf(file: string): string {
  return `${resolve(file)}.making-`
}

/** Writes and verifies; where a blob is corrupt, all are looked at, and it is told which are, or done again without them. */
async function written(
  partial: string,
  staged: Staged,
  { blobs, skipCorrupt = false }: BackupOptions,
): Promise<BackupResult> {
  const writeAll = async (manifest: Manifest): Promise<BackupResult> => {
    await writeDurably(partial, writeArchive(await packed(staged, manifest, blobs)))
    return verify(partial, async () => async () => undefined)
  }
  const { files, missing = [] } = staged.manifest
  const stored = files.filter(({ path }) => path.startsWith('blobs/'))
  const corruptOnes = (): Promise<Entry[]> => corruptAmong(stored, (path) => opened(staged, path, blobs))
  if ((missing?.length ?? 0) > 0 && !skipCorrupt) throw listed(await corruptOnes(), missing)
  try {
    return await writeAll(staged.manifest)
  } catch (error) {
    if (!isCorrupt(error)) throw error
    await rm(partial, { force: true })
    const corrupt = await corruptOnes()
    if (!skipCorrupt) throw listed(corrupt, missing, error)
    const bad = new Set(corrupt.map(({ path }) => path))
    const left_out = corrupt.map(({ path, size }) => ({ digest: digestAt(path), size }))
    return writeAll({ ...staged.manifest, files: files.filter(({ path }) => !bad.has(path)), left_out })
  }
}

function listed(corrupt: readonly Entry[], missing: Manifest['missing'], cause?: unknown): Error {
  const blobs = corrupt.map(({ path }) => digestAt(path))
  const all = [...blobs, ...(missing ?? [])]
  return problem('corrupt_blobs', { count: all.length, digests: all.join(', '), blobs, missing: missing ?? [] }, cause)
}

/** The manifest with what its rows need and is not there. */
async function compared(
  staged: Staged,
  dataDir: string,
  { databaseUrl, blobs = openDiskBlobs(join(dataDir, 'blobs')), needed }: BackupOptions,
): Promise<Staged> {
  if (needed === undefined) return staged
  const stored = staged.manifest.files.filter(({ path }) => path.startsWith('blobs/'))
  const taken = new Set(stored.map(({ path }) => digestAt(path)))
  const from = databaseUrl === undefined ? { file: join(staged.staging, DATABASE) } : { url: databaseUrl }
  const missing = await reading(from, (db) => missingBlobs(db, needed, { blobs, taken }))
  return { ...staged, manifest: { ...staged.manifest, missing: missing ?? null } }
}

/**
 * Makes the data folder `dataDir` (missing or empty) from a backup, with the blobs in `blobs` and the tables of a PostgreSQL in the
 * empty database at `databaseUrl` where those are given. Every hash is verified before anything is moved into place, and tables
 * appear all at once; blobs elsewhere are stored one by one, each verified, and stay when a later one is damaged. Throws
 * `bad_request` for a file that is no sound backup, `conflict` for a folder or a database that is not empty, and `unprocessable`
 * for tables of a PostgreSQL without a database for them, or of a newer program.
 */
export async function restore(file: string, dataDir: string, elsewhere: Elsewhere = {}): Promise<BackupResult> {
  const target = resolve(dataDir)
  if (!existsSync(file)) throw problem('not_found', { what: 'file', id: file })
  if (existsSync(target) && readdirSync(target).length > 0) {
    throw problem('conflict', { detail: `the folder ${dataDir} is not empty; restore into a new one` })
  }
  await mkdir(dirname(target), { recursive: true })
  await clearScratch(restoringOf(target))
  const scratch = await makeScratch(restoringOf(target))
  const staging = scratch.folder
  let loading: Loading | undefined
  try {
    await mkdir(join(staging, 'segments'), { mode: 0o700 })
    const result = await verify(file, async (manifest) => {
      loading = await loadingOf(manifest, elsewhere.databaseUrl)
      await noteRestored(staging, manifest)
      return (entry) => unpack(staging, entry, { blobs: elsewhere.blobs, loading })
    })
    faultPoint('restore.verified')
    await rm(target, { recursive: true, force: true })
    await rename(staging, target)
    syncFolder(dirname(target))
    await loading?.commit().catch(async (error: unknown) => {
      await rm(target, { recursive: true, force: true })
      throw error
    })
    return result
  } catch (error) {
    throw explained(error)
  } finally {
    await loading?.close()
    await scratch.end()
  }
}

/** The server tells at its first start of which backup it is. */
async function noteRestored(folder: string, { created_at, left_out = [], missing }: Manifest): Promise<void> {
  const note: RestoredNote = {
    created_at,
    restored_at: new Date().toISOString(),
    left_out: left_out.map(({ digest }) => digest),
    missing: missing ?? [],
  }
  await writeFile(join(folder, RESTORED_FILE), JSON.stringify(note), { mode: 0o600 })
}

async function loadingOf(manifest: Manifest, databaseUrl: string | undefined): Promise<Loading | undefined> {
  if (manifest.format === 1) return undefined
  if (databaseUrl !== undefined) return startLoading(databaseUrl, manifest.database)
  const detail = 'the backup holds the tables of a PostgreSQL; name an empty database for them by SLIPWAY_DATABASE_URL'
  throw problem('unprocessable', { detail })
}

/** Puts everything where nobody changes it: a snapshot first, so that each blob that it names is there; blobs as hard links. */
async function stage(dataDir: string, staging: string, { databaseUrl, blobs }: Elsewhere): Promise<Staged> {
  const { entries, ...known } =
    databaseUrl === undefined ? await stageFile(dataDir, staging) : await stageTables(databaseUrl, staging)
  for (const folder of LOGS) await mkdir(join(staging, folder), { recursive: true })
  const taken = [
    ...readdirSync(dataDir).filter((name) => KEPT.test(name)),
    ...LOGS.flatMap((folder) => listSegments(join(dataDir, folder)).map(({ name }) => `${folder}/${name}`)),
  ]
  for (const path of taken) {
    if (!(await gone(copyFile(join(dataDir, path), join(staging, path))))) entries.push(await described(staging, path))
  }
  for (const path of BESIDE.filter((one) => existsSync(join(dataDir, one)))) {
    await mkdir(dirname(join(staging, path)))
    await copyDatabase(join(dataDir, path), join(staging, path))
    entries.push(await described(staging, path))
  }
  const stored = blobs === undefined ? stagedBlobs(join(dataDir, 'blobs'), staging) : blobEntries(blobs)
  for await (const entry of stored) entries.push(entry)
  return { staging, manifest: { ...known, created_at: new Date().toISOString(), files: entries } }
}

/** What lies ready, and what is said of it. */
interface Staged {
  readonly staging: string
  readonly manifest: Manifest
}

async function packed({ staging }: Staged, manifest: Manifest, blobs: Blobs | undefined): Promise<PackedFile[]> {
  await writeFile(join(staging, MANIFEST), JSON.stringify(manifest))
  const { size } = await stat(join(staging, MANIFEST))
  return [{ path: MANIFEST, size }, ...manifest.files].map(({ path, size }) => ({
    path,
    size,
    executable: false,
    source: blobs !== undefined && path.startsWith('blobs/') ? () => readBlob(blobs, path) : join(staging, path),
  }))
}

/** A staged file, or a blob that lies elsewhere. */
function opened({ staging }: Staged, path: string, blobs: Blobs | undefined): AsyncIterable<Uint8Array> {
  return blobs === undefined ? createReadStream(join(staging, path)) : readBlob(blobs, path)
}

async function stageFile(dataDir: string, staging: string): Promise<{ format: 1; entries: Entry[] }> {
  await copyDatabase(join(dataDir, DATABASE), join(staging, DATABASE))
  return { format: 1, entries: [await described(staging, DATABASE)] }
}

/** Copies a database of SQLite as it is at one moment, checked. */
async function copyDatabase(path: string, into: string): Promise<void> {
  const thread = new UpkeepThread(path)
  try {
    await thread.snapshot(into)
  } finally {
    await thread.close()
  }
}

async function stageTables(
  url: string,
  staging: string,
): Promise<{ format: 2; database: SavedDatabase; entries: Entry[] }> {
  await mkdir(join(staging, 'tables'))
  const database = await saveTables(url, (table) => join(staging, tableFile(table)))
  const entries: Entry[] = []
  for (const { name } of database.tables) entries.push(await described(staging, tableFile(name)))
  return { format: 2, database, entries }
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

type Take = (entry: ArchiveEntry) => Promise<void>

/**
 * Reads a whole backup, passes each file to what `begin` gives for the manifest, and throws unless all of it is exactly what the
 * manifest says.
 */
async function verify(file: string, begin: (manifest: Manifest) => Promise<Take>): Promise<BackupResult> {
  const limits = { bytes: Number.MAX_SAFE_INTEGER, files: Number.MAX_SAFE_INTEGER }
  let begun:
    | {
        readonly expected: Map<string, Entry>
        readonly take: Take
        readonly said: Pick<BackupResult, 'left_out' | 'missing'>
      }
    | undefined
  let bytes = 0
  let blobs = 0
  for await (const entry of readArchive(createReadStream(file), limits)) {
    if (begun === undefined) {
      const manifest = await readManifest(entry)
      begun = {
        expected: new Map(manifest.files.map((each) => [each.path, each])),
        take: await begin(manifest),
        said: {
          left_out: (manifest.left_out ?? []).map(({ digest }) => digest),
          missing: manifest.missing ?? null,
        },
      }
      continue
    }
    const { expected, take } = begun
    const wanted = expected.get(entry.path)
    if (wanted === undefined) throw unsound(`it holds ${entry.path}, which its manifest does not name`)
    expected.delete(entry.path)
    await takeHashed(entry, wanted, take)
    bytes += entry.size
    if (entry.path.startsWith('blobs/')) blobs += 1
  }
  if (begun === undefined) throw unsound('it is empty')
  const [missing] = begun.expected.keys()
  if (missing !== undefined) throw unsound(`${missing} is missing`)
  return { blobs, bytes, ...begun.said }
}

async function takeHashed(entry: ArchiveEntry, wanted: Entry, take: Take): Promise<void> {
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

interface Places {
  readonly blobs: Blobs | undefined
  readonly loading: Loading | undefined
}

async function unpack(folder: string, entry: ArchiveEntry, { blobs, loading }: Places): Promise<void> {
  const table = tableAt(entry.path)
  if (table !== undefined) {
    if (loading === undefined) throw unsound(`it holds ${entry.path} beside ${DATABASE}`)
    await loading.load(table, entry.body)
    return
  }
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
