/** A parquet file as a batch reads it: flat columns, chunk by chunk. */
import { open, type FileHandle } from 'node:fs/promises'
import { parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet'
import type { AsyncBuffer, ParquetParsers } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { problem } from '../../contract/errors.ts'
import { toJson } from '../gateway/json.ts'
import { instantText, isInstant } from './instants.ts'
import type { Instant } from './instants.ts'
import type { Column, Source } from './table.ts'

/** Times that a Date would cut. */
const PARSERS = {
  timestampFromMicroseconds: (since1970: bigint): Instant => ({ unit: 'MICROS', since1970 }),
  timestampFromNanoseconds: (since1970: bigint): Instant => ({ unit: 'NANOS', since1970 }),
} as unknown as Partial<ParquetParsers>

/** Throws `unprocessable` for what is no parquet file, and for nested columns. */
export async function parquetSource(path: string): Promise<Source> {
  const handle = await open(path, 'r')
  try {
    const file = await fileBuffer(handle)
    const metadata = await parquetMetadataAsync(file).catch((error: unknown) => {
      throw refused(error instanceof Error ? error.message : String(error))
    })
    const columns = parquetSchema(metadata).children.map(({ element, children }): Column => {
      const flat = children.length === 0 && element.repetition_type !== 'REPEATED'
      if (!flat) throw refused(`its column "${element.name}" is nested; leave it out`)
      return { name: element.name, element }
    })
    const size = Number(metadata.num_rows)
    const from = { file, metadata, compressors, parsers: PARSERS }
    return {
      columns,
      word: 'row',
      first: { at: 0, line: 1 },
      size,
      async read({ at }, count) {
        const end = Math.min(size, at + count)
        const objects = at === end ? [] : await parquetReadObjects({ ...from, rowStart: at, rowEnd: end })
        const rows = objects.map((one, i) => ({
          line: at + i + 1,
          cells: columns.map(({ name }) => (one[name] as unknown) ?? null),
        }))
        if (rows.length !== end - at) throw refused(`it ends after ${at + rows.length} of its ${size} rows`)
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

/** A cell as callers of the gateway would send it. */
function modelValue(cell: unknown): unknown {
  if (isInstant(cell)) return instantText(cell)
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

function refused(why: string): Error {
  return problem('unprocessable', { detail: `the parquet file cannot be read: ${why}` })
}
