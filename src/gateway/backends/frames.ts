/** Frames between gateway and scorer: length, id, op, codec, payload; rows as typed columns. The scorer's side is python/slipway/scorer/frames.py. */
import type { InputField } from '../../scoring/rows/fields.ts'
import type { Scored } from '../../scoring/rows/scores.ts'
import { scoreOf } from '../../scoring/rows/scores.ts'
import { parseJson, toJson } from '../../scoring/rows/json.ts'
import type { Value } from '../../scoring/rows/rows.ts'

export const OP = { HELLO: 1, LOAD: 2, PREDICT: 3, RESULT: 4, ERROR: 5, DRAIN: 6, STATS: 7 } as const
export const CODEC = { ROWS: 0, JSON: 2 } as const

/** Bytes before the payload: u32 length, u32 id, u8 op, u8 codec, little-endian. */
const HEAD = 10
/** Width of a result that is JSON. */
const JSON_WIDTH = 0xffffffff
/** Stands for the width where names of columns come first: u32 length, JSON, and then the result as it is without. */
const NAMED = 0xfffffffe
/** A scorer that sends more has gone wrong. */
const MAX_FRAME = 256 * 1024 * 1024

export interface Frame {
  readonly id: number
  readonly op: number
  readonly codec: number
  readonly payload: Buffer
}

/** One frame as bytes. */
export function encodeFrame(frame: Frame): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD + frame.payload.length)
  bytes.writeUInt32LE(frame.payload.length, 0)
  bytes.writeUInt32LE(frame.id, 4)
  bytes.writeUInt8(frame.op, 8)
  bytes.writeUInt8(frame.codec, 9)
  frame.payload.copy(bytes, HEAD)
  return bytes
}

/** A frame whose payload is JSON. */
export function jsonFrame(id: number, op: number, value: unknown): Buffer {
  return encodeFrame({ id, op, codec: CODEC.JSON, payload: Buffer.from(JSON.stringify(value)) })
}

/** Cuts a byte stream into frames. Throws a plain Error when a frame is impossibly long. */
export class FrameReader {
  #chunks: Buffer[] = []
  #size = 0

  /** Takes bytes as they come; returns the frames that are whole now. */
  push(chunk: Buffer): Frame[] {
    this.#chunks.push(chunk)
    this.#size += chunk.length
    const frames: Frame[] = []
    for (let need = this.#need(); this.#size >= need; need = this.#need()) {
      const bytes = this.#take(need)
      frames.push({
        id: bytes.readUInt32LE(4),
        op: bytes[8] as number,
        codec: bytes[9] as number,
        payload: bytes.subarray(HEAD),
      })
    }
    return frames
  }

  /** Bytes of the next frame, or of its head while that is not whole. */
  #need(): number {
    if (this.#size < HEAD) return HEAD
    if ((this.#chunks[0] as Buffer).length < HEAD) this.#chunks = [Buffer.concat(this.#chunks)]
    const length = (this.#chunks[0] as Buffer).readUInt32LE(0)
    if (length > MAX_FRAME) throw new Error(`a frame of ${length} bytes`)
    return HEAD + length
  }

  #take(count: number): Buffer {
    const [first] = this.#chunks
    const bytes = this.#chunks.length === 1 ? (first as Buffer) : Buffer.concat(this.#chunks)
    this.#size -= count
    this.#chunks = this.#size === 0 ? [] : [bytes.subarray(count)]
    return bytes.subarray(0, count)
  }
}

/**
 * The payload of PREDICT: u32 rows, u32 length of a JSON text {texts, nan, beside, whole, params}, that text, then the number columns as
 * float64. `whole` has, by place, the columns with whole numbers that float64 cannot hold; `nan` and `beside`, by place, the rows whose
 * missing text is NaN, and NaN from pandas 3 on. Any other missing text is None.
 */
export function encodeRows(
  inputs: readonly InputField[],
  rows: readonly (readonly Value[])[],
  params: Readonly<Record<string, unknown>> | null,
): Buffer {
  const texts: Value[][] = []
  const some: Record<'nan' | 'beside' | 'whole', Record<string, unknown[]>> = { nan: {}, beside: {}, whole: {} }
  let numbers = 0
  inputs.forEach((input, i) => {
    if (input.kind === 'string') {
      const column = rows.map((row) => row[i])
      texts.push(column)
      keep(some.nan, i, placesOf(column, Number.isNaN))
      keep(some.beside, i, placesOf(column, isUndefined))
    } else numbers++
    if (input.kind === 'integer' && rows.some((row) => typeof row[i] === 'bigint'))
      some.whole[i] = rows.map((row) => row[i])
  })
  const extra = extraText(texts, some, params)
  const extraBytes = Buffer.byteLength(extra)
  const payload = Buffer.allocUnsafe(8 + extraBytes + numbers * rows.length * 8)
  payload.writeUInt32LE(rows.length, 0)
  payload.writeUInt32LE(extraBytes, 4)
  payload.write(extra, 8)
  let at = 8 + extraBytes
  for (let i = 0; i < inputs.length; i++) {
    if (inputs[i]?.kind === 'string') continue
    for (const row of rows) at = payload.writeDoubleLE(toNumber(row[i]), at)
  }
  return payload
}

function isUndefined(value: Value): boolean {
  return value === undefined
}

function placesOf(column: readonly Value[], is: (value: Value) => boolean): number[] {
  return column.flatMap((value, i) => (is(value) ? [i] : []))
}

function keep(into: Record<string, unknown[]>, place: number, rows: unknown[]): void {
  if (rows.length > 0) into[place] = rows
}

function extraText(texts: unknown[], some: Readonly<Record<string, object>>, params: unknown): string {
  const used = Object.entries(some).filter(([, columns]) => Object.keys(columns).length > 0)
  if (texts.length === 0 && params === null && used.length === 0) return ''
  return toJson({ texts, ...Object.fromEntries(used), ...(params !== null && { params }) })
}

function toNumber(value: Value | undefined): number {
  if (typeof value === 'number') return value
  return typeof value === 'boolean' || typeof value === 'bigint' ? Number(value) : Number.NaN
}

/** The rows of a RESULT. NaN becomes null. Throws a plain Error when their number is not `expected`. */
export function decodeRows(payload: Buffer, expected: number): Scored[] {
  const count = payload.readUInt32LE(0)
  const width = payload.readUInt32LE(4)
  if (count !== expected) throw new Error(`the scorer answered ${count} rows for ${expected}`)
  if (width === NAMED) {
    const end = 12 + payload.readUInt32LE(8)
    const columns = parseJson(payload.subarray(12, end)) as string[]
    return decodeRows(payload.subarray(end), expected).map((scored) => ({ ...scored, columns }))
  }
  if (width === JSON_WIDTH) {
    const values = parseJson(payload.subarray(8))
    if (!Array.isArray(values) || values.length !== count) throw new Error(`the scorer's list is none of ${count} rows`)
    return values.map((prediction: unknown) => ({ prediction, score: scoreOf(prediction) }))
  }
  const scored: Scored[] = []
  for (let i = 0, at = 8; i < count; i++, at += Math.max(1, width) * 8) {
    const prediction = width === 0 ? readNumber(payload, at) : readList(payload, at, width)
    scored.push({ prediction, score: scoreOf(prediction) })
  }
  return scored
}

function readList(payload: Buffer, from: number, width: number): (number | null)[] {
  return Array.from({ length: width }, (_, j) => readNumber(payload, from + j * 8))
}

function readNumber(payload: Buffer, at: number): number | null {
  const value = payload.readDoubleLE(at)
  return value === value ? value : null
}
