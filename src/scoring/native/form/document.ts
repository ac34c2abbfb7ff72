/** Reads a document of a lowered model: JSON with its large arrays in a little-endian binary file beside it. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { problem } from '../../../contract/errors.ts'

const ARRAY = z.object({
  type: z.enum(['float64', 'int32', 'uint32', 'uint8']),
  offset: z.int().min(0),
  length: z.int().min(0),
})

const FRAME = z.looseObject({ arrays: z.record(z.string(), ARRAY), binary_bytes: z.int().min(0) })

/** A typed array of the binary file. */
export type TypedArray = Float64Array | Int32Array | Uint32Array | Uint8Array

/** A document as read: the JSON and its arrays by name. `bytes` is the size of both files. */
export interface NativeDocument {
  readonly json: unknown
  readonly arrays: ReadonlyMap<string, TypedArray>
  readonly bytes: number
}

/** A refusal of a file that is damaged or not of the expected format. */
export function malformed(name: string, detail: string, cause?: unknown): Error {
  return problem('unprocessable', { detail: `native model, ${name}: ${detail}` }, cause)
}

/** Reads DIR/NAME.json and DIR/NAME.bin. Throws `unprocessable` when a file is missing, damaged or disagrees with the other. */
export function readDocument(dir: string, name: string): NativeDocument {
  const text = readBytes(dir, `${name}.json`)
  const binary = readBytes(dir, `${name}.bin`)
  const json = parseJson(name, text)
  const frame = FRAME.safeParse(json)
  if (!frame.success) throw malformed(`${name}.json`, z.prettifyError(frame.error))
  if (frame.data.binary_bytes !== binary.byteLength) {
    throw malformed(`${name}.bin`, `${binary.byteLength} bytes, expected ${frame.data.binary_bytes}`)
  }
  const aligned = binary.buffer.slice(binary.byteOffset, binary.byteOffset + binary.byteLength)
  const arrays = new Map<string, TypedArray>()
  for (const [key, spec] of Object.entries(frame.data.arrays)) arrays.set(key, view(name, key, aligned, spec))
  return { json, arrays, bytes: text.byteLength + binary.byteLength }
}

/** The array of that name and type. Throws `unprocessable` when it is absent, of another type or of another length. */
export function floats(document: NativeDocument, name: string, length?: number): Float64Array {
  return checked(document, name, Float64Array, length)
}

/** Like floats, for 32-bit integers. */
export function ints(document: NativeDocument, name: string, length?: number): Int32Array {
  return checked(document, name, Int32Array, length)
}

/** Like floats, for bytes. */
export function bytesOf(document: NativeDocument, name: string, length?: number): Uint8Array {
  return checked(document, name, Uint8Array, length)
}

/** Like floats, for unsigned 32-bit integers. */
export function words(document: NativeDocument, name: string, length?: number): Uint32Array {
  return checked(document, name, Uint32Array, length)
}

type ArrayClass<T extends TypedArray> = (new (length: number) => T) & { readonly name: string }

function checked<T extends TypedArray>(
  document: NativeDocument,
  name: string,
  kind: ArrayClass<T>,
  length?: number,
): T {
  const found = document.arrays.get(name)
  if (!(found instanceof kind)) throw malformed(name, `no ${kind.name} of this name`)
  if (length !== undefined && found.length !== length)
    throw malformed(name, `${found.length} values, expected ${length}`)
  return found
}

function readBytes(dir: string, file: string): Buffer {
  try {
    return readFileSync(join(dir, file))
  } catch (cause) {
    throw malformed(file, 'cannot be read', cause)
  }
}

function parseJson(name: string, text: Buffer): unknown {
  try {
    return JSON.parse(text.toString('utf8'))
  } catch (cause) {
    throw malformed(`${name}.json`, 'not JSON', cause)
  }
}

const CLASSES = { float64: Float64Array, int32: Int32Array, uint32: Uint32Array, uint8: Uint8Array } as const

function view(name: string, key: string, buffer: ArrayBufferLike, spec: z.infer<typeof ARRAY>): TypedArray {
  const kind = CLASSES[spec.type]
  const size = spec.length * kind.BYTES_PER_ELEMENT
  if (spec.offset % kind.BYTES_PER_ELEMENT !== 0 || spec.offset + size > buffer.byteLength) {
    throw malformed(`${name}.bin`, `array ${key} does not lie inside the file`)
  }
  return new kind(buffer as ArrayBuffer, spec.offset, spec.length)
}
