/** Empty databases for tests that run on both drivers: SQLite in a temporary file, and a real PostgreSQL. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Db } from '../src/store/db.ts'
import { migrate } from '../src/store/migrate.ts'
import { openPostgres } from '../src/store/postgres/postgres.ts'
import { keepBlank, writeBlank } from '../src/store/sqlite/blank.ts'
import { openSqlite } from '../src/store/sqlite/sqlite.ts'
import { startPostgres } from './postgres.ts'

/** A database that goes when it is closed. */
export interface TestDatabase {
  readonly db: Db
  /** Path of the SQLite file, or URL of the PostgreSQL database: where another process opens it. */
  readonly where: string
  close(): Promise<void>
}

/** A SQLite database without tables. */
export async function emptySqlite(): Promise<TestDatabase> {
  return sqliteIn(newFile())
}

function newFile(): string {
  return join(mkdtempSync(join(tmpdir(), 'slipway-database-')), 'slipway.db')
}

/** A database on a file in a folder of its own, which goes when it is closed. */
function sqliteIn(where: string): TestDatabase {
  const folder = dirname(where)
  const db = openSqlite(where)
  const close = async (): Promise<void> => {
    await db.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return { db, where, close }
}

/** A PostgreSQL database without tables. Throws with the reason when there is no server to be had. */
export async function emptyPostgres(): Promise<TestDatabase> {
  const server = await startPostgres()
  const db = openPostgres(server.url)
  const close = async (): Promise<void> => {
    await db.close()
    await server.stop()
  }
  return { db, where: server.url, close }
}

/** A SQLite database with the tables of this program. */
export async function migratedSqlite(): Promise<TestDatabase> {
  const file = newFile()
  writeBlank(file)
  const database = await migrated(sqliteIn(file))
  keepBlank(file)
  return database
}

/** A PostgreSQL database with the tables of this program. */
export async function migratedPostgres(): Promise<TestDatabase> {
  return migrated(await emptyPostgres())
}

async function migrated(database: TestDatabase): Promise<TestDatabase> {
  await migrate(database.db)
  return database
}
