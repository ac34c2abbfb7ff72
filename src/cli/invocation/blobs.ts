/** Opens the blobs of a store that does not keep them in its data folder. */
import type { Blobs } from '../../store/blobs/blobs.ts'
import { openS3Blobs } from '../../store/blobs/s3/blobs.ts'
import { s3Settings } from '../../store/blobs/s3/settings.ts'
import { config } from './config.ts'

/** Calls `use` with the blobs that `SLIPWAY_BLOBS` names, or with nothing where they lie in the data folder; closes them after. */
export async function withBlobs<T>(use: (blobs: Blobs | undefined) => Promise<T>): Promise<T> {
  const url = config('SLIPWAY_BLOBS')
  if (url === undefined) return use(undefined)
  const blobs = await openS3Blobs(s3Settings(url, process.env))
  try {
    return await use(blobs)
  } finally {
    blobs.close()
  }
}
