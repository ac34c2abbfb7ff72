/** Reads zip archives by their directory, within limits, and says where directory and contents disagree. */
import { crc32, inflateRawSync } from 'node:zlib'

export interface ZipEntry {
  readonly name: string
  /** 0 stored, 8 deflated; others are not opened. */
  readonly method: number
  readonly encrypted: boolean
  readonly crc: number
  readonly packed: number
  readonly size: number
  /** Byte of the entry's own header. */
  readonly header: number
}

/** The four bytes that begin a record. */
const SIGNATURE = { end: 0x06054b50, end64: 0x06064b50, locator64: 0x07064b50, central: 0x02014b50, local: 0x04034b50 }
const FULL_32 = 0xffffffff
/** End record and the longest comment. */
const TAIL = 22 + 65_535

/** Why an archive cannot be read. */
export class ZipFault extends Error {}

/** Byte of the end record, or -1: the last one counts, as it does for Python. */
export function zipEnd(bytes: Buffer): number {
  for (let at = bytes.length - 22; at >= 0 && at >= bytes.length - TAIL; at--) {
    if (bytes[at] === 0x50 && bytes.readUInt32LE(at) === SIGNATURE.end) return at
  }
  return -1
}

/**
 * The directory's entries. Throws ZipFault when it is broken or has more than `most`, or when it does not fill the place before its end
 * record: Python takes that place, by its size and whatever number of entries is told, where others go by offset and number.
 */
export function zipEntries(bytes: Buffer, most: number): ZipEntry[] {
  const { start, count, until } = directory(bytes)
  if (count > most) throw new ZipFault(`it has ${count} members, more than ${most}`)
  const entries: ZipEntry[] = []
  let at = start
  for (let i = 0; i < count; i++) {
    if (at + 46 > bytes.length || bytes.readUInt32LE(at) !== SIGNATURE.central)
      throw new ZipFault('its directory is broken')
    const [nameSize, extraSize, commentSize] = [28, 30, 32].map((offset) => bytes.readUInt16LE(at + offset))
    const nameEnd = at + 46 + (nameSize ?? 0)
    const extraEnd = nameEnd + (extraSize ?? 0)
    if (extraEnd > bytes.length) throw new ZipFault('its directory is broken')
    entries.push(entryAt(bytes, at, { nameEnd, extraEnd }))
    at = extraEnd + (commentSize ?? 0)
  }
  if (at !== until) throw new ZipFault('its directory has more or fewer members than it says')
  return entries
}

/** Where the directory begins, how many entries it has, and the byte before which it must end. */
function directory(bytes: Buffer): { start: number; count: number; until: number } {
  const end = zipEnd(bytes)
  if (end < 0) throw new ZipFault('it has no directory')
  const locator = end - 20
  const isWide = locator >= 0 && bytes.readUInt32LE(locator) === SIGNATURE.locator64
  const { start, size, count, until } = isWide
    ? wideDirectory(bytes, locator)
    : {
        count: bytes.readUInt16LE(end + 10),
        size: bytes.readUInt32LE(end + 12),
        start: bytes.readUInt32LE(end + 16),
        until: end,
      }
  if (start + size !== until) throw new ZipFault('its directory does not lie where it says')
  return { start, count, until }
}

/** The same of an archive with the wide end record, which must lie right before its locator. */
function wideDirectory(bytes: Buffer, locator: number): { start: number; size: number; count: number; until: number } {
  const at = locator - 56
  if (at < 0 || safe(bytes.readBigUInt64LE(locator + 8)) !== at || bytes.readUInt32LE(at) !== SIGNATURE.end64)
    throw new ZipFault('its directory is broken')
  const [count = 0, size = 0, start = 0] = [32, 40, 48].map((offset) => safe(bytes.readBigUInt64LE(at + offset)))
  return { start, size, count, until: at }
}

function safe(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new ZipFault('a size in it is impossible')
  return Number(value)
}

function entryAt(bytes: Buffer, at: number, ends: { nameEnd: number; extraEnd: number }): ZipEntry {
  const plain = {
    size: bytes.readUInt32LE(at + 24),
    packed: bytes.readUInt32LE(at + 20),
    header: bytes.readUInt32LE(at + 42),
  }
  return {
    name: bytes.toString('utf8', at + 46, ends.nameEnd),
    method: bytes.readUInt16LE(at + 10),
    encrypted: (bytes.readUInt16LE(at + 8) & 1) === 1,
    crc: bytes.readUInt32LE(at + 16),
    ...wide(bytes.subarray(ends.nameEnd, ends.extraEnd), plain),
  }
}

type Places = Record<'size' | 'packed' | 'header', number>

/** Sizes beyond 32 bits stand in an extra field, in this order, only those that do not fit. */
function wide(extra: Buffer, plain: Places): Places {
  const found: Places = { ...plain }
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue
    let from = at + 4
    for (const key of ['size', 'packed', 'header'] as const) {
      if (plain[key] !== FULL_32 || from + 8 > extra.length) continue
      found[key] = safe(extra.readBigUInt64LE(from))
      from += 8
    }
  }
  return found
}

/**
 * The bytes of an entry. Throws ZipFault when it is encrypted, packed in another way than deflate, larger than `limit`, larger than its
 * directory says, of another checksum, or its own header names another file: readers differ in which of the two they believe.
 */
export function zipContent(bytes: Buffer, entry: ZipEntry, limit: number): Buffer {
  const { header } = entry
  if (entry.encrypted) throw new ZipFault('it is encrypted')
  if (entry.size > limit) throw new ZipFault(`it unpacks to ${entry.size} bytes, more than ${limit}`)
  if (header + 30 > bytes.length || bytes.readUInt32LE(header) !== SIGNATURE.local)
    throw new ZipFault('its header is broken')
  const nameEnd = header + 30 + bytes.readUInt16LE(header + 26)
  const start = nameEnd + bytes.readUInt16LE(header + 28)
  if (start + entry.packed > bytes.length) throw new ZipFault('it is cut off')
  if (bytes.toString('utf8', header + 30, nameEnd) !== entry.name) throw new ZipFault('its header names another file')
  if (bytes.readUInt16LE(header + 8) !== entry.method) throw new ZipFault('its header names another way of packing')
  const content = unpacked(bytes.subarray(start, start + entry.packed), entry, limit)
  if (content.length !== entry.size) throw new ZipFault('it is not as long as the directory says')
  if (crc32(content) !== entry.crc) throw new ZipFault('its checksum is wrong')
  return content
}

function unpacked(packed: Buffer, entry: ZipEntry, limit: number): Buffer {
  if (entry.method === 0) return packed
  if (entry.method !== 8) throw new ZipFault(`it is packed by method ${entry.method}`)
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, Math.min(limit, entry.size + 1)) })
  } catch {
    throw new ZipFault('it does not unpack to what the directory says')
  }
}
