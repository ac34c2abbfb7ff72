/**
 * Artifacts as plain files on this machine's disk, as other projects' test suites look for them. Only test hooks set a place;
 * without one nothing here reads or writes a file, whatever a client names.
 */
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { ifMissing } from '../../contract/absence/absent.ts'
import type { Digest } from '../../store/blobs/blobs.ts'
import type { SuitePlace, Tracking } from './context.ts'
import { missing } from '../../mlflow/wire.ts'

/** An entry of a folder as MLflow lists it. */
export interface FileInfo {
  readonly path: string
  readonly is_dir: boolean
  readonly file_size?: number
}

/** What a reset asks of artifacts. */
export interface AskedPlace {
  readonly artifact_root?: string | null | undefined
  readonly artifacts_destination?: string | null | undefined
  readonly cwd?: string | null | undefined
}

/** The place as a reset asks for it; undefined when it asks for none. */
export function suitePlace(asked: AskedPlace): SuitePlace | undefined {
  const root = asked.artifact_root?.startsWith('file:') ? asked.artifact_root.replace(/\/+$/, '') : undefined
  const destination = asked.artifacts_destination || undefined
  const cwd = asked.cwd || undefined
  return root === undefined && destination === undefined && cwd === undefined ? undefined : { root, destination, cwd }
}

/** The artifact location of a new experiment: as given, a relative one made absolute, or below the root. */
export function locationOf(room: Tracking, id: string, given: string | undefined): string {
  const place = room.suite?.place
  if (!given) return place?.root === undefined ? `mlflow-artifacts:/${id}` : `${place.root}/${id}`
  const relative = !given.startsWith('/') && !/^[A-Za-z][A-Za-z0-9+.-]*:/.test(given)
  return relative && place?.cwd !== undefined ? resolve(place.cwd, given) : given
}

/** The entries of a folder of a tree that lies below the suite's root; undefined for every other tree. */
export async function suiteFolder(room: Tracking, artifactUri: string, path: string): Promise<FileInfo[] | undefined> {
  const root = suiteRoot(room, artifactUri)
  if (root === undefined) return undefined
  const entries = (await ifMissing(readdir(join(root, path), { withFileTypes: true }))) ?? []
  const files = entries.map(async (entry): Promise<FileInfo> => {
    const name = path === '' ? entry.name : `${path}/${entry.name}`
    if (entry.isDirectory()) return { path: name, is_dir: true }
    return { path: name, is_dir: false, file_size: (await stat(join(root, name))).size }
  })
  return (await Promise.all(files)).sort((left, right) => (left.path < right.path ? -1 : 1))
}

/** Opens a file of such a tree; undefined for every other tree. RESOURCE_DOES_NOT_EXIST. */
export async function suiteFile(
  room: Tracking,
  artifactUri: string,
  path: string,
): Promise<{ size: number; stream: Readable } | undefined> {
  const root = suiteRoot(room, artifactUri)
  if (root === undefined) return undefined
  const found = await ifMissing(stat(join(root, path)))
  if (found?.isFile() !== true) throw missing(`No such artifact: '${path}'`, 'artifact', path)
  return { size: found.size, stream: createReadStream(join(root, path)) }
}

/** Writes a stored blob as a file of such a tree; false for every other tree. */
export async function putSuiteFile(
  room: Tracking,
  artifactUri: string,
  path: string,
  digest: Digest,
): Promise<boolean> {
  const root = suiteRoot(room, artifactUri)
  if (root !== undefined) await copyOut(room, join(root, path), digest)
  return root !== undefined
}

/** Keeps a proxied artifact as a plain file too, where a suite looks for it. */
export async function mirror(room: Tracking, fullPath: string, digest: Digest): Promise<void> {
  const destination = room.suite?.place?.destination
  if (destination !== undefined) await copyOut(room, join(destination, fullPath), digest)
}

/** Removes the plain file or folder of a deleted artifact. */
export async function unmirror(room: Tracking, fullPath: string): Promise<void> {
  const destination = room.suite?.place?.destination
  if (destination !== undefined) await rm(join(destination, fullPath), { recursive: true, force: true })
}

function suiteRoot(room: Tracking, artifactUri: string): string | undefined {
  const root = room.suite?.place?.root
  return root !== undefined && artifactUri.startsWith(`${root}/`) ? fileURLToPath(artifactUri) : undefined
}

async function copyOut(room: Tracking, file: string, digest: Digest): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  const { stream } = await room.blobs.read(digest)
  await pipeline(stream, createWriteStream(file))
}
