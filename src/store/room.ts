/** The store room: what Slipway keeps, the replies of calls with a key, and the notices between processes. It has no routes. */
import { randomUUID } from 'node:crypto'
import type { Clock } from '../contract/ids.ts'
import type { Blobs } from './blobs/blobs.ts'
import type { Db } from './db.ts'
import { keptReplies } from './kept-replies.ts'
import type { KeptReplies } from './kept-replies.ts'
import { openStore } from './open.ts'
import type { StoreOptions } from './open.ts'
import { openNotices } from './postgres/notices.ts'
import type { Notices } from './postgres/notices.ts'
import { isWritable } from './writable.ts'

export interface StoreRoom {
  /** For everything that a call may write: the first transaction of a call with a key marks it as carried out. */
  readonly db: Db
  readonly blobs: Blobs
  readonly dataDir: string
  /** Port: carries out a call with a key once. */
  readonly once: KeptReplies['once']
  /** Port: true when the store takes writes. */
  readonly writable: () => Promise<boolean>
  /** Port: tells other processes on the same database; absent with SQLite, whose data folder has one process. */
  readonly notices: Pick<Notices, 'send' | 'listen'> | undefined
  /** Closes the database. */
  stop(): Promise<void>
}

/** Opens the store and migrates its database. */
export async function storeRoom(options: StoreOptions & { readonly clock: Clock }): Promise<StoreRoom> {
  const { clock, databaseUrl } = options
  const { db: raw, blobs, dataDir } = await openStore(options)
  const kept = keptReplies({ db: raw, clock, mark: randomUUID })
  // several replicas may share a PostgreSQL; a data folder has one process
  if (raw.kind === 'sqlite') await kept.recover()
  const notices = databaseUrl === undefined ? undefined : openNotices(databaseUrl)
  const { db } = kept
  return {
    db,
    blobs,
    dataDir,
    once: (call, answer) => kept.once(call, answer),
    writable: () => isWritable(db),
    notices,
    async stop() {
      await notices?.close()
      await db.close()
    },
  }
}
