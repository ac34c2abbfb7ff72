/** Reads and writes tar streams: regular files only, no links, no path that leaves the folder. */
import { createReadStream } from 'node:fs'
import { problem, type Problem } from '../../contract/errors.ts'

const BLOCK = 512

/** What a reader of an archive refuses to exceed. */
export interface ArchiveLimits {
  /** Bytes of all files together. */
  readonly bytes: number
  readonly files: number
}

/** A file of an archive. `body` must be read to its end before the next entry is asked for. */
export interface ArchiveEntry {
  /** Relative, `/` between names, without `.` and `..`. */
  readonly path: string
  readonly size: number
  readonly executable: boolean
  readonly body: AsyncIterable<Uint8Array>
}

/** A file to pack. */
export interface PackedFile {
  readonly path: string
  readonly size: number
  readonly executable: boolean
  /** Where its bytes lie on this machine, or what gives them. */
  readonly source: string | (() => AsyncIterable<Uint8Array>)
}

/**
 * Reads a tar stream (ustar, with pax and GNU long names). Folders are left out. Throws `bad_request` naming the entry for
 * links, devices, absolute paths, `..`, NUL, a path twice, and a damaged or cut stream; `payload_too_large` beyond the limits.
 */
export async function* readArchive(
  source: AsyncIterable<Uint8Array>,
  limits: ArchiveLimits,
): AsyncGenerator<ArchiveEntry> {
  const seen = new Set<string>()
  for await (const { path, type, size, executable, body } of readMembers(source, limits)) {
    if (type === '5') continue
    if (type !== '0') throw damaged(`"${path}" is a link or device; only files and folders are taken`)
    const clean = safePath(path)
    if (seen.has(clean)) throw damaged(`"${clean}" is there twice`)
    seen.add(clean)
    yield { path: clean, size, executable, body }
  }
}

/** A member of a tar as it stands there: nothing of it is to be used as a path on this machine. */
export interface ArchiveMember extends ArchiveEntry {
  /** `0` a file, `1` a hard link, `2` a symbolic one, `5` a folder; others are devices. */
  readonly type: string
  /** What a link leads to. */
  readonly link: string
}

/** All members of a tar stream in their order. Throws `bad_request` for a damaged or cut stream; `payload_too_large` beyond the limits. */
export async function* readMembers(
  source: AsyncIterable<Uint8Array>,
  limits: ArchiveLimits,
): AsyncGenerator<ArchiveMember> {
  const bytes = new Bytes(source)
  let long: { path?: string; link?: string } = {}
  let left = limits.bytes
  let files = 0
  for (;;) {
    const block = await bytes.take(BLOCK)
    if (block.every((byte) => byte === 0)) break
    const header = parseHeader(block)
    if (header.type === 'g') await bytes.skip(padded(header.size))
    else if (header.type === 'x' || header.type === 'L' || header.type === 'K') {
      if (header.size > 65_536) throw damaged('a header larger than 64 KiB')
      const text = (await bytes.take(padded(header.size))).subarray(0, header.size).toString('utf8')
      long = { ...long, ...longNames(header.type, text) }
    } else {
      const { path, link } = { ...header, ...long }
      long = {}
      left -= header.size
      if (header.type !== '5') files += 1
      if (left < 0 || files > limits.files) throw problem('payload_too_large', { limit: limits.bytes })
      yield {
        path,
        type: header.type,
        link,
        size: header.size,
        executable: header.executable,
        body: bytes.file(header.size),
      }
      await bytes.endFile()
    }
  }
  await bytes.drain()
}

function longNames(type: string, text: string): { path?: string; link?: string } {
  const whole = text.replace(/\0+$/, '')
  if (type !== 'x') return type === 'L' ? { path: whole } : { link: whole }
  const [path, link] = [paxValue(text, 'path'), paxValue(text, 'linkpath')]
  return { ...(path !== undefined && { path }), ...(link !== undefined && { link }) }
}

/** Writes files as a tar stream, in the order given. Throws when a file's size is not what was said. */
export async function* writeArchive(files: Iterable<PackedFile>): AsyncGenerator<Uint8Array> {
  for (const file of files) {
    const name = Buffer.from(file.path)
    if (name.length > 100) {
      yield paxRecords({ path: file.path })
    }
    yield tarHeader({
      name: name.subarray(0, 100),
      size: file.size,
      type: '0',
      mode: file.executable ? 0o755 : 0o644,
    })
    let written = 0
    for await (const chunk of bytesOf(file.source)) {
      written += chunk.length
      yield chunk
    }
    if (written !== file.size) throw problem('conflict', { detail: `"${file.path}" changed while it was read` })
    if (written % BLOCK !== 0) yield Buffer.alloc(BLOCK - (written % BLOCK))
  }
  yield Buffer.alloc(2 * BLOCK)
}

function bytesOf(source: PackedFile['source']): AsyncIterable<Uint8Array> {
  return typeof source === 'string' ? (createReadStream(source) as AsyncIterable<Buffer>) : source()
}

/**
 * A path of an archive or manifest in its one safe form; throws `bad_request` for what would leave the folder or could not
 * be a file name everywhere.
 */
export function safePath(path: string): string {
  const parts = path.replace(/^(\.\/)+/, '').split('/')
  const bad =
    path.includes('\0') ||
    path.includes('\\') ||
    path.length > 4096 ||
    path.startsWith('/') ||
    /^[A-Za-z]:/.test(path) ||
    parts.some((part) => part === '' || part === '.' || part === '..' || Buffer.byteLength(part) > 255)
  if (bad) throw damaged(`the path ${JSON.stringify(path)} is not a plain relative path`)
  return parts.join('/')
}

/** Takes a stream of chunks apart into blocks and files. */
class Bytes {
  readonly #source: AsyncIterator<Uint8Array>
  #held: Buffer = Buffer.alloc(0)
  #fileLeft = 0
  #padding = 0

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  async take(size: number): Promise<Buffer> {
    const parts: Buffer[] = []
    let missing = size
    while (missing > 0) {
      const part = await this.#next(missing)
      parts.push(part)
      missing -= part.length
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts)
  }

  async skip(size: number): Promise<void> {
    for (let left = size; left > 0;) left -= (await this.#next(left)).length
  }

  async *file(size: number): AsyncGenerator<Uint8Array> {
    this.#fileLeft = size
    this.#padding = padded(size) - size
    while (this.#fileLeft > 0) {
      const part = await this.#next(this.#fileLeft)
      this.#fileLeft -= part.length
      yield part
    }
  }

  async endFile(): Promise<void> {
    await this.skip(this.#fileLeft + this.#padding)
    this.#fileLeft = this.#padding = 0
  }

  /** Reads what follows the end mark, so that a sender is not cut off. */
  async drain(): Promise<void> {
    this.#held = Buffer.alloc(0)
    while ((await this.#source.next()).done !== true);
  }

  async #next(most: number): Promise<Buffer> {
    while (this.#held.length === 0) {
      const { value, done } = await this.#source.next()
      if (done === true) throw damaged('the stream ends too early')
      this.#held = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    }
    const part = this.#held.subarray(0, most)
    this.#held = this.#held.subarray(part.length)
    return part
  }
}

interface Header {
  readonly path: string
  readonly size: number
  readonly type: string
  readonly executable: boolean
  readonly link: string
}

function parseHeader(block: Buffer): Header {
  if (readDigits(block, 148, 8) !== checksum(block))
    throw damaged('a header has a wrong checksum; is it an uncompressed tar?')
  const prefix = block.toString('latin1', 257, 262) === 'ustar' ? text(block, 345, 155) : ''
  const name = text(block, 0, 100)
  const flag = block.toString('latin1', 156, 157)
  return {
    path: (prefix === '' ? name : `${prefix}/${name}`).replace(/\/$/, ''),
    size: octal(block, 124, 12),
    type: flag === '\0' || flag === '7' ? '0' : flag,
    executable: (octal(block, 100, 8) & 0o100) !== 0,
    link: text(block, 157, 100),
  }
}

/** One member's block of 512 bytes. Its time is always 1970, so that equal files make equal archives. */
export interface TarHeader {
  /** 100 bytes at most; a longer name stands in a pax record before it. */
  readonly name: string | Buffer
  readonly size: number
  /** `0` a file, `2` a symbolic link, `5` a folder, `x` a pax record. */
  readonly type: string
  readonly mode: number
  /** Target of a link, 100 bytes at most. */
  readonly link?: string | Buffer
  /** Number of the user and of the group; 0 where it is not given. */
  readonly owner?: number
}

/** The bytes of a header. */
export function tarHeader({ name, size, type, mode, link = '', owner = 0 }: TarHeader): Buffer {
  const block = Buffer.alloc(BLOCK)
  Buffer.from(name).copy(block, 0)
  block.write(`${mode.toString(8).padStart(7, '0')}\0`, 100)
  block.write(`${owner.toString(8).padStart(7, '0')}\0`, 108)
  block.write(`${owner.toString(8).padStart(7, '0')}\0`, 116)
  writeSize(block, size)
  block.write('00000000000\0', 136)
  block.write(type, 156)
  Buffer.from(link).copy(block, 157)
  block.write('ustar\x0000', 257, 'latin1')
  block.write(`${checksum(block).toString(8).padStart(6, '0')}\0 `, 148)
  return block
}

/** Sizes from 8 GiB on do not fit in octal digits and are written in base 256, as GNU tar does. */
function writeSize(block: Buffer, size: number): void {
  if (size < 8 ** 11) {
    block.write(`${size.toString(8).padStart(11, '0')}\0`, 124)
    return
  }
  block[124] = 0x80
  block.writeBigUInt64BE(BigInt(size), 128)
}

function checksum(block: Buffer): number {
  let sum = 0
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 32 : (block[i] ?? 0)
  return sum
}

function octal(block: Buffer, start: number, length: number): number {
  if (block[start] === 0x80) {
    const value = block.readBigUInt64BE(start + length - 8)
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged('a header holds a number that is too large')
    return Number(value)
  }
  const value = readDigits(block, start, length)
  if (Number.isNaN(value)) throw damaged('a header holds a number that is not octal')
  return value
}

/** NaN for what is not octal; 0 for an empty field. */
function readDigits(block: Buffer, start: number, length: number): number {
  const digits = block
    .toString('latin1', start, start + length)
    .replace(/[\0 ]+$/, '')
    .trim()
  return /^[0-7]*$/.test(digits) ? Number.parseInt(digits || '0', 8) : Number.NaN
}

function text(block: Buffer, start: number, length: number): string {
  const field = block.subarray(start, start + length)
  const end = field.indexOf(0)
  return field.toString('utf8', 0, end < 0 ? length : end)
}

/** A pax member that says what does not fit in the header of the next one, such as `path` or `linkpath`. */
export function paxRecords(values: Readonly<Record<string, string>>): Buffer {
  const records = Buffer.concat(Object.entries(values).map(([key, value]) => paxRecord(key, value)))
  return Buffer.concat([tarHeader({ name: 'pax', size: records.length, type: 'x', mode: 0o644 }), pad(records)])
}

function paxRecord(key: string, value: string): Buffer {
  const rest = ` ${key}=${value}\n`
  let length = Buffer.byteLength(rest) + 1
  while (String(length).length + Buffer.byteLength(rest) !== length)
    length = String(length).length + Buffer.byteLength(rest)
  return Buffer.from(`${length}${rest}`)
}

function paxValue(records: string, key: 'path' | 'linkpath'): string | undefined {
  return new RegExp(`(?:^|\\n)\\d+ ${key}=([^\\n]*)\\n`).exec(records)?.[1]
}

function pad(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(padded(bytes.length) - bytes.length)])
}

function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK
}

function damaged(detail: string): Problem {
  return problem('bad_request', { detail: `the archive cannot be taken: ${detail}` })
}
