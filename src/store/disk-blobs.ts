/** Blobs in a folder: `<first two hex digits>/<the rest>`, written under a temporary name, synced, then renamed. */
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, mkdirSync } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat, unlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { Transform, type Readable, type TransformCallback } from 'node:stream'
import { problem } from '../contract/errors.ts'
import type { BlobInfo, Blobs, ByteRange, Digest, Expected } from './blobs.ts'
import { explained } from './failures.ts'
import { syncFolder } from './wal.ts'

/** Half-written files older than this are swept away by `collect`, ms. */
const STALE_MS = 24 * 3600 * 1000

/** Opens (and makes) a blob folder. `now` is wall time in ms. */
export function openDiskBlobs(folder: string, now: () => number = Date.now): Blobs {
  return new DiskBlobs(folder, now)
}

/** The digest of bytes in memory. */
export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

class DiskBlobs implements Blobs {
  readonly #folder: string
  readonly #temporary: string
  readonly #now: () => number
  readonly #shards = new Set<string>()

  constructor(folder: string, now: () => number) {
    this.#folder = folder
    this.#temporary = join(folder, 'tmp')
    this.#now = now
    mkdirSync(this.#temporary, { recursive: true })
  }

  async put(source: Uint8Array | AsyncIterable<Uint8Array>, expected: Expected = {}): Promise<BlobInfo> {
    const temporary = join(this.#temporary, randomUUID())
    try {
      const info = await write(temporary, source instanceof Uint8Array ? [source] : source)
      refuseDifferent(info, expected)
      await this.#place(temporary, info)
      return info
    } catch (error) {
      await rm(temporary, { force: true })
      throw explained(error)
    }
  }

  async read(digest: Digest, range?: ByteRange): Promise<{ size: number; stream: Readable }> {
    const size = await this.#size(digest)
    if (range === undefined) return { size, stream: createReadStream(this.#path(digest)).compose(new Verify(digest)) }
    if (!(Number.isSafeInteger(range.start) && range.start >= 0 && range.end >= range.start && range.end < size)) {
      const value = `${range.start}-${range.end}`
      throw problem('invalid_field', { field: 'range', value, expected: `bytes within 0-${size - 1}` })
    }
    return { size, stream: createReadStream(this.#path(digest), { start: range.start, end: range.end }) }
  }

  async bytes(digest: Digest): Promise<Buffer> {
    await this.#size(digest)
    const bytes = await readFile(this.#path(digest))
    if (digestOf(bytes) !== digest) throw problem('corrupt_blob', { digest })
    return bytes
  }

  async has(digest: Digest): Promise<boolean> {
    return (await this.#stat(digest)) !== undefined
  }

  async delete(digest: Digest): Promise<boolean> {
    try {
      await unlink(this.#path(digest))
      return true
    } catch (error) {
      if (isMissing(error)) return false
      throw error
    }
  }

  async *list(): AsyncIterable<BlobInfo & { readonly touched_at: number }> {
    for (const shard of await readdir(this.#folder)) {
      if (!/^[0-9a-f]{2}$/.test(shard)) continue
      for (const rest of await readdir(join(this.#folder, shard))) {
        const digest = `sha256:${shard}${rest}`
        const found = await this.#stat(digest)
        if (found !== undefined) yield { digest, size: found.size, touched_at: found.mtimeMs }
      }
    }
  }

  async collect(reachable: AsyncIterable<Digest>, graceMs: number): Promise<{ deleted: number; bytes: number }> {
    const before = this.#now() - graceMs
    const candidates = new Map<Digest, number>()
    for await (const blob of this.list()) if (blob.touched_at < before) candidates.set(blob.digest, blob.size)
    for await (const digest of reachable) candidates.delete(digest)
    const freed = { deleted: 0, bytes: 0 }
    for (const [digest, size] of candidates) {
      // It may have been stored again since it was listed.
      const found = await this.#stat(digest)
      if (found === undefined || found.mtimeMs >= before || !(await this.delete(digest))) continue
      freed.deleted += 1
      freed.bytes += size
    }
    await this.#sweep()
    return freed
  }

  path(digest: Digest): string {
    return this.#path(digest)
  }

  #path(digest: Digest): string {
    if (!/^sha256:[0-9a-f]{64}$/.test(digest)) {
      throw problem('invalid_field', { field: 'digest', value: digest, expected: 'sha256: and 64 hex digits' })
    }
    return join(this.#folder, digest.slice(7, 9), digest.slice(9))
  }

  async #stat(digest: Digest): Promise<{ size: number; mtimeMs: number } | undefined> {
    try {
      return await stat(this.#path(digest))
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }

  async #size(digest: Digest): Promise<number> {
    const found = await this.#stat(digest)
    if (found === undefined) throw problem('not_found', { what: 'blob', id: digest })
    return found.size
  }

  async #place(temporary: string, info: BlobInfo): Promise<void> {
    const path = this.#path(info.digest)
    const at = new Date(this.#now())
    const found = await this.#stat(info.digest)
    if (found?.size === info.size) {
      // Storing again makes it young, so that a collection that is running spares it.
      await utimes(path, at, at)
      if (await this.has(info.digest)) {
        await rm(temporary, { force: true })
        return
      }
    }
    await utimes(temporary, at, at)
    const shard = join(path, '..')
    if (!this.#shards.has(shard)) {
      await mkdir(shard, { recursive: true })
      syncFolder(this.#folder)
      this.#shards.add(shard)
    }
    await rename(temporary, path)
    await syncFolderLater(shard)
  }

  async #sweep(): Promise<void> {
    for (const name of await readdir(this.#temporary)) {
      const path = join(this.#temporary, name)
      const found = await stat(path).catch(() => undefined)
      if (found !== undefined && found.mtimeMs < this.#now() - STALE_MS) await rm(path, { force: true })
    }
  }
}

/** Passes bytes on, one chunk late, so that the last chunk of bytes that do not match their digest is never passed on. */
class Verify extends Transform {
  readonly #digest: Digest
  readonly #hash = createHash('sha256')
  #held: Buffer | undefined

  constructor(digest: Digest) {
    super()
    this.#digest = digest
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#hash.update(chunk)
    if (this.#held !== undefined) this.push(this.#held)
    this.#held = chunk
    done()
  }

  override _flush(done: TransformCallback): void {
    if (`sha256:${this.#hash.digest('hex')}` !== this.#digest) done(problem('corrupt_blob', { digest: this.#digest }))
    else done(null, this.#held)
  }
}

async function write(path: string, source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<BlobInfo> {
  const hash = createHash('sha256')
  let size = 0
  const file = await open(path, 'wx', 0o444)
  try {
    for await (const chunk of source) {
      hash.update(chunk)
      size += chunk.length
      await file.writeFile(chunk)
    }
    await file.sync()
  } finally {
    await file.close()
  }
  return { digest: `sha256:${hash.digest('hex')}`, size }
}

function refuseDifferent(info: BlobInfo, expected: Expected): void {
  if (expected.size !== undefined && expected.size !== info.size) {
    throw problem('unprocessable', { detail: `size: got ${info.size} bytes, expected ${expected.size}` })
  }
  if (expected.digest !== undefined && expected.digest !== info.digest) {
    throw problem('unprocessable', { detail: `digest: got ${info.digest}, expected ${expected.digest}` })
  }
}

async function syncFolderLater(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
