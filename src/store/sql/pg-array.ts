/** Arrays as PostgreSQL's binary protocol has them: read by it in a fraction of the time that their text takes. */
import type { SqlValue } from '../db.ts'

/** Types of an element. */
export type Element = 'TEXT' | 'BIGINT' | 'DOUBLE PRECISION'

/** Ids of the types, the same in every PostgreSQL. */
const IDS: Readonly<Record<Element, number>> = { TEXT: 25, BIGINT: 20, 'DOUBLE PRECISION': 701 }

const HEADER = 20
const NULL = -1
const WORD = 2 ** 32

/** The array of some values, each of the element's type or null. Integers must be safe ones. */
export function pgArray(type: Element, values: readonly SqlValue[]): Uint8Array {
  const bytes = Buffer.allocUnsafe(sizeOf(type, values))
  bytes.writeInt32BE(1, 0)
  bytes.writeInt32BE(values.includes(null) ? 1 : 0, 4)
  bytes.writeInt32BE(IDS[type], 8)
  bytes.writeInt32BE(values.length, 12)
  bytes.writeInt32BE(1, 16)
  if (type === 'TEXT') writeTexts(bytes, values)
  else writeNumbers(bytes, values, type === 'BIGINT' ? writeInteger : writeDouble)
  return bytes
}

function sizeOf(type: Element, values: readonly SqlValue[]): number {
  let size = HEADER + 4 * values.length
  if (type !== 'TEXT') return size + 8 * values.reduce<number>((count, value) => count + (value === null ? 0 : 1), 0)
  let [last, length]: [SqlValue | undefined, number] = [undefined, 0]
  for (const value of values) {
    if (value !== last) [last, length] = [value, value === null ? 0 : Buffer.byteLength(String(value))]
    size += length
  }
  return size
}

/** Neighbours are often the same text: it is encoded once. */
function writeTexts(bytes: Buffer, values: readonly SqlValue[]): void {
  let at = HEADER
  let last: { value: SqlValue; from: number; to: number } | undefined
  for (const value of values) {
    if (last !== undefined && last.value === value) {
      bytes.copyWithin(at, last.from, last.to)
      at += last.to - last.from
      continue
    }
    const from = at
    const length = value === null ? 0 : bytes.write(String(value), at + 4, 'utf8')
    bytes.writeInt32BE(value === null ? NULL : length, at)
    at += 4 + length
    last = { value, from, to: at }
  }
}

function writeNumbers(
  bytes: Buffer,
  values: readonly SqlValue[],
  write: (view: DataView, at: number, value: number) => void,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = HEADER
  for (const value of values) {
    view.setInt32(at, value === null ? NULL : 8)
    at += 4
    if (value === null) continue
    write(view, at, Number(value))
    at += 8
  }
}

function writeInteger(view: DataView, at: number, value: number): void {
  view.setInt32(at, Math.floor(value / WORD))
  view.setUint32(at + 4, value)
}

function writeDouble(view: DataView, at: number, value: number): void {
  view.setFloat64(at, value)
}
