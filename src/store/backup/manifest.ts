/** The manifest of a backup: what it holds, with the hash of each file, and what its database was. */
import { problem, type Problem } from '../../contract/errors.ts'
import type { ArchiveEntry } from '../blobs/archive.ts'
import type { BlobInfo, Digest } from '../blobs/blobs.ts'
import type { SavedDatabase } from '../postgres/snapshot.ts'

export interface Entry {
  readonly path: string
  readonly size: number
  /** Hex sha256. */
  readonly sha256: string
}

/** Format 1 holds an SQLite database as a file, format 2 the tables of a PostgreSQL. */
export type Manifest = {
  /** RFC 3339. */
  readonly created_at: string
  readonly files: readonly Entry[]
  /** Corrupt blobs that are not among the files; absent where there were none. */
  readonly left_out?: readonly BlobInfo[]
  /** Blobs that rows need and that were not there; null or absent where that was not compared. */
  readonly missing?: readonly Digest[] | null
} & ({ readonly format: 1 } | { readonly format: 2; readonly database: SavedDatabase })

export const MANIFEST = 'manifest.json'
export const DATABASE = 'slipway.db'

/** Databases of SQLite that a data folder may have beside the main one: what is pushed into them is nowhere else. */
export const BESIDE = ['features/online.db']

/** Folders in which gateways log: predictions, and calls of language models. What is not taken in yet is nowhere else. */
export const LOGS = ['segments', 'llm/segments']

/** What a backup may hold. */
const KNOWN =
  /^(slipway\.db|features\/online\.db|tables\/\w+\.copy|[\w-]+\.(?:key|jsonl)|blobs\/[0-9a-f]{2}\/[0-9a-f]{62}|(?:llm\/)?segments\/[\w.]+-\d{8,}\.seg)$/

/** Where the rows of a table lie in a backup. */
export function tableFile(table: string): string {
  return `tables/${table}.copy`
}

/** The table whose rows lie at a path of a backup; undefined for other files. */
export function tableAt(path: string): string | undefined {
  return /^tables\/(\w+)\.copy$/.exec(path)?.[1]
}

/** The digest of the blob that lies at a path of a backup. */
export function digestAt(path: string): Digest {
  return `sha256:${path.slice('blobs/'.length).replace('/', '')}`
}

export function unsound(detail: string, cause?: unknown): Problem {
  return problem('bad_request', { detail: `this is no sound backup: ${detail}` }, cause)
}

/** Reads the manifest, which is the first file of a backup. Throws `bad_request` for one that names what no backup holds, or no database. */
export async function readManifest(entry: ArchiveEntry): Promise<Manifest> {
  if (entry.path !== MANIFEST) throw unsound(`it begins with ${entry.path} and not with ${MANIFEST}`)
  const chunks: Uint8Array[] = []
  for await (const chunk of entry.body) chunks.push(chunk)
  const manifest = parseManifest(Buffer.concat(chunks).toString('utf8'))
  const paths = new Set(manifest.files.map((file) => file.path))
  for (const file of manifest.files) {
    const wrong =
      !KNOWN.test(file.path) || (file.path.startsWith('blobs/') && digestAt(file.path) !== `sha256:${file.sha256}`)
    if (wrong) throw unsound(`its manifest names ${JSON.stringify(file.path)}`)
  }
  const needed = manifest.format === 1 ? [DATABASE] : manifest.database.tables.map(({ name }) => tableFile(name))
  for (const path of needed) if (!paths.has(path)) throw unsound(`its manifest names no ${path}`)
  return manifest
}

function parseManifest(text: string): Manifest {
  let manifest: Partial<Manifest>
  try {
    manifest = JSON.parse(text) as Partial<Manifest>
  } catch (error) {
    throw unsound('its manifest is not JSON', error)
  }
  if (manifest.format !== 1 && manifest.format !== 2) {
    throw unsound(`its format is ${String(manifest.format)}; this version knows formats 1 and 2`)
  }
  if (!isWhole(manifest)) throw unsound('its manifest is malformed')
  return manifest
}

function isWhole(manifest: Partial<Manifest>): manifest is Manifest {
  const {
    files,
    left_out = [],
    missing = null,
  } = manifest as { files?: unknown; left_out?: unknown; missing?: unknown }
  if (missing !== null && !isTexts(missing)) return false
  if (!Array.isArray(left_out) || !left_out.every((blob) => isOf(blob, { digest: 'string', size: 'number' })))
    return false
  if (!Array.isArray(files) || !files.every((file) => isOf(file, { path: 'string', size: 'number', sha256: 'string' })))
    return false
  if (manifest.format === 1) return true
  const { kind, migrations, tables } = ((manifest as { database?: unknown }).database ?? {}) as Record<string, unknown>
  return (
    kind === 'postgres' &&
    Array.isArray(migrations) &&
    migrations.every((each) => isOf(each, { number: 'number', name: 'string', sha256: 'string' })) &&
    Array.isArray(tables) &&
    tables.every(isTable)
  )
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

function isTable(value: unknown): boolean {
  if (!isOf(value, { name: 'string', rows: 'number' })) return false
  const { columns } = value as { columns?: unknown }
  return isTexts(columns)
}

function isOf(value: unknown, types: Readonly<Record<string, string>>): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(types).every(([name, type]) => typeof (value as Record<string, unknown>)[name] === type)
}
