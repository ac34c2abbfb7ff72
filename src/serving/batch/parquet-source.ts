/** A parquet file as a batch reads it: flat columns, chunk by chunk. */
import { isUtf8 } from 'node:buffer'
import { open, type FileHandle } from 'node:fs/promises'
import { parquetMetadataAsync, parquetSchema } from 'hyparquet'
import type { AsyncBuffer, Compressors, FileMetaData } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { DEFAULT_PARSERS } from 'hyparquet/src/convert.js'
import { Problem } from '../../contract/errors.ts'
import { toJson } from '../../scoring/rows/json.ts'
import { isDecimal } from './decimals.ts'
import { instantText, isInstant } from './instants.ts'
import type { Instant } from './instants.ts'
import { PageRows, refused } from './parquet-pages.ts'
import type { InputField } from '../../scoring/rows/fields.ts'
import type { Column, Source } from './table.ts'

/** Times that a Date would cut. */
const PARSERS = {
  ...DEFAULT_PARSERS,
  timestampFromMicroseconds: (since1970: bigint): Instant => ({ unit: 'MICROS', since1970 }),
  timestampFromNanoseconds: (since1970: bigint): Instant => ({ unit: 'NANOS', since1970 }),
}

/** A block of nothing, which a column without values has, is none to the reader of LZ4. */
const COMPRESSORS: Compressors = Object.fromEntries(
  Object.entries(compressors).map(([name, unpack]) => [
    name,
    (input: Uint8Array, length: number) => (length === 0 ? new Uint8Array(0) : unpack(input, length)),
  ]),
)

// without utf8, columns of bytes stay bytes; those of texts say that they are texts
const READING = { compressors: COMPRESSORS, parsers: PARSERS, utf8: false }

/** Throws `unprocessable` for what is no parquet file, for nested columns, and for a name that two columns have. */
export async function parquetSource(path: string): Promise<Source> {
  const handle = await open(path, 'r')
  try {
    const file = await fileBuffer(handle)
    const metadata = await told(parquetMetadataAsync(file))
    const columns = columnsOf(metadata)
    const size = Number(metadata.num_rows)
    const pages = new PageRows(file, metadata, READING)
    return {
      columns,
      word: 'row',
      first: { at: 0, line: 1 },
      size,
      async read({ at }, count) {
        const end = Math.min(size, at + count)
        const found = at >= end ? [] : await told(pages.read(at, end - at))
        const rows = found.map((cells, i) => ({ line: at + i + 1, cells }))
        return { rows, next: { at: end, line: end + 1 }, end: end === size }
      },
      value: modelValue,
      close: () => handle.close(),
    }
  } catch (error) {
    await handle.close()
    throw error
  }
}

function columnsOf(metadata: FileMetaData): Column[] {
  const columns = parquetSchema(metadata).children.map(({ element, children }): Column => {
    const flat = children.length === 0 && element.repetition_type !== 'REPEATED'
    if (!flat) throw refused(`its column "${element.name}" is nested; leave it out`)
    return { name: element.name, element }
  })
  const names = new Set<string>()
  for (const { name } of columns) {
    if (names.has(name)) throw refused(`it names the column "${name}" twice`)
    names.add(name)
  }
  return columns
}

/** What the reader makes of a broken file or a kind that it does not know is told as such; faults of the disk go on. */
async function told<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading
  } catch (error) {
    if (!(error instanceof Error) || error instanceof Problem || 'code' in error) throw error
    throw refused(error.message, error)
  }
}

/** Bytes as a text where they are one, else in base64. */
export function bytesText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(isUtf8(bytes) ? 'utf8' : 'base64')
}

/** A cell as callers of the gateway would send it. */
function modelValue(cell: unknown, input: InputField): unknown {
  if (cell instanceof Uint8Array)
    return input.dtype === 'binary' ? Buffer.from(cell).toString('base64') : bytesText(cell)
  if (isInstant(cell)) return instantText(cell)
  if (isDecimal(cell)) return input.kind === 'string' ? cell.decimal : Number(cell.decimal)
  if (cell instanceof Date) return cell.toISOString()
  if (cell !== null && typeof cell === 'object') return toJson(cell)
  return cell
}

async function fileBuffer(handle: FileHandle): Promise<AsyncBuffer> {
  const { size } = await handle.stat()
  return {
    byteLength: size,
    async slice(start, end = size) {
      const bytes = new Uint8Array(end - start)
      for (let done = 0; done < bytes.length;) {
        const { bytesRead } = await handle.read(bytes, done, bytes.length - done, start + done)
        if (bytesRead === 0) throw refused('it was cut off while it was read')
        done += bytesRead
      }
      return bytes.buffer
    },
  }
}
