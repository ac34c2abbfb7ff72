/** Brings a database to the schema that this program knows: numbered SQL files, each applied once, under a lock. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { ifRefused } from '../contract/absence/absent.ts'
import { Problem } from '../contract/errors.ts'
import type { Db, Tx } from './db.ts'
import { isBusy } from './failures.ts'
import { isOfDamage } from './if-sound.ts'

/** The migrations of this program. */
export const MIGRATIONS = join(import.meta.dirname, 'migrations')

/** One file `NNNN_name.sql`. */
export interface Migration {
  readonly number: number
  readonly name: string
  readonly sql: string
  /** Hex sha256 of the file. */
  readonly sha256: string
}

interface Applied {
  readonly number: number
  readonly name: string
  readonly sha256: string
}

/**
 * Applies what is missing, all in one transaction, and returns the names of what it applied.
 * A newer program may have added to the database; it is refused, with a plain `Error`, when that program also took away what this
 * one needs (a migration with a line `-- needs: NNNN` beyond those known here), and when a file changed after it was applied.
 */
export async function migrate(db: Db, folder: string = MIGRATIONS, now: () => number = Date.now): Promise<string[]> {
  const known = readMigrations(folder)
  for (const end = performance.now() + LONGEST_MS; ;) {
    try {
      return await migrateOnce(db, known, now)
    } catch (error) {
      if (db.kind === 'sqlite' && isOfDamage(error)) return refuseMissing(db, known, error)
      // another replica may be at it, which takes as long as it takes on a large database
      const waits = error instanceof Problem && isBusy(error.cause) && performance.now() < end
      if (!waits) throw error
    }
  }
}

/** Longest wait for another process that migrates, ms. */
const LONGEST_MS = 30 * 60_000

function migrateOnce(db: Db, known: readonly Migration[], now: () => number): Promise<string[]> {
  return db.tx(async (t) => {
    await t.lock('schema_migrations')
    return applyMissing(t, known, now)
  })
}

/** A damaged database is read when it has every table that this program reads. */
async function refuseMissing(db: Db, known: readonly Migration[], error: Problem): Promise<string[]> {
  const applied = await ifRefused(
    db.all<Applied>('SELECT number, name, sha256 FROM schema_migrations'),
    'storage_unreadable',
  )
  const done = new Set(applied?.map(({ number }) => number))
  const isWhole = applied === undefined ? await hasColumns(db, known) : known.every(({ number }) => done.has(number))
  if (isWhole) return []
  throw new Error(
    `${error.message}. It was made by an older version, and migrations cannot be applied: start that version to read it, or restore the newest backup.`,
    { cause: error },
  )
}

const COLUMNS = `SELECT s.name || '.' || c.name AS name FROM sqlite_schema s, pragma_table_info(s.name) c WHERE s.type = 'table'`

/** Whether an SQLite file has every column that the migrations make: the schema stands elsewhere than the list of what was applied. */
async function hasColumns(db: Db, known: readonly Migration[]): Promise<boolean> {
  const found = await db.all<{ name: string }>(COLUMNS)
  const there = new Set(found.map(({ name }) => name))
  const blank = new Database(':memory:')
  try {
    for (const statement of known.flatMap(({ sql }) => statementsFor(sql, 'sqlite'))) blank.exec(statement)
    const wanted = blank.prepare(COLUMNS).pluck().all() as string[]
    return wanted.every((name) => there.has(name))
  } finally {
    blank.close()
  }
}

/** Applies those of the known migrations that a database lacks, in a transaction that holds the lock `schema_migrations`. */
export async function applyMissing(t: Tx, known: readonly Migration[], now: () => number): Promise<string[]> {
  await t.run(
    'CREATE TABLE IF NOT EXISTS schema_floor (one BIGINT PRIMARY KEY CHECK (one = 1), number BIGINT NOT NULL)',
  )
  await t.run(
    'CREATE TABLE IF NOT EXISTS schema_migrations (number BIGINT PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, applied_at BIGINT NOT NULL)',
  )
  const applied = await t.all<Applied>('SELECT number, name, sha256 FROM schema_migrations ORDER BY number')
  const floor = await t.get<{ number: number }>('SELECT number FROM schema_floor')
  refuseUnknown(known, applied, floor?.number ?? 0)
  const done = new Set(applied.map((row) => row.number))
  const missing = known.filter((migration) => !done.has(migration.number))
  for (const migration of missing) await apply(t, migration, t.kind, now())
  return missing.map((migration) => migration.name)
}

/** The migrations in a folder, by number. Throws when two have the same number or a name is malformed. */
export function readMigrations(folder: string): Migration[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.sql'))
  const migrations = files.map((file) => {
    const match = /^(\d{4})_([a-z0-9_]+)\.sql$/.exec(file)
    if (match === null) throw new Error(`migration ${file}: expected a name such as 0001_store.sql`)
    const sql = readFileSync(join(folder, file), 'utf8')
    const sha256 = createHash('sha256').update(sql).digest('hex')
    return { number: Number(match[1]), name: file, sql, sha256 }
  })
  migrations.sort((a, b) => a.number - b.number)
  migrations.forEach((migration, index) => {
    if (migrations[index + 1]?.number === migration.number) {
      throw new Error(`migrations ${migration.name} and ${migrations[index + 1]?.name} have the same number`)
    }
  })
  return migrations
}

/**
 * The statements of a migration for one kind of database. A line `-- only: sqlite` or `-- only: postgres` starts a part for that
 * kind, `-- all` ends it. A statement ends at a `;` that ends its line.
 */
export function statementsFor(sql: string, kind: Db['kind']): string[] {
  let only: string | undefined
  const lines: string[] = []
  for (const line of sql.split('\n')) {
    const marker = /^--\s*(?:only:\s*(sqlite|postgres)|(all))\s*$/.exec(line.trim())
    if (marker !== null) only = marker[1]
    else if ((only === undefined || only === kind) && !line.trim().startsWith('--')) lines.push(line)
  }
  return lines
    .join('\n')
    .split(/;[ \t]*(?:--[^\n]*)?(?:\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
}

async function apply(t: Tx, migration: Migration, kind: Db['kind'], at: number): Promise<void> {
  for (const statement of statementsFor(migration.sql, kind)) {
    try {
      await t.run(statement)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw new Error(`migration ${migration.name} failed: ${why}\n${statement}`, { cause: error })
    }
  }
  const floor = floorOf(migration)
  if (floor !== undefined) {
    await t.run(
      `INSERT INTO schema_floor (one, number) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET number = excluded.number
       WHERE schema_floor.number < excluded.number`,
      [floor],
    )
  }
  await t.run('INSERT INTO schema_migrations (number, name, sha256, applied_at) VALUES (?, ?, ?, ?)', [
    migration.number,
    migration.name,
    migration.sha256,
    at,
  ])
}

/** The number in a line `-- needs: NNNN`: programs that do not know that migration cannot work with what this one leaves. */
function floorOf(migration: Migration): number | undefined {
  const match = /^--\s*needs:\s*(\S*)\s*$/m.exec(migration.sql)
  if (match === null) return undefined
  const floor = Number(match[1])
  if (/^\d{4}$/.test(match[1] ?? '') && floor <= migration.number) return floor
  throw new Error(`migration ${migration.name}: expected "-- needs: " and the number of itself or an earlier migration`)
}

/** What a newer program added does not disturb this one, unless it also took away what this one needs. */
function refuseUnknown(known: readonly Migration[], applied: readonly Applied[], floor: number): void {
  const byNumber = new Map(known.map((migration) => [migration.number, migration]))
  const newest = known.at(-1)?.number ?? 0
  for (const row of applied) {
    const migration = byNumber.get(row.number)
    if (migration === undefined && (floor > newest || row.number < newest)) {
      throw new Error(
        `the database was changed by a newer Slipway (migration ${row.name}), and this one, which knows migrations up to ` +
          `${newest}, cannot work with it${floor > newest ? `: ${floor} is needed` : ''}. ` +
          'Start the newer version, or restore a backup made before the upgrade.',
      )
    }
    if (migration !== undefined && migration.sha256 !== row.sha256) {
      throw new Error(
        `migration ${migration.name} is not the text that this database was made with (applied as ${row.name}). ` +
          'Applied migrations must not be changed; restore the file, or start with a new data folder.',
      )
    }
  }
}
