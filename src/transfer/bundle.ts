/** A bundle: one tar file with all that an export holds, every entry named by its hash in a chained manifest. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { problem } from '../contract/errors.ts'
import { readArchive } from '../store/blobs/archive.ts'
import type { ArchiveEntry } from '../store/blobs/archive.ts'

export const MANIFEST = 'manifest.json'

/** Largest manifest and most entries that are read. */
const MANIFEST_BYTES = 512 * 1024 * 1024
const MOST_FILES = 2_000_000

/** An entry as the manifest names it. */
export interface BundleEntry {
  readonly path: string
  readonly size: number
  /** Hex. */
  readonly sha256: string
}

export interface Manifest {
  readonly format: 'slipway-bundle-1'
  /** RFC 3339. */
  readonly created_at: string
  /** What was exported, for example `all` or `experiment 3`. */
  readonly scope: string
  /** Rows by table. */
  readonly rows: Readonly<Record<string, number>>
  readonly entries: readonly BundleEntry[]
  /** The last link of the chain over the head and the entries, hex: each link is the SHA-256 of the one before and of its entry. */
  readonly head: string
}

/** Makes the manifest of entries, in their order. */
export function manifestOf(parts: Omit<Manifest, 'format' | 'head'>): Manifest {
  const whole = { format: 'slipway-bundle-1' as const, ...parts }
  return { ...whole, head: headOf(whole) }
}

function headOf({ format, created_at, scope, rows, entries }: Omit<Manifest, 'head'>): string {
  let link = sha(JSON.stringify([format, created_at, scope, Object.entries(rows)]))
  for (const entry of entries) link = sha(JSON.stringify([link, entry.path, entry.size, entry.sha256]))
  return link
}

function sha(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/**
 * Reads a bundle's entries in order, each checked against the manifest; `take` gets the path and the bytes, which it may leave unread.
 * Throws `bad_request` naming the entry that is changed, missing, out of its place or one too many.
 */
export async function readBundle(
  file: string,
  take: (entry: BundleEntry, bytes: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<Manifest> {
  const handle = await open(file).catch((error: unknown) => {
    throw problem('not_found', { what: 'bundle', id: file }, error)
  })
  await handle.close()
  const archive = readArchive(createReadStream(file), { bytes: Number.MAX_SAFE_INTEGER, files: MOST_FILES })
  const first = await archive.next()
  if (first.done === true || first.value.path !== MANIFEST) throw damaged(`the first entry is not ${MANIFEST}`)
  const manifest = await readManifest(first.value)
  let at = 0
  for await (const found of archive) {
    const entry = manifest.entries[at++]
    if (entry === undefined) throw damaged(`"${found.path}" is not in the manifest`)
    if (entry.path !== found.path) throw damaged(`"${found.path}" stands where "${entry.path}" belongs`)
    if (entry.size !== found.size) throw damaged(`"${entry.path}" has ${found.size} bytes, expected ${entry.size}`)
    const hash = createHash('sha256')
    const bytes = hashed(found.body, hash)
    await take(entry, bytes)
    const rest = bytes[Symbol.asyncIterator]()
    while ((await rest.next()).done !== true);
    if (hash.digest('hex') !== entry.sha256) throw damaged(`"${entry.path}" does not match its hash`)
  }
  const missing = manifest.entries[at]
  if (missing !== undefined) throw damaged(`"${missing.path}" is missing`)
  return manifest
}

/** Goes on where the reader before stopped: the iterator is one, however often it is asked for. */
function hashed(body: AsyncIterable<Uint8Array>, hash: ReturnType<typeof createHash>): AsyncIterable<Uint8Array> {
  const iterator = body[Symbol.asyncIterator]()
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        const step = await iterator.next()
        if (step.done !== true) hash.update(step.value)
        return step
      },
    }),
  }
}

async function readManifest(entry: ArchiveEntry): Promise<Manifest> {
  if (entry.size > MANIFEST_BYTES) throw damaged('the manifest is too large')
  const chunks: Uint8Array[] = []
  for await (const chunk of entry.body) chunks.push(chunk)
  let manifest: Manifest
  try {
    manifest = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Manifest
    if (manifest.format !== 'slipway-bundle-1') throw damaged(`its format is ${JSON.stringify(manifest.format)}`)
    if (headOf(manifest) !== manifest.head) throw damaged('the manifest does not match its chain')
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) throw damaged('the manifest cannot be read')
    throw error
  }
  return manifest
}

function damaged(what: string): Error {
  return problem('bad_request', { detail: `this is no sound bundle: ${what}` })
}
