/** The note that a restore leaves in its new data folder: of which backup it is. The server tells it at its first start. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import type { Digest } from '../blobs/blobs.ts'

export const RESTORED_FILE = 'restored.json'

/** Times are RFC 3339. */
export interface RestoredNote {
  /** When the backup was made. */
  readonly created_at: string
  readonly restored_at: string
  /** Corrupt blobs that the backup was made without. */
  readonly left_out: readonly Digest[]
  /** Blobs that its rows need and that were not there when it was made. */
  readonly missing: readonly Digest[]
}

/** What the restore of a data folder has left to say; undefined where it was said, or there was none. */
export async function readRestored(dataDir: string): Promise<RestoredNote | undefined> {
  const text = await ifMissing(readFile(join(dataDir, RESTORED_FILE), 'utf8'))
  return text === undefined ? undefined : (JSON.parse(text) as RestoredNote)
}
