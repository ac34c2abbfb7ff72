/** Append-only segment files: records that many processes may write, each into files of its own, and one reads at its leisure. */
import { randomBytes } from 'node:crypto'
import {
  close,
  closeSync,
  fdatasync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  write,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { crc32 } from 'node:zlib'

/** A record is: length of the payload (u32 little-endian), crc32 of those four bytes and the payload (u32), the payload. */
const HEADER = 8

/** Longest payload, bytes. A longer length in a file is damage. */
export const MAX_RECORD_BYTES = 16 * 1024 * 1024

export interface SegmentOptions {
  /** A file that would grow beyond this is closed and the next one begun. Default 64 MiB. */
  readonly maxBytes?: number
  /** First part of the file names; letters, digits, `_` and `.`. Default: random, so that no two writers meet. */
  readonly writerId?: string
  /** True = nothing is written until `flush` or `flushNow`; default: what one event-loop turn appends is written after it. */
  readonly manual?: boolean
  /** After a failed write records are refused for so long, ms, lest a full disk gets a new file for each. Default 1000. */
  readonly retryMs?: number
  /** Told when a write failed (for example a full disk) and how much is lost by it: the sum of what its records count for. */
  readonly onError?: (error: Error, lost: number) => void
}

/** Whole records, one behind the other. */
interface Batch {
  bytes: Buffer
  used: number
  /** What its records count for together. */
  counted: number
}

/** One file being written. */
interface OpenSegment {
  readonly name: string
  readonly fd: number
  size: number
  pending: Batch
}

/** First size of a batch's memory; a batch that grew beyond the second is not kept for the next. */
const BATCH_BYTES = 64 * 1024
const KEPT_BYTES = 1024 * 1024

/** A write in the caller's own thread that took longer says that the disk is busy, and for how long it is then left alone, ms. */
const SLOW_MS = 5
const REST_MS = 1000

/**
 * Writes segments `<writer-id>-<seq>.seg`. Appending never waits: what one event-loop turn appends goes out in one write.
 * What was written survives a crash of the process; `sync` makes it survive a crash of the machine.
 */
export class SegmentWriter {
  readonly writerId: string
  readonly #folder: string
  readonly #maxBytes: number
  readonly #onError: (error: Error, lost: number) => void
  #seq: number
  #current: OpenSegment | undefined
  #writing: Promise<void> = Promise.resolve()
  /** Writes that are queued or under way in another thread. */
  #active = 0
  #slowUntil = 0
  readonly #retryMs: number
  #refusal: { readonly error: Error; readonly until: number } | undefined
  readonly #manual: boolean
  #scheduled = false

  constructor(folder: string, options: SegmentOptions = {}) {
    mkdirSync(folder, { recursive: true })
    this.#folder = folder
    this.#maxBytes = options.maxBytes ?? 64 * 1024 * 1024
    this.#manual = options.manual ?? false
    this.#retryMs = options.retryMs ?? 1000
    this.#onError = options.onError ?? (() => undefined)
    this.writerId = options.writerId ?? randomBytes(6).toString('hex')
    if (!/^[\w.]+$/.test(this.writerId)) throw new Error(`writer id ${this.writerId}: letters, digits, _ and . only`)
    const mine = listSegments(folder).filter((segment) => segment.writer === this.writerId)
    this.#seq = Math.max(0, ...mine.map((segment) => segment.seq))
  }

  /** The file that the next record goes to, unless it is full. */
  get segment(): string {
    return this.#current?.name ?? nameOf(this.writerId, this.#seq + 1)
  }

  /**
   * Adds a record and returns its offset in its file. Throws for a payload longer than `MAX_RECORD_BYTES`, and what a write or the
   * making of a file failed with while that is not long ago. `counts`: what the record counts for where it is lost.
   */
  append(payload: Uint8Array | string, counts = 1): number {
    const length = lengthOf(payload)
    if (this.#refusal !== undefined && performance.now() < this.#refusal.until) throw this.#refusal.error
    if (this.#current !== undefined && this.#current.size + length > this.#maxBytes) this.#finish(this.#current)
    const segment = (this.#current ??= this.#next())
    const offset = segment.size
    put(segment.pending, payload, length)
    segment.pending.counted += counts
    segment.size += length
    if (!this.#manual) this.#schedule()
    return offset
  }

  /** Resolves when all that was appended is with the operating system. */
  async flush(): Promise<void> {
    if (this.#current !== undefined) this.#write(this.#current)
    await this.#writing
  }

  /**
   * Gives all that was appended to the operating system in this very call, which costs a fifth of a write in another thread while the
   * disk keeps up. Returns false, having done nothing, when a write is under way or the disk was slow of late: then await `flush`.
   */
  flushNow(): boolean {
    const began = performance.now()
    if (this.#active > 0 || began < this.#slowUntil) return false
    const segment = this.#current
    if (segment === undefined || segment.pending.counted === 0) return true
    const { bytes, used, counted } = segment.pending
    segment.pending.used = 0
    segment.pending.counted = 0
    try {
      for (let from = 0; from < used;) from += writeSync(segment.fd, bytes, from, used - from)
    } catch (error) {
      this.#lose(segment, counted, error)
    }
    if (bytes.length > KEPT_BYTES) segment.pending = emptyBatch()
    const end = performance.now()
    if (end - began > SLOW_MS) this.#slowUntil = end + REST_MS
    return true
  }

  /** Resolves when all that was appended is on the disk. */
  async sync(): Promise<void> {
    const segment = this.#current
    await this.flush()
    // A segment that was finished meanwhile was synced when it was closed.
    if (segment !== undefined && segment === this.#current) await promisify(fdatasync)(segment.fd)
  }

  /** Syncs and closes; appending again begins a new file. */
  async close(): Promise<void> {
    if (this.#current !== undefined) this.#finish(this.#current)
    await this.#writing
  }

  #next(): OpenSegment {
    const name = nameOf(this.writerId, this.#seq + 1)
    try {
      const fd = openSync(join(this.#folder, name), 'ax')
      this.#seq++
      return { name, fd, size: 0, pending: emptyBatch() }
    } catch (error) {
      throw this.#refuse(error)
    }
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      if (this.#current !== undefined) this.#write(this.#current)
    })
  }

  #write(segment: OpenSegment): void {
    this.#active++
    this.#writing = this.#writing.then(() => this.#writeNow(segment)).finally(() => this.#active--)
  }

  async #writeNow(segment: OpenSegment): Promise<void> {
    const batch = segment.pending
    if (batch.counted === 0) return
    segment.pending = emptyBatch()
    try {
      for (let from = 0; from < batch.used;)
        from += (await writeSome(segment.fd, batch.bytes, from, batch.used - from)).bytesWritten
    } catch (error) {
      this.#lose(segment, batch.counted, error)
    }
  }

  /** The file may end within a record: the reader skips that, and what follows goes to a new file. */
  #lose(segment: OpenSegment, counted: number, error: unknown): void {
    const lost = counted + segment.pending.counted
    segment.pending = emptyBatch()
    if (this.#current === segment) {
      this.#current = undefined
      close(segment.fd)
    }
    this.#onError(this.#refuse(error), lost)
  }

  #refuse(cause: unknown): Error {
    const error = cause instanceof Error ? cause : new Error(String(cause))
    this.#refusal = { error, until: performance.now() + this.#retryMs }
    return error
  }

  #finish(segment: OpenSegment): void {
    this.#current = undefined
    this.#active++
    this.#writing = this.#finishAfter(this.#writing, segment).finally(() => this.#active--)
  }

  async #finishAfter(earlier: Promise<void>, segment: OpenSegment): Promise<void> {
    await earlier
    await this.#writeNow(segment)
    try {
      await promisify(fdatasync)(segment.fd)
    } catch (error) {
      this.#onError(error instanceof Error ? error : new Error(String(error)), 0)
    } finally {
      close(segment.fd)
    }
  }
}

export interface SegmentFile {
  readonly name: string
  readonly path: string
  readonly writer: string
  readonly seq: number
  /** True when its writer has begun a later one: it will not grow. */
  readonly finished: boolean
}

/** The segments of a folder, by writer and number. A folder that does not exist has none. */
export function listSegments(folder: string): SegmentFile[] {
  const found = readNames(folder).flatMap((name) => {
    const match = /^([\w.]+)-(\d{8,})\.seg$/.exec(name)
    return match === null ? [] : [{ name, path: join(folder, name), writer: match[1] ?? '', seq: Number(match[2]) }]
  })
  const last = new Map<string, number>()
  for (const { writer, seq } of found) last.set(writer, Math.max(seq, last.get(writer) ?? 0))
  found.sort((a, b) => (a.writer === b.writer ? a.seq - b.seq : a.writer < b.writer ? -1 : 1))
  return found.map((segment) => ({ ...segment, finished: segment.seq < (last.get(segment.writer) ?? 0) }))
}

export interface SegmentRecord {
  readonly offset: number
  /** Where the next record begins. */
  readonly next: number
  readonly payload: Buffer
}

export interface SegmentChunk {
  readonly records: SegmentRecord[]
  /** Where to read on. */
  readonly next: number
  /** The bytes at `next` are the beginning of a record that is not all there (or is damaged, which only `finished` can tell). */
  readonly torn: boolean
  /** Parts that were skipped because they are damaged. */
  readonly damaged: { readonly offset: number; readonly bytes: number }[]
}

/**
 * Reads records from `fromOffset` on: about `maxBytes` of them, one at least if there is one. Damaged parts are skipped and reported.
 * A torn tail is left where it is, for the writer may be writing it; with `finished` it is damage and skipped.
 */
export function readSegment(path: string, fromOffset: number, maxBytes: number, finished = false): SegmentChunk {
  const fd = openSync(path, 'r')
  try {
    return parse(new Window(fd, Math.max(1024, maxBytes)), fromOffset, fromOffset + maxBytes, finished)
  } finally {
    closeSync(fd)
  }
}

function parse(window: Window, from: number, until: number, finished: boolean): SegmentChunk {
  const records: SegmentRecord[] = []
  const damaged: { offset: number; bytes: number }[] = []
  let at = from
  while (at < window.size && (at < until || at === from)) {
    const payload = decode(window, at)
    if (payload !== undefined) {
      const next = at + HEADER + payload.length
      records.push({ offset: at, next, payload })
      at = next
      continue
    }
    const resumed = resume(window, at, finished)
    if (resumed === undefined) return { records, next: at, torn: true, damaged }
    damaged.push({ offset: at, bytes: resumed - at })
    at = resumed
  }
  return { records, next: at, torn: false, damaged }
}

/**
 * Where to go on after bytes at `at` that are no whole, sound record: the next sound record, the end when the file is finished,
 * or undefined to leave them for a later read.
 */
function resume(window: Window, at: number, finished: boolean): number | undefined {
  const { size } = window
  const end = endOf(window, at)
  if (end === undefined || end > size) {
    if (!finished) return undefined
  } else if (end > at && end < size && decode(window, end) !== undefined) return end
  for (let next = at + 1; next + HEADER <= size; next++) {
    if (decode(window, next) !== undefined) return next
  }
  return finished ? size : undefined
}

/** Where the record at `at` says that it ends; `at` itself for a length that no record has; undefined when the length is not all there. */
function endOf(window: Window, at: number): number | undefined {
  const length = window.slice(at, 4)?.readUInt32LE(0)
  if (length === undefined) return undefined
  return length > MAX_RECORD_BYTES ? at : at + HEADER + length
}

/** The payload of the record at `at`, or undefined if there is none, whole and sound. */
function decode(window: Window, at: number): Buffer | undefined {
  const end = endOf(window, at)
  if (end === undefined || end === at) return undefined
  const record = window.slice(at, end - at)
  if (record === undefined || checksum(record) !== record.readUInt32LE(4)) return undefined
  return record.subarray(HEADER)
}

/** A file as it was when opened, read in pieces of `step` bytes or more. */
class Window {
  readonly size: number
  readonly #fd: number
  readonly #step: number
  #base = 0
  #bytes: Buffer = Buffer.alloc(0)

  constructor(fd: number, step: number) {
    this.#fd = fd
    this.#step = step
    this.size = fstatSync(fd).size
  }

  /** The bytes, or undefined if the file ends before them. */
  slice(at: number, length: number): Buffer | undefined {
    if (at + length > this.size) return undefined
    if (at < this.#base || at + length > this.#base + this.#bytes.length) this.#load(at, Math.max(length, this.#step))
    const from = at - this.#base
    return from + length > this.#bytes.length ? undefined : this.#bytes.subarray(from, from + length)
  }

  #load(at: number, length: number): void {
    const bytes = Buffer.allocUnsafe(Math.min(length, this.size - at))
    this.#base = at
    this.#bytes = bytes.subarray(0, readSync(this.#fd, bytes, 0, bytes.length, at))
  }
}

/** Bytes of the record that carries a payload. */
function lengthOf(payload: Uint8Array | string): number {
  const length = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length
  if (length > MAX_RECORD_BYTES) throw new Error(`a record of ${length} bytes; at most ${MAX_RECORD_BYTES} are allowed`)
  return HEADER + length
}

function emptyBatch(): Batch {
  return { bytes: Buffer.allocUnsafe(BATCH_BYTES), used: 0, counted: 0 }
}

/** Adds a record of `length` bytes to a batch. */
function put(batch: Batch, payload: Uint8Array | string, length: number): void {
  const from = batch.used
  const end = from + length
  if (end > batch.bytes.length) grow(batch, end)
  const { bytes } = batch
  bytes.writeUInt32LE(length - HEADER, from)
  if (typeof payload === 'string') bytes.write(payload, from + HEADER, length - HEADER, 'utf8')
  else bytes.set(payload, from + HEADER)
  bytes.writeUInt32LE(checksum(bytes.subarray(from, end)), from + 4)
  batch.used = end
}

function grow(batch: Batch, least: number): void {
  const bytes = Buffer.allocUnsafe(Math.max(least, 2 * batch.bytes.length))
  batch.bytes.copy(bytes, 0, 0, batch.used)
  batch.bytes = bytes
}

/** Of a whole record: its length and its payload, not the checksum between them. */
function checksum(record: Buffer): number {
  return crc32(record.subarray(HEADER), crc32(record.subarray(0, 4)))
}

/** The system may take less than all bytes. */
const writeSome = promisify(write)

function readNames(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

function nameOf(writer: string, seq: number): string {
  return `${writer}-${String(seq).padStart(8, '0')}.seg`
}
