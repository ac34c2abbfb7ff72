/** Rows of sources that are tables: lines of CSV outside of quotes, and what parquet files say of themselves. */
import { problem } from '../../contract/errors.ts'
import type { Blobs } from '../../store/blobs/blobs.ts'
import { treeFiles, type TreeFile } from '../../store/blobs/trees.ts'
import { within, type Limits } from './kinds/asked.ts'

/** The rows of all files of a tree. Names that begin with "_" or "." are marks of the tools that write tables. Throws `unprocessable` for a file that is no such table, and for parquet files with different columns. */
export async function countRows(
  blobs: Blobs,
  digest: string,
  table: 'csv' | 'parquet',
  limits: Limits,
): Promise<number> {
  const files = (await treeFiles(blobs, digest)).filter(
    ({ path }) => !/^[_.]/.test(path.slice(path.lastIndexOf('/') + 1)),
  )
  if (files.length === 0) throw problem('unprocessable', { detail: `it has no files that are ${table}` })
  let rows = 0
  let first: { readonly path: string; readonly columns: string } | undefined
  for (const file of files) {
    limits.check()
    if (table === 'csv') rows += await csvRowsOf(blobs, file, limits)
    else {
      const found = await parquetOf(blobs, file)
      first ??= { path: file.path, columns: found.columns }
      if (found.columns !== first.columns)
        throw problem('unprocessable', {
          detail: `"${file.path}" has other columns (${found.columns}) than "${first.path}" (${first.columns})`,
        })
      rows += found.rows
    }
  }
  return rows
}

const QUOTE = 0x22
const LINE = 0x0a
const RETURN = 0x0d

/** Lines that hold something, without the first; a line end in quotes ends no line. */
async function csvRowsOf(blobs: Blobs, { digest, path }: TreeFile, limits: Limits): Promise<number> {
  const { stream } = await blobs.read(digest)
  const seen = { lines: 0, quoted: false, filled: false, returned: false }
  for await (const part of within(stream as AsyncIterable<Buffer>, { ...limits, take: () => undefined })) {
    for (const byte of part) {
      if (byte === 0) throw problem('unprocessable', { detail: `${shown(path)} is no CSV: it holds zero bytes` })
      if (seen.returned && byte !== LINE && !seen.quoted) throw problem('unprocessable', { detail: loneReturn(path) })
      seen.returned = byte === RETURN && !seen.quoted
      if (byte === QUOTE) seen.quoted = !seen.quoted
      if (byte === LINE && !seen.quoted) {
        if (seen.filled) seen.lines++
        seen.filled = false
      } else if (byte !== RETURN) seen.filled = true
    }
  }
  if (seen.quoted) throw problem('unprocessable', { detail: `${shown(path)} is no CSV: a quote in it is never closed` })
  return Math.max(0, seen.lines + (seen.filled ? 1 : 0) - 1)
}

/** Some programs take it for the end of a line, others for a letter: there is no one count of rows. */
function loneReturn(path: string): string {
  return `${shown(path)} has a carriage return alone; lines end with LF, or CR and LF`
}

async function parquetOf(
  blobs: Blobs,
  { digest, path, size }: TreeFile,
): Promise<{ readonly rows: number; readonly columns: string }> {
  const slice = async (start: number, end = size): Promise<ArrayBuffer> => {
    if (end <= start) return new ArrayBuffer(0)
    const { stream } = await blobs.read(digest, { start, end: end - 1 })
    const parts: Buffer[] = []
    for await (const part of stream as AsyncIterable<Buffer>) parts.push(part)
    return Uint8Array.from(Buffer.concat(parts)).buffer
  }
  // most servers never see such a file
  const { parquetMetadataAsync, parquetSchema } = await import('hyparquet')
  try {
    const metadata = await parquetMetadataAsync({ byteLength: size, slice })
    const columns = parquetSchema(metadata).children.map(({ element }) => `${element.name} ${element.type ?? 'group'}`)
    return { rows: Number(metadata.num_rows), columns: columns.join(', ') }
  } catch (error) {
    // the reader throws whatever a broken file makes of it
    if (!(error instanceof Error) || 'code' in error) throw error
    throw problem('unprocessable', { detail: `${shown(path)} is no parquet file: ${error.message}` }, error)
  }
}

function shown(path: string): string {
  return path === '' ? 'its file' : `"${path}"`
}
