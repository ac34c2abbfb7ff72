/** Append-only segment files: records that many processes may write, each into files of its own, and one reads at its leisure. */
import { randomBytes } from 'node:crypto'
import { close, closeSync, fdatasync, mkdirSync, openSync, readdirSync, readSync, fstatSync, writev } from 'node:fs'
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
  /** Told when a write failed (for example a full disk) and how many records are lost by it. */
  readonly onError?: (error: Error, lostRecords: number) => void
}

/** One file being written. */
interface OpenSegment {
  readonly name: string
  readonly fd: number
  size: number
  pending: Buffer[]
}

/**
 * Writes segments `<writer-id>-<seq>.seg`. Appending never waits: what one event-loop turn appends goes out in one write.
 * What was written survives a crash of the process; `sync` makes it survive a crash of the machine.
 */
export class SegmentWriter {
  readonly writerId: string
  readonly #folder: string
  readonly #maxBytes: number
  readonly #onError: (error: Error, lostRecords: number) => void
  #seq: number
  #current: OpenSegment | undefined
  #writing: Promise<void> = Promise.resolve()
  #scheduled = false

  constructor(folder: string, options: SegmentOptions = {}) {
    mkdirSync(folder, { recursive: true })
    this.#folder = folder
    this.#maxBytes = options.maxBytes ?? 64 * 1024 * 1024
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

  /** Adds a record and returns its offset in its file. Throws for a payload longer than `MAX_RECORD_BYTES`. */
  append(payload: Uint8Array | string): number {
    const record = encode(payload)
    if (this.#current !== undefined && this.#current.size + record.length > this.#maxBytes) this.#finish(this.#current)
    const segment = (this.#current ??= this.#next())
    const offset = segment.size
    segment.size += record.length
    segment.pending.push(record)
    this.#schedule()
    return offset
  }

  /** Resolves when all that was appended is with the operating system. */
  async flush(): Promise<void> {
    if (this.#current !== undefined) this.#write(this.#current)
    await this.#writing
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
    const name = nameOf(this.writerId, ++this.#seq)
    return { name, fd: openSync(join(this.#folder, name), 'ax'), size: 0, pending: [] }
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
    this.#writing = this.#writing.then(() => this.#writeNow(segment))
  }

  async #writeNow(segment: OpenSegment): Promise<void> {
    const records = segment.pending
    if (records.length === 0) return
    segment.pending = []
    try {
      await writeAll(segment.fd, records)
    } catch (error) {
      // The file may end within a record: the reader skips that, and what follows goes to a new file.
      const lost = records.length + segment.pending.length
      segment.pending = []
      if (this.#current === segment) {
        this.#current = undefined
        close(segment.fd)
      }
      this.#onError(error instanceof Error ? error : new Error(String(error)), lost)
    }
  }

  #finish(segment: OpenSegment): void {
    this.#current = undefined
    this.#writing = this.#finishAfter(this.#writing, segment)
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

function encode(payload: Uint8Array | string): Buffer {
  const length = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length
  if (length > MAX_RECORD_BYTES) throw new Error(`a record of ${length} bytes; at most ${MAX_RECORD_BYTES} are allowed`)
  const record = Buffer.allocUnsafe(HEADER + length)
  record.writeUInt32LE(length, 0)
  if (typeof payload === 'string') record.write(payload, HEADER)
  else record.set(payload, HEADER)
  record.writeUInt32LE(checksum(record), 4)
  return record
}

/** Of a whole record: its length and its payload, not the checksum between them. */
function checksum(record: Buffer): number {
  return crc32(record.subarray(HEADER), crc32(record.subarray(0, 4)))
}

const write = promisify(writev)

async function writeAll(fd: number, records: readonly Buffer[]): Promise<void> {
  // The system takes at most 1024 buffers in a call, and may take less than all bytes of them.
  for (let from = 0; from < records.length; from += 1024) {
    let left: Buffer[] = records.slice(from, from + 1024)
    while (left.length > 0) left = behind(left, (await write(fd, left)).bytesWritten)
  }
}

function behind(buffers: readonly Buffer[], written: number): Buffer[] {
  let skip = written
  const left: Buffer[] = []
  for (const buffer of buffers) {
    if (skip >= buffer.length) skip -= buffer.length
    else {
      left.push(buffer.subarray(skip))
      skip = 0
    }
  }
  return left
}

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
