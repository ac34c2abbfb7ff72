/** Record files of the wandb SDK from bytes laid out by hand: Protocol Buffers in one block of LevelDB's log. */
import { crc32 } from 'node:zlib'

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return Buffer.from([...bytes, rest])
}

/** A field with bytes. */
export function field(number: number, ...parts: readonly (Buffer | string)[]): Buffer {
  const bytes = Buffer.concat(parts.map((part) => Buffer.from(part)))
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes])
}

/** A field with a whole number. */
export function whole(number: number, value: number): Buffer {
  return Buffer.concat([varint(number * 8), varint(value)])
}

export const item = (key: string, json: string): Buffer => field(1, field(1, key), field(16, json))
export const history = (...items: readonly Buffer[]): Buffer => field(2, ...items)

/** The record of a run: its names by field, and further fields. */
export function runRecord(names: Readonly<Record<number, string>>, ...more: readonly Buffer[]): Buffer {
  return field(17, ...Object.entries(names).map(([number, text]) => field(Number(number), text)), ...more)
}

/** The record of an exit: its code, 0 to 127, and the seconds that the run took. */
export const exit = (code: number, seconds: number): Buffer => field(18, whole(1, code), whole(2, seconds))

/** The bytes of a file of records, less than a block; the record at `broken` has a wrong checksum. */
export function recordFile(records: readonly Buffer[], broken?: number): Buffer {
  const pieces = records.map((record, i) => {
    const head = Buffer.alloc(7)
    head.writeUInt32LE(crc32(Buffer.concat([Buffer.from([1]), record])), 0)
    if (i === broken) head.writeUInt8(head.readUInt8(0) ^ 1, 0)
    head.writeUInt16LE(record.length, 4)
    head.writeUInt8(1, 6)
    return Buffer.concat([head, record])
  })
  return Buffer.concat([Buffer.from([0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0]), ...pieces])
}
