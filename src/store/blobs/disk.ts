/** Blobs in a folder: `<first two hex digits>/<the rest>`, written under a temporary name, synced, then renamed. */
import { createHash, randomUUID } from 'node:crypto'
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import {
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  unlink,
  utimes,
  type FileHandle,
} from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { ifMissing, ifMissingNow } from '../../contract/absence/absent.ts'
import { problem } from '../../contract/errors.ts'
import type { BlobInfo, Blobs, ByteRange, Digest, Expected } from './blobs.ts'
import { explained } from '../failures.ts'
import { giveBack } from './give-back.ts'
import { abandonable, digestOf, hexOf, isWithin, outside, refuseDifferent, verified } from './verify.ts'
import { faultPoint } from '../fault.ts'
import { syncOne, syncTogether } from './disk-sync.ts'
import { mapSome } from './trees.ts'
import { syncFolder } from '../sqlite/wal.ts'

/** Half-written files older than this are swept away, ms. */
const STALE_MS = 24 * 3600 * 1000

/** Chunks of a stream are gathered into writes of at least so many bytes. */
const WRITE_BYTES = 1024 * 1024

/** A disk sync begins after so many bytes, so that the last one is short and commits of the database do not wait for gigabytes. */
const SYNC_BYTES = 64 * 1024 * 1024

/** A blob of this size or less is small, bytes; and so many of them are read before others have their turn: a ms or two. */
const [SMALL_BYTES, IN_A_TURN] = [16 * 1024, 32]

/** Files that wait for the disk together at most. */
const TOGETHER = 5000

/** Bytes that are read at once: enough to be worth a trip to a thread, few enough to stay in a core's cache until they are sent. */
const READ_BYTES = 256 * 1024

/** Name, in the folder of temporary files, of a blob that is on its way out: this and its 64 hex digits. */
const LEAVING = 'leaving-'

/** Opens (and makes) a blob folder. `now` is wall time in ms. */
export function openDiskBlobs(folder: string, now: () => number = Date.now): Blobs {
  return new DiskBlobs(folder, now)
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
    this.#bringBack()
  }

  async put(source: Uint8Array | AsyncIterable<Uint8Array>, expected: Expected = {}): Promise<BlobInfo> {
    const temporary = join(this.#temporary, randomUUID())
    try {
      const info = await write(temporary, source)
      refuseDifferent(info, expected)
      const shard = await this.#place(temporary, info)
      if (shard !== undefined) await syncOne(shard)
      return info
    } catch (error) {
      await rm(temporary, { force: true })
      throw this.#explained(error)
    }
  }

  async putMany(sources: readonly (() => AsyncIterable<Uint8Array>)[]): Promise<BlobInfo[]> {
    const stored: BlobInfo[] = []
    for (let at = 0; at < sources.length; at += TOGETHER)
      stored.push(...(await this.#putTogether(sources.slice(at, at + TOGETHER))))
    return stored
  }

  async #putTogether(sources: readonly (() => AsyncIterable<Uint8Array>)[]): Promise<BlobInfo[]> {
    const parts = sources.map((source) => ({ source, temporary: join(this.#temporary, randomUUID()) }))
    try {
      const written = await mapAll(parts, async ({ source, temporary }) => ({
        temporary,
        info: await write(temporary, source(), false),
      }))
      await syncTogether(parts.map(({ temporary }) => temporary))
      const shards = await mapAll(written, ({ temporary, info }) => this.#place(temporary, info))
      await syncTogether([...new Set(shards.filter((shard) => shard !== undefined))])
      return written.map(({ info }) => info)
    } catch (error) {
      await Promise.all(parts.map(({ temporary }) => rm(temporary, { force: true })))
      throw this.#explained(error)
    }
  }

  async read(digest: Digest, range?: ByteRange): Promise<{ size: number; stream: Readable }> {
    const size = await this.#size(digest)
    const path = this.#path(digest)
    if (range === undefined) {
      return { size, stream: verified(createReadStream(path, { highWaterMark: READ_BYTES }), digest) }
    }
    if (!isWithin(range, size)) throw outside(range, size)
    const { start, end } = range
    return { size, stream: abandonable(createReadStream(path, { start, end, highWaterMark: READ_BYTES })) }
  }

  async bytes(digest: Digest): Promise<Buffer> {
    await this.#size(digest)
    const bytes = await readFile(this.#path(digest))
    if (digestOf(bytes) !== digest) throw problem('corrupt_blob', { digest })
    return bytes
  }

  async bytesMany(digests: readonly Digest[]): Promise<Buffer[]> {
    const found: Buffer[] = []
    for (const [at, digest] of digests.entries()) {
      found.push(this.#smallNow(digest) ?? (await this.bytes(digest)))
      if (at % IN_A_TURN === IN_A_TURN - 1) await nextTurn()
    }
    return found
  }

  /** The verified bytes of a small blob without a wait: to hand a read of microseconds to a thread costs many times as much. */
  #smallNow(digest: Digest): Buffer | undefined {
    const path = this.#path(digest)
    const found = ifMissingNow(() => statSync(path))
    if (found === undefined || found.size > SMALL_BYTES) return undefined
    const bytes = ifMissingNow(() => readFileSync(path))
    if (bytes !== undefined && digestOf(bytes) !== digest) throw problem('corrupt_blob', { digest })
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
      if (!isMissing(error)) throw error
      this.#refuseAway()
      return false
    }
  }

  async deleteIdle(digest: Digest, before: number): Promise<boolean> {
    const path = this.#path(digest)
    const leaving = join(this.#temporary, LEAVING + digest.slice(7))
    try {
      if ((await stat(path)).mtimeMs >= before) return false
      await rename(path, leaving)
      faultPoint('blobs.leaving')
      // Out of reach now: nobody can make it young any more, so this look at its age is the last word.
      const young = (await stat(leaving)).mtimeMs >= before
      if (young) await link(leaving, path).catch(unlessThere)
      await unlink(leaving)
      faultPoint('blobs.left')
      return !young
    } catch (error) {
      if (!isMissing(error)) throw error
      this.#refuseAway()
      return false
    }
  }

  async *list(only?: string): AsyncIterable<BlobInfo & { readonly touched_at: number }> {
    this.#refuseAway()
    for (const shard of only === undefined ? await readdir(this.#folder) : [only]) {
      if (!/^[0-9a-f]{2}$/.test(shard)) continue
      for (const rest of (await ifMissing(readdir(join(this.#folder, shard)))) ?? []) {
        const digest = `sha256:${shard}${rest}`
        const found = await this.#stat(digest)
        if (found !== undefined) yield { digest, size: found.size, touched_at: found.mtimeMs }
      }
    }
  }

  path(digest: Digest): string {
    return this.#path(digest)
  }

  #path(digest: Digest): string {
    const hex = hexOf(digest)
    return join(this.#folder, hex.slice(0, 2), hex.slice(2))
  }

  /** Undefined for a blob that is not there. Throws 503 where the whole folder is away: nothing is known of a blob then. */
  async #stat(digest: Digest): Promise<{ size: number; mtimeMs: number } | undefined> {
    try {
      return await stat(this.#path(digest))
    } catch (error) {
      if (!isMissing(error)) throw error
      this.#refuseAway()
      return undefined
    }
  }

  #explained(error: unknown): unknown {
    if (isMissing(error)) this.#refuseAway()
    return explained(error)
  }

  /** A disk that is not mounted leaves an empty folder, or none: without the folder that each opening makes, no blob can be called missing. */
  #refuseAway(): void {
    if (existsSync(this.#temporary)) return
    const detail = 'its folder is gone, or its disk is not mounted'
    throw problem('unavailable', { what: 'the blob store', detail })
  }

  async #size(digest: Digest): Promise<number> {
    const found = await this.#stat(digest)
    if (found === undefined) throw problem('not_found', { what: 'blob', id: digest })
    return found.size
  }

  /** Puts a written file where it belongs; the folder whose names are to be made durable, undefined where it was there before. */
  async #place(temporary: string, info: BlobInfo): Promise<string | undefined> {
    const path = this.#path(info.digest)
    const at = new Date(this.#now())
    let wasThere = (await this.#stat(info.digest))?.size === info.size
    if (wasThere) {
      // Storing again makes it young, so that a collection that is running spares it.
      await utimes(path, at, at).catch(unlessMissing)
      wasThere = await this.has(info.digest)
    }
    await utimes(temporary, at, at)
    const shard = join(path, '..')
    if (!wasThere && !this.#shards.has(shard)) {
      await mkdir(shard, { recursive: true })
      syncFolder(this.#folder)
      this.#shards.add(shard)
    }
    // also over one that is there: it may be damaged, and nobody has read it yet
    await rename(temporary, path)
    return wasThere ? undefined : shard
  }

  async sweep(): Promise<void> {
    for (const name of await readdir(this.#temporary)) {
      const path = join(this.#temporary, name)
      const found = await ifMissing(stat(path))
      if (name.startsWith(LEAVING) || found === undefined) continue
      if (found.mtimeMs < this.#now() - STALE_MS) await rm(path, { force: true })
    }
  }

  /** Puts back blobs that a process which died was about to delete: whether they may go is decided afresh. */
  #bringBack(): void {
    for (const name of readdirSync(this.#temporary)) {
      if (!name.startsWith(LEAVING)) continue
      const path = this.#path(`sha256:${name.slice(LEAVING.length)}`)
      const leaving = join(this.#temporary, name)
      if (existsSync(path)) rmSync(leaving, { force: true })
      else renameSync(leaving, path)
    }
  }
}

/** Writes a new file and, unless that is left for later, makes it durable. The next chunks are taken in and hashed while the last ones are written. */
async function write(
  path: string,
  source: Uint8Array | AsyncIterable<Uint8Array>,
  isDurable = true,
): Promise<BlobInfo> {
  const hash = createHash('sha256')
  const whole = source instanceof Uint8Array
  let size = 0
  let waiting: Uint8Array[] = []
  let held = 0
  const file = new Writing(await open(path, 'wx', 0o444), !whole)
  try {
    for await (const chunk of whole ? [source] : source) {
      hash.update(chunk)
      size += chunk.length
      held += chunk.length
      if (chunk.length > 0) waiting.push(chunk)
      if (held < WRITE_BYTES) continue
      await file.write(waiting, held)
      waiting = []
      held = 0
    }
    await file.write(waiting, held)
    await file.end(isDurable)
  } finally {
    await file.close()
  }
  return { digest: `sha256:${hash.digest('hex')}`, size }
}

/** A file that is being written: one write under way, and one disk sync of what was written before. */
class Writing {
  readonly #file: FileHandle
  readonly #owns: boolean
  #write: Promise<void> = Promise.resolve()
  #sync: Promise<void> = Promise.resolve()
  #unsynced = 0

  /** `owns`: the chunks are nobody else's, and their memory is given back once they are written. */
  constructor(file: FileHandle, owns: boolean) {
    this.#file = file
    this.#owns = owns
  }

  /** Begins to write, once the write before has ended. Throws what that one, or an earlier sync, threw. */
  async write(chunks: Uint8Array[], bytes: number): Promise<void> {
    await this.#write
    if (this.#unsynced >= SYNC_BYTES) {
      await this.#sync
      this.#unsynced = 0
      this.#sync = handled(this.#file.datasync())
    }
    this.#unsynced += bytes
    this.#write = handled(this.#writeAll(chunks))
  }

  /** Writes every byte; the system may take a part of them at a time. */
  async #writeAll(chunks: readonly Uint8Array[]): Promise<void> {
    const left = [...chunks]
    while (left.length > 0) {
      let { bytesWritten } = await this.#file.writev(left)
      while (left[0] !== undefined && bytesWritten >= left[0].length) bytesWritten -= left.shift()?.length ?? 0
      if (left[0] !== undefined) left[0] = left[0].subarray(bytesWritten)
    }
    if (this.#owns) chunks.forEach(giveBack)
  }

  /** Resolves when all of it is written, and with `isDurable` on the disk. */
  async end(isDurable: boolean): Promise<void> {
    await this.#write
    await this.#sync
    if (isDurable) await this.#file.sync()
  }

  /** Waits for what is under way, for a file may not be closed under a write. */
  async close(): Promise<void> {
    await Promise.allSettled([this.#write, this.#sync])
    await this.#file.close()
  }
}

/** Its failure is seen by whoever awaits it later, and is nobody's unhandled rejection until then. */
function handled(work: Promise<void>): Promise<void> {
  work.catch(() => undefined)
  return work
}

/** Does the work for each, few at the same time; throws the first fault once none of it goes on. */
async function mapAll<A, B>(items: readonly A[], work: (item: A) => Promise<B>): Promise<B[]> {
  const faults: unknown[] = []
  const results = await mapSome(items, async (item) => {
    if (faults.length > 0) return undefined
    return work(item).catch((error: unknown) => void faults.push(error))
  })
  if (faults.length > 0) throw faults[0]
  return results as B[]
}

function unlessMissing(error: unknown): void {
  if (!isMissing(error)) throw error
}

function unlessThere(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
