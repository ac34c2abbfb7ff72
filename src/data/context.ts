/** What the room of data sets works with. */
import type { Audit } from '../auth/audit.ts'
import type { Clock } from '../contract/ids.ts'
import type { Worker } from '../jobs/worker.ts'
import type { Blobs } from '../store/blobs/blobs.ts'
import type { Db } from '../store/db.ts'

export interface DataContext {
  readonly db: Db
  readonly blobs: Blobs
  readonly clock: Clock
  readonly audit: Audit
  readonly worker: Worker
  /** Files of a store that is elsewhere are brought below it while a table is read. */
  readonly dataDir: string
  /** Told of every change, for live views. */
  readonly changed: (name: string) => void
  readonly onError: (error: unknown) => void
}
