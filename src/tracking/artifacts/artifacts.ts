/** Artifacts: trees of files by content, owned by a run or a logged model. */
import type { FileInfo } from '../context/suite-place.ts'
import type { Readable } from 'node:stream'
import type { Principal } from '../../contract/access.ts'
import { DAY_MS } from '../../contract/ids.ts'
import type { Clock } from '../../contract/ids.ts'
import type { Digest } from '../../store/blobs/blobs.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { deleteRows, insertRow, updateRows } from '../../store/sql/rows.ts'
import { inList, sql } from '../../store/sql/sql.ts'
import { placeOf, placeOfUri, safePath } from '../context/paths.ts'
import type { ArtifactPlace } from '../context/paths.ts'
import { beatOwner } from '../runs/heartbeat.ts'
import { sees } from '../../auth/visibility.ts'
import type { Tracking } from '../context/context.ts'
import { mirror, suiteFolder, unmirror } from '../context/suite-place.ts'
import { invalid, missing, mlflowProblem } from '../../mlflow/wire.ts'

/** A file of a tree; `path` is relative to its owner. */
export interface ArtifactFile {
  readonly path: string
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
}

/** How long an upload in parts may take; afterwards it is forgotten and its parts are collected, ms. */
export const UPLOAD_MS = DAY_MS

const OVER =
  'ON CONFLICT (owner, path) DO UPDATE SET digest = excluded.digest, size = excluded.size, updated_at = excluded.updated_at'

/** Stores a file, streamed; it is there once this resolves, whole or not at all. */
export async function putArtifact(
  room: Tracking,
  who: Principal,
  fullPath: string,
  bytes: Uint8Array | AsyncIterable<Uint8Array>,
): Promise<ArtifactFile> {
  const place = await allowedPlace(room, who, fullPath)
  if (place.path === '') throw mlflowProblem('INVALID_PARAMETER_VALUE', 'Invalid path')
  const { digest, size } = await room.blobs.put(bytes)
  await room.db.tx((t) => writeArtifact(t, room, place, { path: place.path, digest, size }))
  await mirror(room, safePath(fullPath), digest)
  return { path: place.path, digest, size }
}

/** Enters a stored blob into a tree, in the caller's transaction. For rooms that make artifacts by themselves. */
export async function writeArtifact(t: Tx, room: Tracking, place: ArtifactPlace, file: ArtifactFile): Promise<void> {
  const now = room.clock()
  await insertRow(t, 'artifacts', { owner: place.owner, ...file, updated_at: now }, OVER)
  await beatOwner(t, now, place.owner)
}

/** What is known of a file. RESOURCE_DOES_NOT_EXIST when there is none, INVALID_PARAMETER_VALUE for a folder. */
export async function findArtifact(room: Tracking, who: Principal, fullPath: string): Promise<ArtifactFile> {
  const place = await allowedPlace(room, who, fullPath)
  const file = await room.db.get<ArtifactFile>(
    'SELECT path, digest, size FROM artifacts WHERE owner = ? AND path = ?',
    [place.owner, place.path],
  )
  if (file !== undefined) return file
  const inside = (await filesOf(room.db, place.owner)).some((one) => isWithin(one.path, place.path))
  if (inside) throw invalid(`Artifact path refers to a directory, not a file: '${fullPath}'`)
  throw missing(`No such artifact: '${fullPath}'`, 'artifact', fullPath)
}

/** Opens a file. RESOURCE_DOES_NOT_EXIST when there is none. */
export async function openArtifact(
  room: Tracking,
  who: Principal,
  fullPath: string,
): Promise<{ file: ArtifactFile; stream: Readable }> {
  const file = await findArtifact(room, who, fullPath)
  const { stream } = await room.blobs.read(file.digest)
  return { file, stream }
}

/** Deletes a file, or a folder with all in it; the run's other files stay. Returns how many files went. */
export async function deleteArtifacts(room: Tracking, who: Principal, fullPath: string): Promise<number> {
  const place = await allowedPlace(room, who, fullPath)
  await unmirror(room, safePath(fullPath))
  return room.db.tx(async (t) => {
    const gone = (await filesOf(t, place.owner)).filter((file) => isWithin(file.path, place.path))
    for (const { path } of gone) await deleteRows(t, 'artifacts', sql`owner = ${place.owner} AND path = ${path}`)
    const detail = { deleted: fullPath, files: gone.length }
    await room.record(t, who, { verb: 'write', resource: 'artifacts', id: place.owner || fullPath, detail })
    return gone.length
  })
}

/** The entries of one folder, by name. The path of an entry is relative to the owner. */
export async function listFolder(room: Tracking, who: Principal, fullPath: string): Promise<FileInfo[]> {
  const place = await allowedPlace(room, who, fullPath)
  return folder(await filesOf(room.db, place.owner), place.path)
}

/** Forgets the files of trees, given the `artifact_uri` of their owners, in the caller's transaction. */
export async function removeTrees(t: Tx, artifactUris: readonly string[]): Promise<void> {
  const owners = artifactUris.flatMap((uri) => placeOfUri(uri)?.owner || [])
  if (owners.length > 0) await deleteRows(t, 'artifacts', sql`owner IN ${inList(owners)}`)
}

/** Moves the files of a tree to another, where it has none of their paths, in the caller's transaction. */
export async function moveTree(t: Tx, fromUri: string, toUri: string): Promise<void> {
  const [from, to] = [placeOfUri(fromUri)?.owner, placeOfUri(toUri)?.owner]
  if (!from || !to) return
  const free = sql`path NOT IN (SELECT path FROM artifacts WHERE owner = ${to})`
  await updateRows(t, 'artifacts', { owner: to }, sql`owner = ${from} AND ${free}`)
}

/** All files of a run or logged model, by path, given its `artifact_uri`; none where the client stores them elsewhere. */
export async function artifactFiles(reader: Reader, artifactUri: string): Promise<ArtifactFile[]> {
  const place = placeOfUri(artifactUri)
  return place === undefined ? [] : filesOf(reader, place.owner)
}

/** The entries of a folder of a run or logged model, given its `artifact_uri` and a checked path. */
export async function folderOf(room: Tracking, artifactUri: string, path: string): Promise<FileInfo[]> {
  return (await suiteFolder(room, artifactUri, path)) ?? folder(await artifactFiles(room.db, artifactUri), path)
}

/** The files and subfolders directly in a folder of a tree. */
export function folder(files: readonly ArtifactFile[], path: string): FileInfo[] {
  const prefix = path === '' ? '' : `${path}/`
  const entries = new Map<string, FileInfo>()
  for (const file of files) {
    if (!file.path.startsWith(prefix)) continue
    const rest = file.path.slice(prefix.length)
    const slash = rest.indexOf('/')
    const name = prefix + (slash < 0 ? rest : rest.slice(0, slash))
    if (slash >= 0) entries.set(name, { path: name, is_dir: true })
    else if (!entries.has(name)) entries.set(name, { path: name, is_dir: false, file_size: file.size })
  }
  return [...entries.values()].sort((left, right) => (left.path < right.path ? -1 : 1))
}

/** Every digest that an artifact, an upload that may go on or a link needs; for the collection of blobs. */
export async function* reachableDigests(room: {
  readonly db: Pick<Reader, 'all'>
  readonly clock: Clock
}): AsyncIterable<Digest> {
  let after = ''
  for (;;) {
    const rows = await room.db.all<{ digest: string }>(
      'SELECT DISTINCT digest FROM artifacts WHERE digest > ? ORDER BY digest LIMIT 1000',
      [after],
    )
    for (const row of rows) yield row.digest
    const last = rows.at(-1)
    if (last === undefined) break
    after = last.digest
  }
  const parts = await room.db.all<{ digest: string }>(
    'SELECT p.digest FROM artifact_upload_parts p JOIN artifact_uploads u ON u.upload_id = p.upload_id WHERE u.created_at > ?',
    [room.clock() - UPLOAD_MS],
  )
  for (const part of parts) yield part.digest
  const linked = await room.db.all<{ digest: string }>('SELECT digest FROM artifact_links WHERE expires_at > ?', [
    room.clock(),
  ])
  for (const { digest } of linked) yield digest
}

/**
 * The checked place of a path that the principal may use: a run's or model's tree in a project that it sees. Other paths
 * belong to principals of all projects alone.
 */
export async function allowedPlace(room: Tracking, who: Principal, fullPath: string): Promise<ArtifactPlace> {
  const place = placeOf(safePath(fullPath))
  if (who.project === null) return place
  const project = await projectOfOwner(room, place.owner.split('/').at(-1) ?? '')
  if (project === undefined || !sees(who, project))
    throw missing(`No such artifact: '${fullPath}'`, 'artifact', fullPath)
  return place
}

async function projectOfOwner(room: Tracking, id: string): Promise<string | undefined> {
  for (const [table, key] of [
    ['runs', 'run_id'],
    ['logged_models', 'model_id'],
  ] as const) {
    const found = await room.db.get<{ project: string }>(`SELECT project FROM ${table} WHERE ${key} = ?`, [id])
    if (found !== undefined) return found.project
  }
  return room.traceProject?.(room.db, id)
}

function filesOf(reader: Reader, owner: string): Promise<ArtifactFile[]> {
  return reader.all<ArtifactFile>('SELECT path, digest, size FROM artifacts WHERE owner = ? ORDER BY path', [owner])
}

function isWithin(path: string, of: string): boolean {
  return of === '' || path === of || path.startsWith(`${of}/`)
}
