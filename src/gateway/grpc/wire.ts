/** The protobuf wire format, as much of it as the inference protocol needs: fields read one by one, and written. */
import { problem } from '../../contract/errors.ts'
import { MOST_VALUES } from '../../http/json-shape.ts'

/** Wire types. */
const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5

/** How many fields and numbers of a message, and of the messages in it, are still taken. */
interface Budget {
  left: number
}

/**
 * Reads the fields of one message. Throws `malformed_body` when the bytes are cut off or no protobuf, `too_many_values` for more
 * fields and numbers than a body of JSON may have.
 */
export class ProtoReader {
  readonly #bytes: Buffer
  readonly #budget: Budget
  #at = 0
  /** Wire type of the field that `next` returned. */
  #type = -1

  constructor(bytes: Uint8Array, budget: Budget = { left: MOST_VALUES }) {
    this.#budget = budget
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** Number of the next field; 0 at the end. */
  next(): number {
    if (this.#at >= this.#bytes.length) return 0
    this.#count()
    const tag = Number(this.#varint())
    this.#type = tag & 7
    const field = tag >>> 3
    if (field === 0) throw damaged('field number 0')
    return field
  }

  /** Passes over the field that `next` returned. */
  skip(): void {
    switch (this.#type) {
      case VARINT:
        this.#varint()
        break
      case FIXED64:
        this.#take(8)
        break
      case BYTES:
        this.bytes()
        break
      case FIXED32:
        this.#take(4)
        break
      default:
        throw damaged(`wire type ${this.#type}`)
    }
  }

  bool(): boolean {
    this.#expect(VARINT)
    return this.#varint() !== 0n
  }

  int64(): bigint {
    this.#expect(VARINT)
    return BigInt.asIntN(64, this.#varint())
  }

  uint64(): bigint {
    this.#expect(VARINT)
    return this.#varint()
  }

  double(): number {
    this.#expect(FIXED64)
    return this.#bytes.readDoubleLE(this.#take(8))
  }

  bytes(): Buffer {
    this.#expect(BYTES)
    const length = Number(this.#varint())
    const from = this.#take(length)
    return this.#bytes.subarray(from, from + length)
  }

  string(): string {
    return this.bytes().toString('utf8')
  }

  message(): ProtoReader {
    return new ProtoReader(this.bytes(), this.#budget)
  }

  /** Adds the numbers of a repeated field, packed or single, to a list. */
  numbers(kind: Packed, to: (number | bigint | boolean)[]): void {
    if (this.#type !== BYTES) {
      to.push(this.#number(kind))
      return
    }
    const inner = this.message()
    while (inner.#at < inner.#bytes.length) {
      inner.#type = WIRE[kind]
      inner.#count()
      to.push(inner.#number(kind))
    }
  }

  #count(): void {
    if (--this.#budget.left < 0)
      throw problem('too_many_values', { what: 'values', value: MOST_VALUES + 1, limit: MOST_VALUES })
  }

  #number(kind: Packed): number | bigint | boolean {
    this.#expect(WIRE[kind])
    switch (kind) {
      case 'bool':
        return this.#varint() !== 0n
      case 'int':
        return BigInt.asIntN(64, this.#varint())
      case 'uint':
        return this.#varint()
      case 'float':
        return this.#bytes.readFloatLE(this.#take(4))
      case 'double':
        return this.#bytes.readDoubleLE(this.#take(8))
    }
  }

  #expect(type: number): void {
    if (this.#type !== type) throw damaged(`wire type ${this.#type} where ${type} belongs`)
  }

  #take(count: number): number {
    const from = this.#at
    if (count > this.#bytes.length - from) throw damaged('it is cut off')
    this.#at = from + count
    return from
  }

  #varint(): bigint {
    let low = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#bytes[this.#take(1)] as number
      low |= (byte & 127) << shift
      if (byte < 128) return BigInt(low)
    }
    let value = BigInt(low)
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#take(1)] as number
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return BigInt.asUintN(64, value)
    }
    throw damaged('a number longer than 64 bits')
  }
}

/** Kinds of numbers in repeated fields. */
export type Packed = 'bool' | 'int' | 'uint' | 'float' | 'double'

const WIRE: Readonly<Record<Packed, number>> = {
  bool: VARINT,
  int: VARINT,
  uint: VARINT,
  float: FIXED32,
  double: FIXED64,
}

function damaged(detail: string): Error {
  return problem('malformed_body', { expected: 'protobuf', detail })
}

/** Writes a message. Fields with their default value are left out, as proto3 does. */
export class ProtoWriter {
  readonly #parts: Buffer[] = []

  bool(field: number, value: boolean): this {
    return value ? this.uint(field, 1n) : this
  }

  /** An int64, enum or uint64. */
  uint(field: number, value: bigint | number): this {
    const whole = BigInt.asUintN(64, BigInt(value))
    return whole === 0n ? this : this.#raw(tag(field, VARINT), varint(whole))
  }

  double(field: number, value: number): this {
    const bytes = Buffer.allocUnsafe(8)
    bytes.writeDoubleLE(value)
    return this.#raw(tag(field, FIXED64), bytes)
  }

  string(field: number, value: string): this {
    return value === '' ? this : this.bytes(field, Buffer.from(value))
  }

  /** Bytes, also when they are none: an item of a repeated field. */
  bytes(field: number, value: Uint8Array): this {
    return this.#raw(tag(field, BYTES), varint(BigInt(value.length)), value)
  }

  message(field: number, value: ProtoWriter): this {
    return this.bytes(field, value.finish())
  }

  /** Whole numbers, packed. */
  packed(field: number, values: readonly number[]): this {
    if (values.length === 0) return this
    return this.bytes(field, Buffer.concat(values.map((value) => varint(BigInt.asUintN(64, BigInt(value))))))
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts)
  }

  #raw(...parts: Uint8Array[]): this {
    for (const part of parts) this.#parts.push(Buffer.from(part.buffer, part.byteOffset, part.length))
    return this
  }
}

function tag(field: number, type: number): Buffer {
  return varint(BigInt(field * 8 + type))
}

function varint(value: bigint): Buffer {
  const bytes: number[] = []
  let rest = value
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128)
    rest >>= 7n
  }
  bytes.push(Number(rest))
  return Buffer.from(bytes)
}
