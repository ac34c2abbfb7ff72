/** A store that is sound, as a server tells of it. */
import type { StorageState } from '../system.ts'

export const LOOKED_AT = '2026-05-03T03:12:00.000Z'

export const SOUND: StorageState = {
  disk: { free_bytes: 5e9, least_bytes: 2 ** 28, low: false },
  database: {
    kind: 'sqlite',
    state: 'sound',
    detail: 'quick_check of 90 tables found nothing',
    remedy: null,
    looked_at: LOOKED_AT,
    checksums: null,
  },
  blobs: {
    corrupt: [],
    corrupt_count: 0,
    missing_count: 0,
    looked_at: null,
    compared_at: null,
    round: { began_at: null, ended_at: null, blobs: 0, bytes: 0 },
  },
}
