/** What a reader process is asked and says: values in frames, each behind its length. */
import { deserialize, serialize } from 'node:v8'
import type { Packed } from '../reads/columns.ts'

/** A read. */
export interface Question {
  readonly sql: string
  readonly parameters: readonly unknown[]
}

/** So many rows, column by column, in the order of the read. */
export interface Rows {
  readonly columns: readonly string[]
  readonly packed: readonly Packed[]
  readonly count: number
  /** False where more frames follow. */
  readonly end: boolean
}

/** Said once, before anything else: the process has begun, and reads what it is asked. */
export interface Begun {
  readonly begun: true
}

/** The rows, in several frames where they are many; or, in place of the rest, what went wrong. */
export type Reply = Rows | { readonly error: EngineFault }

/** An error of the engine as plain data. */
export interface EngineFault {
  readonly message: string
  readonly code: string | undefined
}

/** Bytes of the length in front of a frame. */
export const HEADER = 4

/** One frame. */
export function frame(value: Question | Begun | Reply): Buffer {
  const body = serialize(value)
  const bytes = Buffer.allocUnsafe(HEADER + body.length)
  bytes.writeUInt32LE(body.length)
  body.copy(bytes, HEADER)
  return bytes
}

/** Puts frames together from the pieces in which they come. */
export class Frames {
  #pieces: Buffer[] = []
  #size = 0
  #wanted = HEADER

  /** Takes a piece and gives the values of the frames that are whole now. */
  take(piece: Buffer): unknown[] {
    this.#pieces.push(piece)
    this.#size += piece.length
    const values: unknown[] = []
    while (this.#size >= this.#wanted) {
      const bytes = this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces)
      const end = HEADER + bytes.readUInt32LE()
      if (bytes.length >= end) values.push(deserialize(bytes.subarray(HEADER, end)))
      const used = bytes.length >= end ? end : 0
      this.#pieces = bytes.length > used ? [bytes.subarray(used)] : []
      this.#size = bytes.length - used
      this.#wanted = used === 0 ? end : HEADER
    }
    return values
  }
}

/** An error as plain data. */
export function engineFault(error: unknown): EngineFault {
  if (!(error instanceof Error)) return { message: String(error), code: undefined }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return { message: error.message, code }
}

/** The error of plain data, with the engine's code in `code`. */
export function engineError({ message, code }: EngineFault): Error {
  return Object.assign(new Error(message), { code })
}
