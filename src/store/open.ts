/** Opens everything that Slipway keeps: the database, migrated, and the blobs. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Blobs } from './blobs/blobs.ts'
import type { Db } from './db.ts'
import { openDiskBlobs } from './blobs/disk.ts'
import { migrate } from './migrate.ts'
import { openPostgres } from './postgres/postgres.ts'
import { openS3Blobs } from './blobs/s3/blobs.ts'
import { s3Settings } from './blobs/s3/settings.ts'
import { openSqlite } from './sqlite/sqlite.ts'
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

export interface Store {
  readonly db: Db
  readonly blobs: Blobs
  readonly dataDir: string
}

/** Opens the store and migrates its database. Close it with `store.db.close()`. */
export async function openStore(options: StoreOptions): Promise<Store> {
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 })
  const { databaseUrl } = options
  const db =
    databaseUrl === undefined
      ? openSqlite(join(options.dataDir, 'slipway.db'), options)
      : openPostgres(databaseUrl, options)
  const { dataDir, blobsUrl } = options
  try {
    await migrate(db)
    await gatherStatistics(db)
    const blobs =
      blobsUrl === undefined
        ? openDiskBlobs(join(dataDir, 'blobs'))
        : await openS3Blobs(s3Settings(blobsUrl, process.env))
    return { db, blobs, dataDir }
  } catch (error) {
    await db.close()
    throw error
  }
}

/** A migrated store in a fresh temporary folder, for tests; `close` deletes it. */
export async function openTemporaryStore(): Promise<Store & { close(): Promise<void> }> {
  const dataDir = mkdtempSync(join(tmpdir(), 'slipway-store-'))
  const store = await openStore({ dataDir })
  return {
    ...store,
    close: async () => {
      await store.db.close()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
