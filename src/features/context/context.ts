/** What the room of features works with. */
import type { Audit } from '../../auth/audit.ts'
import type { Clock } from '../../contract/ids.ts'
import type { Worker } from '../../jobs/worker.ts'
import type { Blobs } from '../../store/blobs/blobs.ts'
import type { Db } from '../../store/db.ts'

export interface FeaturesContext {
  readonly db: Db
  readonly blobs: Blobs
  readonly clock: Clock
  readonly audit: Audit
  readonly worker: Worker
  /** The online store and scratch folders lie below it. */
  readonly dataDir: string
  /** Told of every change, for live views. */
  readonly changed: (name: string) => void
  readonly onError: (error: unknown) => void
}
