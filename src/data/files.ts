/** The files of a version as tables that lie on this machine. */
import { createWriteStream, rmSync } from 'node:fs'
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { finished, pipeline } from 'node:stream/promises'
import { problem } from '../contract/errors.ts'
import { treeFiles, type TreeFile } from '../store/blobs/trees.ts'
import type { DataContext } from './context.ts'
import type { TableFile } from './profile/table.ts'

/** Bytes by which a kind is told. */
const HEAD = 4096

/**
 * Calls `use` with the tables of a tree, whose files are held against their digests first: what comes of them is kept. With `declared` all
 * its files are such tables, whatever their names say, but for marks of the tools that write tables. Throws `unprocessable` where it has
 * none, or some of two kinds; `not_found` and `corrupt_blob` where a file is gone or damaged.
 */
export async function withTables<T>(
  context: Pick<DataContext, 'blobs' | 'dataDir'>,
  digest: string,
  use: (files: readonly TableFile[]) => Promise<T>,
  declared?: TableFile['format'],
): Promise<T> {
  const isWanted = declared === undefined ? mayBeTable : (path: string) => !isMark(path)
  const files = (await treeFiles(context.blobs, digest)).filter(({ path }) => isWanted(path))
  return withScratch(context, async (folder) => {
    const bring = async (file: TreeFile, at: number): Promise<string> => {
      const { stream } = await context.blobs.read(file.digest)
      const here = context.blobs.path(file.digest)
      const path = here ?? join(folder, String(at))
      await (here === undefined ? pipeline(stream, createWriteStream(path)) : finished(stream.resume()))
      return path
    }
    const tables: TableFile[] = []
    for (const [at, file] of files.entries()) {
      const path = await bring(file, at)
      const format = declared ?? (await formatOf(path, file.path))
      if (format !== undefined) tables.push({ path, name: file.path === '' ? 'its file' : file.path, format })
    }
    if (tables.length === 0) throw problem('unprocessable', { detail: 'it holds no table: no CSV and no parquet file' })
    if (new Set(tables.map(({ format }) => format)).size > 1)
      throw problem('unprocessable', { detail: 'it holds CSV and parquet files; one kind is expected' })
    return await use(tables)
  })
}

function scratchOf({ dataDir }: Pick<DataContext, 'dataDir'>): string {
  return join(dataDir, 'data-sets')
}

/** Calls `use` with a folder for what is needed meanwhile. */
export async function withScratch<T>(
  context: Pick<DataContext, 'dataDir'>,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const scratch = scratchOf(context)
  await mkdir(scratch, { recursive: true })
  const folder = await mkdtemp(join(scratch, 'table-'))
  try {
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Removes what a server left there that was killed meanwhile. */
export function clearScratch(context: Pick<DataContext, 'dataDir'>): void {
  rmSync(scratchOf(context), { recursive: true, force: true })
}

function mayBeTable(path: string): boolean {
  return path === '' || (!isMark(path) && /\.(csv|parquet|pq)$/i.test(path))
}

/** Names that begin with "_" or "." are marks of the tools that write tables. */
function isMark(path: string): boolean {
  return /^[_.]/.test(path.slice(path.lastIndexOf('/') + 1))
}

/** A file without a name is told by its first bytes; undefined for what is neither. */
async function formatOf(path: string, name: string): Promise<TableFile['format'] | undefined> {
  const file = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD), 0, HEAD, 0)
    const head = buffer.subarray(0, bytesRead)
    if (head.subarray(0, 4).toString('latin1') === 'PAR1') return 'parquet'
    // its reader says what is wrong with it
    if (/^(?:\xff\xfe|\xfe\xff)/.test(head.toString('latin1'))) return 'csv'
    const isText = !head.includes(0) && !/^\s*[[{<]/.test(head.toString('utf8'))
    return isText && bytesRead > 0 ? 'csv' : name === '' || bytesRead > 0 ? undefined : 'csv'
  } finally {
    await file.close()
  }
}
