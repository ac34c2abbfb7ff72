/** Brings a database to the schema that this program knows: numbered SQL files, each applied once, under a lock. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Db, Tx } from './db.ts'

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
 * Refuses, with a plain `Error`, a database that a newer program has changed and a file whose text changed after it was applied.
 */
export function migrate(db: Db, folder: string = MIGRATIONS, now: () => number = Date.now): Promise<string[]> {
  const known = readMigrations(folder)
  return db.tx(async (t) => {
    await t.lock('schema_migrations')
    await t.run(
      'CREATE TABLE IF NOT EXISTS schema_migrations (number BIGINT PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, applied_at BIGINT NOT NULL)',
    )
    const applied = await t.all<Applied>('SELECT number, name, sha256 FROM schema_migrations ORDER BY number')
    refuseUnknown(known, applied)
    const done = new Set(applied.map((row) => row.number))
    const missing = known.filter((migration) => !done.has(migration.number))
    for (const migration of missing) await apply(t, migration, db.kind, now())
    return missing.map((migration) => migration.name)
  })
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
  await t.run('INSERT INTO schema_migrations (number, name, sha256, applied_at) VALUES (?, ?, ?, ?)', [
    migration.number,
    migration.name,
    migration.sha256,
    at,
  ])
}

function refuseUnknown(known: readonly Migration[], applied: readonly Applied[]): void {
  const byNumber = new Map(known.map((migration) => [migration.number, migration]))
  for (const row of applied) {
    const migration = byNumber.get(row.number)
    if (migration === undefined) {
      throw new Error(
        `the database was changed by a newer Slipway (migration ${row.name}), which this one does not know. ` +
          'Start the newer version, or restore a backup made before the upgrade.',
      )
    }
    if (migration.sha256 !== row.sha256) {
      throw new Error(
        `migration ${migration.name} is not the text that this database was made with (applied as ${row.name}). ` +
          'Applied migrations must not be changed; restore the file, or start with a new data folder.',
      )
    }
  }
}
