/** Checks that a file is Universal Binary JSON, in which XGBoost writes its models: data without code. */

class Broken extends Error {}

interface Cursor {
  readonly bytes: Buffer
  at: number
}

const DEEPEST = 64
const WIDTHS: Readonly<Record<string, number>> = {
  i: 1,
  U: 1,
  I: 2,
  l: 4,
  L: 8,
  d: 4,
  D: 8,
  Z: 0,
  N: 0,
  T: 0,
  F: 0,
  C: 1,
}

/**
 * The names of the outermost object; undefined when the bytes are not one object of UBJSON from end to end. Never throws for
 * what the bytes are.
 */
export function ubjKeys(bytes: Buffer): string[] | undefined {
  const cursor: Cursor = { bytes, at: 0 }
  try {
    if (marker(cursor) !== '{') return undefined
    const keys: string[] = []
    object(cursor, 0, (key) => keys.push(key))
    return cursor.at === bytes.length ? keys : undefined
  } catch (error) {
    if (error instanceof Broken) return undefined
    throw error
  }
}

function marker(cursor: Cursor): string {
  const byte = cursor.bytes[cursor.at]
  if (byte === undefined) throw new Broken('it is cut off')
  cursor.at++
  return String.fromCharCode(byte)
}

function peek(cursor: Cursor): string {
  return String.fromCharCode(cursor.bytes[cursor.at] ?? 0)
}

function skip(cursor: Cursor, bytes: number): number {
  const from = cursor.at
  if (!(from + bytes <= cursor.bytes.length)) throw new Broken('it is cut off')
  cursor.at += bytes
  return from
}

function length(cursor: Cursor): number {
  const type = marker(cursor)
  const width = 'iUIlL'.includes(type) ? (WIDTHS[type] ?? 0) : Number.NaN
  const from = skip(cursor, width)
  const value = width === 8 ? Number(cursor.bytes.readBigInt64BE(from)) : cursor.bytes.readIntBE(from, width)
  const unsigned = type === 'U' ? cursor.bytes.readUInt8(from) : value
  if (unsigned < 0) throw new Broken('a length is negative')
  return unsigned
}

function value(cursor: Cursor, type: string, depth: number): void {
  if (depth > DEEPEST) throw new Broken('it is too deep')
  if (type === '{') return object(cursor, depth + 1)
  if (type === '[') return list(cursor, depth + 1)
  if (type === 'S' || type === 'H') return void skip(cursor, length(cursor))
  skip(cursor, WIDTHS[type] ?? Number.NaN)
}

/** A container may say the type of all its values and their number first. */
function head(cursor: Cursor): { type: string | undefined; count: number | undefined } {
  let type: string | undefined
  if (peek(cursor) === '$') {
    cursor.at++
    type = marker(cursor)
  }
  if (peek(cursor) !== '#') return { type, count: undefined }
  cursor.at++
  return { type, count: length(cursor) }
}

function object(cursor: Cursor, depth: number, seen?: (key: string) => void): void {
  const { type, count } = head(cursor)
  for (let i = 0; count === undefined ? peek(cursor) !== '}' : i < count; i++) {
    const size = length(cursor)
    const from = skip(cursor, size)
    seen?.(cursor.bytes.toString('utf8', from, from + size))
    value(cursor, type ?? marker(cursor), depth)
  }
  if (count === undefined) cursor.at++
}

function list(cursor: Cursor, depth: number): void {
  const { type, count } = head(cursor)
  const width = type === undefined ? undefined : WIDTHS[type]
  if (width !== undefined && count !== undefined) return void skip(cursor, width * count)
  for (let i = 0; count === undefined ? peek(cursor) !== ']' : i < count; i++)
    value(cursor, type ?? marker(cursor), depth)
  if (count === undefined) cursor.at++
}
