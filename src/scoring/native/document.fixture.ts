/** Native models that a test writes by hand, as the lowering lays them out. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TypedArray } from './form/document.ts'

/** Writes `NAME.json` and `NAME.bin`, in which each array begins at a multiple of eight bytes. */
export function writeDocument(
  dir: string,
  name: string,
  json: object,
  arrays: Readonly<Record<string, TypedArray>>,
): void {
  const directory: Record<string, object> = {}
  const parts: Buffer[] = []
  let offset = 0
  for (const [key, values] of Object.entries(arrays)) {
    const type = values.constructor.name.replace('Array', '').toLowerCase()
    directory[key] = { type, offset, length: values.length }
    const data = Buffer.from(values.buffer, values.byteOffset, values.byteLength)
    const padding = Buffer.alloc((8 - (data.length % 8)) % 8)
    parts.push(data, padding)
    offset += data.length + padding.length
  }
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, `${name}.json`), JSON.stringify({ ...json, arrays: directory, binary_bytes: offset }))
  writeFileSync(join(dir, `${name}.bin`), Buffer.concat(parts))
}

/** An input of which a missing value is NaN. */
export function inputOf(name: string, kind: string, required = false): Record<string, unknown> {
  return { name, kind, float32: false, required, missing: 'nan' }
}

/** The model's part of a document: one tree over base 10 that answers as it is. */
export const ONE_TREE = {
  type: 'trees',
  rounding: 'float64',
  trees: 1,
  outputs: 1,
  leaf_width: 1,
  base: [10],
  divide: 1,
  missing: 'allow',
  infinite: 'allow',
  link: 'identity',
  decide: null,
}
