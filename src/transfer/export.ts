/** Writes a bundle from a running server: tables first into a staging folder, then all of it into one tar. */
import { createHash, randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { once } from 'node:events'
import { ifMissing } from '../contract/absence/absent.ts'
import type { Client } from '../client/client.ts'
import { problem } from '../contract/errors.ts'
import { transferApi } from '../contract/transfer.ts'
import { writeArchive } from '../store/blobs/archive.ts'
import type { PackedFile } from '../store/blobs/archive.ts'
import { MANIFEST, manifestOf, readBundle } from './bundle.ts'
import type { BundleEntry, Manifest } from './bundle.ts'

/** Rows of one file of a table at most; the files of a table are numbered. */
const ROWS_OF_FILE = 50_000

/** Spans are long; a page of them is short. */
const PAGE = 500

export interface ExportScope {
  readonly project?: string
  readonly experiment?: string
  readonly run?: string
  readonly model?: string
}

/**
 * Exports to the new file `file` and reads it back, every hash compared. Rows that come while it is written may be left out; what a row
 * refers to is there. Throws `already_exists`, `bad_request`.
 */
export async function exportBundle(client: Client, file: string, scope: ExportScope): Promise<Manifest> {
  if (await ifMissing(stat(file))) throw problem('already_exists', { what: 'file', id: file })
  const staging = join(dirname(resolve(file)), `.export-${randomUUID()}`)
  await mkdir(staging, { recursive: true, mode: 0o700 })
  try {
    const tables = await stageTables(client, staging, scope)
    const blobs = await stageBlobs(client, staging, tables.blobs)
    const manifest = manifestOf({
      created_at: new Date().toISOString(),
      scope: Object.entries(scope).flat().join(' ') || 'all',
      rows: tables.rows,
      entries: [...blobs, ...tables.entries],
    })
    await pack(staging, manifest)
    await readBundle(join(staging, 'bundle.tar'), async () => undefined)
    await rename(join(staging, 'bundle.tar'), file)
    return manifest
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
}

interface Staged {
  readonly entries: readonly BundleEntry[]
  readonly rows: Readonly<Record<string, number>>
  /** Digest → bytes. */
  readonly blobs: ReadonlyMap<string, number>
}

/** Tables that refer to others are read first, so that what their rows name is in the tables read after them. */
async function stageTables(client: Client, staging: string, scope: ExportScope): Promise<Staged> {
  const { tables } = await client.call(transferApi.tables)
  const blobs = new Map<string, number>()
  const rows: Record<string, number> = {}
  const byTable = new Map<string, BundleEntry[]>()
  await mkdir(join(staging, 'tables'))
  for (const table of tables.toReversed()) {
    const pages = pagesOf(client, table, scope)
    const entries: BundleEntry[] = []
    let count = 0
    for (let number = 0, more = true; more; number++) {
      const path = `tables/${table}-${String(number).padStart(5, '0')}.jsonl`
      const written = await writeRowsFile(join(staging, path), pages, blobs)
      more = written.more
      count += written.rows
      if (written.rows > 0) entries.push({ path, size: written.size, sha256: written.sha256 })
    }
    byTable.set(table, entries)
    rows[table] = count
  }
  return { entries: tables.flatMap((table) => byTable.get(table) ?? []), rows, blobs }
}

type Page = { rows: readonly unknown[]; blobs: readonly { digest: string; size: number }[] }

async function* pagesOf(client: Client, table: string, scope: ExportScope): AsyncGenerator<Page> {
  let after: string | undefined
  do {
    const page = await client.call(transferApi.read, {
      params: { table },
      query: { ...scope, limit: PAGE, ...(after !== undefined && { after }) },
    })
    yield page
    after = page.after
  } while (after !== undefined)
}

async function writeRowsFile(
  path: string,
  pages: AsyncGenerator<Page>,
  blobs: Map<string, number>,
): Promise<{ rows: number; size: number; sha256: string; more: boolean }> {
  const out = createWriteStream(path, { mode: 0o600 })
  const hash = createHash('sha256')
  let [rows, size, more] = [0, 0, true]
  while (rows < ROWS_OF_FILE) {
    const { value, done } = await pages.next()
    if (done === true) {
      more = false
      break
    }
    for (const blob of value.blobs) blobs.set(blob.digest, blob.size)
    const text = Buffer.from(value.rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
    hash.update(text)
    rows += value.rows.length
    size += text.length
    if (!out.write(text)) await once(out, 'drain')
  }
  out.end()
  await once(out, 'close')
  return { rows, size, sha256: hash.digest('hex'), more }
}

/** Brings the blobs into the staging folder, by content. */
async function stageBlobs(client: Client, staging: string, blobs: ReadonlyMap<string, number>): Promise<BundleEntry[]> {
  await mkdir(join(staging, 'blobs'))
  const entries: BundleEntry[] = []
  for (const [digest, size] of [...blobs].sort(([left], [right]) => (left < right ? -1 : 1))) {
    const sha256 = digest.slice('sha256:'.length)
    const path = `blobs/${sha256}`
    const reply = await client.open(transferApi.getBlob, { params: { digest } })
    const handle = await open(join(staging, path), 'wx', 0o600)
    try {
      for await (const chunk of reply.body ?? []) await handle.write(chunk as Uint8Array)
    } finally {
      await handle.close()
    }
    entries.push({ path, size, sha256 })
  }
  return entries
}

async function pack(staging: string, manifest: Manifest): Promise<void> {
  const text = Buffer.from(JSON.stringify(manifest))
  const at = join(staging, MANIFEST)
  const head = await open(at, 'wx', 0o600)
  await head.writeFile(text)
  await head.close()
  const files: PackedFile[] = [{ path: MANIFEST, size: text.length }, ...manifest.entries].map(({ path, size }) => ({
    path,
    size,
    executable: false,
    source: join(staging, path),
  }))
  const out = await open(join(staging, 'bundle.tar'), 'wx', 0o600)
  try {
    for await (const chunk of writeArchive(files)) await out.write(chunk)
    await out.sync()
  } finally {
    await out.close()
  }
}
