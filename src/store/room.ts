/** The store room: the database and the blobs of this process, opened together and closed together. */
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { ifRefused } from '../contract/absence/absent.ts'
import type { Clock } from '../contract/ids.ts'
import { watchedBlobs } from './blobs/watched.ts'
import { CorruptBlobs } from './corrupt-blobs.ts'
import { knownDamage } from './damage.ts'
import { makeFolderKey, proofOf } from './folder-proof.ts'
import { ifSoundOf } from './if-sound.ts'
import type { IfSound } from './if-sound.ts'
import { keptReplies } from './kept-replies.ts'
import type { KeptReplies } from './kept-replies.ts'
import { looks } from './looks.ts'
import type { Looks } from './looks.ts'
import { openStore, savedCopies } from './open.ts'
import type { Store, StoreOptions } from './open.ts'
import { asCaller } from './reads/caller.ts'
import { keepReserves } from './reserve.ts'
import type { Notices } from './postgres/notices.ts'
import { isWritable } from './writable.ts'

export interface StoreRoomDeps extends StoreOptions {
  readonly clock: Clock
  /** Told of looks that could not be made or kept. */
  readonly onError?: (error: unknown) => void
}

export interface StoreRoom extends Omit<Store, 'checked'> {
  /** Port: carries out calls with an idempotency key once. */
  readonly once: KeptReplies['once']
  /** Port: short texts to the other processes on this PostgreSQL; undefined on SQLite. */
  readonly crossing: Notices | undefined
  /** Port: true when the store takes writes. */
  readonly writable: () => Promise<boolean>
  /** Port: what only the server of the data folder can say, at an address, of a nonce. */
  readonly proof: (address: string, nonce: string) => string
  /** Port: runs work in the name of a caller, so that its long reads are bounded and end with it. */
  readonly asCaller: typeof asCaller
  /** Port: what a start or an end keeps up, and leaves out where the database is damaged. */
  readonly ifSound: IfSound
  /** Port: looks at what is stored, and tells what is corrupt. */
  readonly looks: Looks
  close(): Promise<void>
}

/** How long a start waits for the look through a large database, and how long that look may go on, ms. */
const START_WAIT_MS = 2000
const START_LOOK_MS = 60_000

/** Opens the store and migrates its database, and looks through it; what is damaged is read and not written. */
export async function storeRoom(options: StoreRoomDeps): Promise<StoreRoom> {
  const { clock, databaseUrl, onError = () => undefined } = options
  const damage = knownDamage()
  damage.onTold((text) => onError(new Error(text)))
  const corrupt = new CorruptBlobs(clock)
  const opened = await openStore(options, damage)
  for (const copy of savedCopies(options.dataDir))
    onError(
      new Error(
        `${copy} was saved when the database's file was taken away from a running server: remove it if nothing is missing`,
      ),
    )
  const looking = looks({ ...options, ...opened, damage, corrupt, onError })
  const looked = looking.lookAtDatabase(START_LOOK_MS, opened.checked).catch(onError)
  await Promise.race([looked, delay(START_WAIT_MS, undefined, { ref: false })])
  const ifSound = ifSoundOf(damage, onError)
  await ifSound('the list of corrupt files', () => corrupt.open(opened.db))
  const blobs = watchedBlobs(opened.blobs, {
    isCorrupt: (digest) => corrupt.has(digest),
    isListed: (digest) => corrupt.lists(digest),
    corrupt: (blob) => void corrupt.add(blob, 'read').catch(onError),
    missing: (blob) => void corrupt.add(blob, 'read', 'missing').catch(onError),
    faulty: async () => new Set((await corrupt.list()).map(({ digest }) => digest)),
    mended: (digest) => void corrupt.remove(digest).catch(onError),
  })
  const key = makeFolderKey(options.dataDir)
  keepReserves(options.dataDir)
  const kept = keptReplies({ db: opened.db, clock, mark: randomUUID })
  // several replicas may share a PostgreSQL; a data folder has one process
  if (opened.db.kind === 'sqlite')
    await ifSound('the end of calls of before', () => ifRefused(kept.recover(), 'storage_full'))
  const crossing = databaseUrl === undefined ? undefined : await noticesAt(databaseUrl)
  const { db } = kept
  return {
    ...opened,
    blobs,
    db,
    once: (call, answer) => kept.once(call, answer),
    crossing,
    writable: () => isWritable(db),
    proof: (address, nonce) => proofOf(key, address, nonce),
    asCaller,
    ifSound,
    looks: looking,
    async close() {
      await looking.stop()
      await crossing?.close()
      await db.close()
      // the log is gone now, and its room with it
      if (existsSync(options.dataDir)) keepReserves(options.dataDir)
    },
  }
}

/** Loaded where there is a PostgreSQL, as the driver itself. */
async function noticesAt(databaseUrl: string): Promise<Notices> {
  const { openNotices } = await import('./postgres/notices.ts')
  return openNotices(databaseUrl)
}
