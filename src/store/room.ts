/** The store room: the database and the blobs of this process, opened together and closed together. */
import { randomUUID } from 'node:crypto'
import type { Clock } from '../contract/ids.ts'
import { keptReplies } from './kept-replies.ts'
import type { KeptReplies } from './kept-replies.ts'
import { openStore } from './open.ts'
import type { Store, StoreOptions } from './open.ts'
import { asCaller } from './reads/caller.ts'
import { openNotices } from './postgres/notices.ts'
import type { Notices } from './postgres/notices.ts'
import { isWritable } from './writable.ts'

export interface StoreRoomDeps extends StoreOptions {
  readonly clock: Clock
}

export interface StoreRoom extends Store {
  /** Port: carries out calls with an idempotency key once. */
  readonly once: KeptReplies['once']
  /** Port: short texts to the other processes on this PostgreSQL; undefined on SQLite. */
  readonly crossing: Notices | undefined
  /** Port: true when the store takes writes. */
  readonly writable: () => Promise<boolean>
  /** Port: runs work in the name of a caller, so that its long reads are bounded and end with it. */
  readonly asCaller: typeof asCaller
  close(): Promise<void>
}

/** Opens the store and migrates its database. */
export async function storeRoom(options: StoreRoomDeps): Promise<StoreRoom> {
  const opened = await openStore(options)
  const kept = keptReplies({ db: opened.db, clock: options.clock, mark: randomUUID })
  // several replicas may share a PostgreSQL; a data folder has one process
  if (opened.db.kind === 'sqlite') await kept.recover()
  const crossing = options.databaseUrl === undefined ? undefined : openNotices(options.databaseUrl)
  const { db } = kept
  return {
    ...opened,
    db,
    once: (call, answer) => kept.once(call, answer),
    crossing,
    writable: () => isWritable(db),
    asCaller,
    async close() {
      await crossing?.close()
      await db.close()
    },
  }
}
