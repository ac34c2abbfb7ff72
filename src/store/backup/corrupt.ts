/** Finds among the blobs that a backup takes those whose bytes are not what their names say. */
import { createHash } from 'node:crypto'
import type { Entry } from './manifest.ts'

/** True for bytes that differ from their digest, and for a disk that cannot read them. */
export function isCorrupt(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code
  return code === 'corrupt_blob' || code === 'EIO'
}

/** The entries whose bytes, as `open` gives them, do not have the hash of their entry. */
export async function corruptAmong(
  entries: readonly Entry[],
  open: (path: string) => AsyncIterable<Uint8Array>,
): Promise<Entry[]> {
  const corrupt: Entry[] = []
  for (const entry of entries) if (!(await isWhole(entry, open(entry.path)))) corrupt.push(entry)
  return corrupt
}

async function isWhole(entry: Entry, bytes: AsyncIterable<Uint8Array>): Promise<boolean> {
  const hash = createHash('sha256')
  try {
    for await (const chunk of bytes) hash.update(chunk)
  } catch (error) {
    if (isCorrupt(error)) return false
    throw error
  }
  return hash.digest('hex') === entry.sha256
}
