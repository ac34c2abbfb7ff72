/** Reads the wire format of Protocol Buffers, field by field, from bytes that nobody has checked. */

/** Thrown for bytes that are not a message. */
export class ProtobufError extends Error {}

/** One field of a message: its number and its value as it lies on the wire. */
export interface WireField {
  readonly number: number
  /** Of a varint, or of four or eight bytes: the unsigned number. */
  readonly integer: bigint
  /** Of a length-delimited field: its bytes, a view. Undefined for numbers. */
  readonly bytes: Uint8Array | undefined
}

const NO_NUMBER = 0n

/**
 * Calls `take` for each field of a message, in the order of the bytes. Groups (an old form that OTLP does not use) are refused,
 * like field number 0, a varint beyond 64 bits and a length beyond the end.
 */
export function eachField(message: Uint8Array, take: (field: WireField) => void): void {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength)
  const cursor = { at: 0 }
  while (cursor.at < message.length) {
    const tag = readTag(message, cursor)
    take(readField(message, view, cursor, tag))
  }
}

/** A signed 64-bit number from its unsigned form. */
export function signed(integer: bigint): bigint {
  return BigInt.asIntN(64, integer)
}

/** A double from the eight bytes that were read as a number. */
export function doubleOf(integer: bigint): number {
  SCRATCH.setBigUint64(0, integer)
  return SCRATCH.getFloat64(0)
}

const SCRATCH = new DataView(new ArrayBuffer(8))
const UTF8 = new TextDecoder('utf-8')

/** Text of a field; bytes that are not UTF-8 and the character 0, which no database keeps as text, become U+FFFD. */
export function textOf(bytes: Uint8Array): string {
  const text = bytes.length <= SHORT ? shortText(bytes) : UTF8.decode(bytes)
  return text.includes('\0') ? text.replaceAll('\0', '\ufffd') : text
}

/** Up to this many bytes, ASCII is read faster here than by calling the decoder. */
const SHORT = 32

function shortText(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) {
    if (byte >= 0x80) return UTF8.decode(bytes)
    text += String.fromCharCode(byte)
  }
  return text
}

interface Cursor {
  at: number
}

/** Field number and wire type; small varints, so ordinary numbers. */
function readTag(bytes: Uint8Array, cursor: Cursor): number {
  const tag = readSmall(bytes, cursor)
  if (tag >>> 3 === 0) throw new ProtobufError(`a field has number 0 at byte ${cursor.at}`)
  return tag
}

// oxlint-disable-next-line max-params -- one hot function whose arguments are the state of the reader
function readField(bytes: Uint8Array, view: DataView, cursor: Cursor, tag: number): WireField {
  const number = tag >>> 3
  switch (tag & 7) {
    case 0:
      return { number, integer: readVarint(bytes, cursor), bytes: undefined }
    case 1:
      need(bytes, cursor, 8)
      cursor.at += 8
      return { number, integer: view.getBigUint64(cursor.at - 8, true), bytes: undefined }
    case 2: {
      const length = readSmall(bytes, cursor)
      need(bytes, cursor, length)
      cursor.at += length
      return { number, integer: NO_NUMBER, bytes: bytes.subarray(cursor.at - length, cursor.at) }
    }
    case 5:
      need(bytes, cursor, 4)
      cursor.at += 4
      return { number, integer: BigInt(view.getUint32(cursor.at - 4, true)), bytes: undefined }
    default:
      throw new ProtobufError(`wire type ${tag & 7} at byte ${cursor.at}`)
  }
}

function need(bytes: Uint8Array, cursor: Cursor, length: number): void {
  if (cursor.at + length > bytes.length) throw new ProtobufError(`the message ends before its field at ${cursor.at}`)
}

/** A varint of at most 32 bits. */
function readSmall(bytes: Uint8Array, cursor: Cursor): number {
  let value = 0
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = next(bytes, cursor)
    value += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) {
      if (value > 0xffff_ffff) break
      return value
    }
  }
  throw new ProtobufError(`a length or tag is too large at byte ${cursor.at}`)
}

function readVarint(bytes: Uint8Array, cursor: Cursor): bigint {
  const start = cursor.at
  let low = 0
  for (let shift = 0; shift < 49; shift += 7) {
    const byte = next(bytes, cursor)
    low += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) return BigInt(low)
  }
  let value = BigInt(low)
  for (let shift = 49n; shift < 70n; shift += 7n) {
    const byte = next(bytes, cursor)
    value |= BigInt(byte & 0x7f) << shift
    if (byte < 0x80) return BigInt.asUintN(64, value)
  }
  throw new ProtobufError(`a varint is longer than ten bytes at byte ${start}`)
}

function next(bytes: Uint8Array, cursor: Cursor): number {
  const byte = bytes[cursor.at++]
  if (byte === undefined) throw new ProtobufError('the message ends within a number')
  return byte
}
