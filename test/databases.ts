/** Empty databases for tests that run on both drivers: SQLite in a temporary file, and a real PostgreSQL. */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Db } from '../src/store/db.ts'
import { MIGRATIONS, migrate, readMigrations } from '../src/store/migrate.ts'
import { openPostgres } from '../src/store/postgres/postgres.ts'
import { keepBlank, readBlank, SHARED_BLANK, writeBlank } from '../src/store/sqlite/blank.ts'
import { openSqlite } from '../src/store/sqlite/sqlite.ts'
import { copyPostgres, startPostgres } from './postgres.ts'
import type { TestPostgres } from './postgres.ts'

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
  return postgresOn(await startPostgres())
}

function postgresOn(server: TestPostgres): TestDatabase {
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
  const database = sqliteIn(file)
  await migrate(database.db)
  keepBlank(file)
  return database
}

/** Migrates a SQLite database once for the test processes that have these variables: each copies it. */
export async function shareBlank(): Promise<{ readonly env: NodeJS.ProcessEnv; readonly stop: () => void }> {
  const migrated = await migratedSqlite()
  const folder = mkdtempSync(join(tmpdir(), 'slipway-blank-'))
  const file = join(folder, 'blank.db')
  writeFileSync(file, readBlank(migrated.where))
  await migrated.close()
  const stop = (): void => rmSync(folder, { recursive: true, force: true })
  process.once('exit', stop)
  return { env: { [SHARED_BLANK]: file }, stop }
}

/** A PostgreSQL database with the tables of this program: a copy of one that was migrated once on its server. */
export async function migratedPostgres(): Promise<TestDatabase> {
  return postgresOn(
    await copyPostgres(blankName(), async (url) => {
      const db = openPostgres(url)
      await migrate(db)
      await db.close()
    }),
  )
}

/** As other migrations give another database, it is named by what they say. */
function blankName(): string {
  const hash = createHash('sha256')
  for (const { sha256 } of readMigrations(MIGRATIONS)) hash.update(sha256)
  return `blank_${hash.digest('hex').slice(0, 16)}`
}
