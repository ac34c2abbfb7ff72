/** Opens everything that Slipway keeps: the database, migrated, and the blobs. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Blobs } from './blobs/blobs.ts'
import { openDiskBlobs } from './blobs/disk.ts'
import { knownDamage } from './damage.ts'
import type { Damage } from './damage.ts'
import type { Db } from './db.ts'
import { isDamaged } from './failures.ts'
import { quickCheck } from './integrity/quick-check.ts'
import type { Checked } from './integrity/quick-check.ts'
import { migrate } from './migrate.ts'
import { keepBlank, writeBlank } from './sqlite/blank.ts'
import { openSqlite } from './sqlite/sqlite.ts'
import { withReserve } from './reserve.ts'
import { gatherStatistics } from './postgres/statistics.ts'

export interface StoreOptions {
  /** Folder of the local state; made (0700) if it is missing. */
  readonly dataDir: string
  /** `postgres://…` instead of SQLite in the data folder. */
  readonly databaseUrl?: string
  /** `s3://bucket/prefix` instead of a folder for the blobs; the keys come from the variables `AWS_…` of the environment. */
  readonly blobsUrl?: string
  /** Longest read that a caller waits for, ms; default 15 s. */
  readonly longestReadMs?: number
}

/** Name of the SQLite file in the data folder. */
export const DATABASE_FILE = 'slipway.db'

/** A copy of a database whose own file was taken away while a server ran. */
const SAVED = /^slipway\.db\.saved-[\w-]+$/

/** Files that are written after the database has what they tell of: a log beside it, and the checkpoints of the audit chain. */
const LEFT_OF_USE = /^(?:slipway\.db-wal|audit-checkpoints\.jsonl)$/

/** What there is to find in a file that is still to be made. */
const NEW: Checked = { found: [], tables: 0, left: 0 }

/** An SQLite file of this size or less is looked through before anything is written on it, bytes: it takes some hundredths of a second. */
const SMALL_BYTES = 32 * 1024 * 1024

export interface Store {
  readonly db: Db
  readonly blobs: Blobs
  readonly dataDir: string
  /** What the look through a small SQLite file has found; undefined where it was not looked through. */
  readonly checked?: Checked | undefined
}

type Opened = Pick<Store, 'db'> & { readonly checked: Checked | undefined }

/** Opens the store and migrates its database, unless that is damaged: then it is read and not written. Close it with `store.db.close()`. */
export async function openStore(options: StoreOptions, damage?: Damage): Promise<Store> {
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 })
  const { dataDir, blobsUrl } = options
  const { db, checked } = await openDatabase(options, damage)
  try {
    await migrate(db)
    await gatherStatistics(db)
    const blobs = blobsUrl === undefined ? openDiskBlobs(join(dataDir, 'blobs')) : await openBucket(blobsUrl)
    return { db, blobs, dataDir, checked }
  } catch (error) {
    await db.close()
    throw error
  }
}

// what speaks to other servers is loaded where one is named

async function openBucket(blobsUrl: string): Promise<Blobs> {
  const [{ openS3Blobs }, { s3Settings }] = await Promise.all([
    import('./blobs/s3/blobs.ts'),
    import('./blobs/s3/settings.ts'),
  ])
  return openS3Blobs(s3Settings(blobsUrl, process.env))
}

async function openDatabase(options: StoreOptions, damage: Damage = knownDamage()): Promise<Opened> {
  const { dataDir, databaseUrl } = options
  if (databaseUrl !== undefined) {
    const { openPostgres } = await import('./postgres/postgres.ts')
    return { db: openPostgres(databaseUrl, options), checked: undefined }
  }
  const file = join(dataDir, DATABASE_FILE)
  const bytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0
  if (bytes === 0) assertUnused(dataDir, file)
  try {
    return withReserve(dataDir, 'database.reserve', () => {
      const checked = bytes > SMALL_BYTES ? undefined : bytes === 0 ? NEW : quickCheck(file, Infinity)
      if (checked !== undefined && checked.found.length > 0) damage.tell(checked.found.join('; '))
      return { db: openSqlite(file, { ...options, damage }), checked }
    })
  } catch (error) {
    if (!isDamaged(error)) throw error
    const why = error instanceof Error ? error.message : String(error)
    throw new Error(
      `the database ${file} is damaged and cannot be opened: ${why}\nRestore the newest backup: slipway restore`,
      {
        cause: error,
      },
    )
  }
}

/**
 * Throws where the folder held a database that is gone. An empty one in its place would answer with empty lists and have every file
 * collected, for nothing would reach them.
 */
function assertUnused(dataDir: string, file: string): void {
  const [saved] = savedCopies(dataDir)
  if (saved !== undefined)
    throw new Error(
      `the database ${file} is missing or empty; what it held was saved when it was taken away from a running server\n` +
        `Put the copy in its place: rm -f ${file}-wal ${file}-shm; mv ${saved} ${file}`,
    )
  const left = readdirSync(dataDir).find((name) => LEFT_OF_USE.test(name) && statSync(join(dataDir, name)).size > 0)
  if (left === undefined) return
  throw new Error(
    `the database ${file} is missing or empty, but the folder was in use: it holds ${left}\n` +
      'Put the file back, or restore the newest backup into another folder: slipway restore. Where PostgreSQL holds the tables, set SLIPWAY_DATABASE_URL',
  )
}

/** Copies of databases whose own files were taken away while a server ran, the newest first. */
export function savedCopies(dataDir: string): string[] {
  const names = readdirSync(dataDir).filter((name) => SAVED.test(name))
  return names
    .sort()
    .toReversed()
    .map((name) => join(dataDir, name))
}

/** A migrated store in a fresh temporary folder, for tests; `close` deletes it. */
export async function openTemporaryStore(): Promise<Store & { close(): Promise<void> }> {
  const dataDir = mkdtempSync(join(tmpdir(), 'slipway-store-'))
  const file = join(dataDir, DATABASE_FILE)
  writeBlank(file)
  const store = await openStore({ dataDir })
  keepBlank(file)
  return {
    ...store,
    close: async () => {
      await store.db.close()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
