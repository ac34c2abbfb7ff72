/** Tables of versions as bytes, which a thread is given without a copy. */
import { treeTableFile } from '../../store/blobs/trees.ts'
import type { Registry } from '../context/context.ts'

/** A table of predictions or rows as it lies in its blob; null where a version has none. */
export type Bytes = Uint8Array | null

/**
 * The table of a tree, held against its digest piece by piece: of a large one the whole at once would hold the loop. Throws `not_found`
 * and `corrupt_blob`.
 */
export async function tableOf({ blobs }: Registry, tree: string | null): Promise<Bytes> {
  const file = tree === null ? undefined : await treeTableFile(blobs, tree)
  if (file === undefined) return null
  const { size, stream } = await blobs.read(file.digest)
  const bytes = new Uint8Array(new SharedArrayBuffer(size))
  let at = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}

/** The text of a table. */
export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

/** Tables of less than this many bytes together are looked at without a thread, which would take longer to begin. */
const SMALL = 64 * 1024

/** Whether the tables of trees are so few bytes that to look at them holds the loop for some ms at most. */
export async function areSmall({ blobs }: Registry, trees: readonly (string | null)[]): Promise<boolean> {
  let bytes = 0
  for (const tree of trees) bytes += tree === null ? 0 : ((await treeTableFile(blobs, tree))?.size ?? 0)
  return bytes < SMALL
}
