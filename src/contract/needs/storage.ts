/** What is said of the store: whether the database and the files are what was written. */
import type { StorageState } from '../system.ts'
import type { Need } from './needs.ts'
import { bytes, plural } from '../text/format.ts'

/** A disk that is almost full, a damaged database, and files that are not what was written or are not there; nothing where both are sound or not known. */
export function storageNeeds(storage: StorageState | undefined, now: number): Need[] {
  if (storage === undefined) return []
  const { database, blobs, disk } = storage
  const [newest] = blobs.corrupt
  const at = (time: string | null | undefined): string => time ?? new Date(now).toISOString()
  const need = { status: 'high', path: '/settings', act: 'Show', command: 'slipway doctor' }
  return [
    ...(disk.low
      ? [
          {
            ...need,
            key: 'storage disk',
            title: 'The disk is almost full',
            detail: `${bytes(disk.free_bytes)} are free: large writes are refused; free space in the data folder`,
            at: at(null),
          },
        ]
      : []),
    ...(database.state === 'corrupt'
      ? [
          {
            ...need,
            key: 'storage database',
            title: 'The database is damaged',
            detail: `Writes are refused: ${database.detail}; ${database.remedy}`,
            at: at(database.looked_at),
          },
        ]
      : []),
    ...(blobs.corrupt_count > 0
      ? [
          {
            ...need,
            key: 'storage blobs',
            title: `${plural(blobs.corrupt_count, 'stored file')} ${blobs.corrupt_count === 1 ? 'is' : 'are'} ${faultOf(blobs)}`,
            detail: 'They are not served; store them again or restore them from a backup',
            at: at(newest?.found_at),
          },
        ]
      : []),
  ]
}

/** The database in one line. */
export function databaseText({ database }: StorageState): string {
  return `${database.state === 'corrupt' ? 'damaged' : database.state}: ${database.detail}`
}

function faultOf({ corrupt_count, missing_count }: StorageState['blobs']): string {
  if (missing_count === 0) return 'damaged'
  return missing_count === corrupt_count ? 'missing' : 'damaged or missing'
}

/** The files in one line. */
export function filesText({ blobs }: StorageState): string {
  if (blobs.corrupt_count > 0) {
    const names = blobs.corrupt.slice(0, 3).map(({ digest }) => digest)
    return `${blobs.corrupt_count} ${faultOf(blobs)}: ${names.join(', ')}${blobs.corrupt_count > 3 ? ' …' : ''}`
  }
  return blobs.looked_at === null
    ? 'not read again yet; that is done each night'
    : 'no damaged or missing file is known'
}
