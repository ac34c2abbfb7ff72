/** How much room the disk of the data folder has: a row may fit where a file, a segment or an upload does not. */
import { statfs } from 'node:fs/promises'

/** Free bytes under which large writes are to be expected to fail: some segments of the prediction log and an upload. */
export const LEAST_FREE = 256 * 1024 * 1024

export interface DiskRoom {
  /** What the user of the server may still write. */
  readonly free_bytes: number
  readonly least_bytes: number
  readonly low: boolean
}

/** The room for now. Throws what the system says where the folder cannot be looked at. */
export async function diskRoom(dataDir: string): Promise<DiskRoom> {
  const { bavail, bsize } = await statfs(dataDir)
  const free_bytes = bavail * bsize
  return { free_bytes, least_bytes: LEAST_FREE, low: free_bytes < LEAST_FREE }
}
