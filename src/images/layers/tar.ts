/** Writes a layer as tar: sorted, with fixed owners and without times, so that equal entries are equal bytes on every machine. */
import { createReadStream } from 'node:fs'
import { problem } from '../../contract/errors.ts'
import { paxRecords, tarHeader } from '../../store/blobs/archive.ts'
import type { Entries, LayerEntry, LayerFile } from './entries.ts'

const BLOCK = 512
const MOST_NAME = 100

/** The bytes of a layer before it is compressed. Throws `conflict` when a file changes while it is read. */
export async function* layerTar(entries: Entries): AsyncGenerator<Buffer> {
  for (const [path, entry] of entries.sorted()) {
    yield head(path, entry)
    if (entry.kind === 'file') yield* content(path, entry)
  }
  yield Buffer.alloc(2 * BLOCK)
}

function head(path: string, entry: LayerEntry): Buffer {
  const name = Buffer.from(entry.kind === 'folder' ? `${path}/` : path)
  const link = Buffer.from(entry.kind === 'link' ? entry.target : '')
  const long = {
    ...(name.length > MOST_NAME && { path: name.toString() }),
    ...(link.length > MOST_NAME && { linkpath: link.toString() }),
  }
  const header = tarHeader({
    name: name.subarray(0, MOST_NAME),
    link: link.subarray(0, MOST_NAME),
    size: entry.kind === 'file' ? sizeOf(entry) : 0,
    type: { file: '0', link: '2', folder: '5' }[entry.kind],
    mode: entry.kind === 'link' ? 0o777 : entry.mode,
    owner: entry.kind === 'folder' ? (entry.owner ?? 0) : 0,
  })
  return Object.keys(long).length === 0 ? header : Buffer.concat([paxRecords(long), header])
}

function sizeOf({ source }: LayerFile): number {
  return Buffer.isBuffer(source) ? source.length : source.size
}

async function* content(path: string, file: LayerFile): AsyncGenerator<Buffer> {
  const { source } = file
  const size = sizeOf(file)
  let written = 0
  const parts = Buffer.isBuffer(source) ? [source] : createReadStream(source.file, { highWaterMark: 256 * 1024 })
  for await (const part of parts as AsyncIterable<Buffer>) {
    written += part.length
    yield part
  }
  if (written !== size) throw problem('conflict', { detail: `"${path}" changed while it was read` })
  if (size % BLOCK !== 0) yield Buffer.alloc(BLOCK - (size % BLOCK))
}
