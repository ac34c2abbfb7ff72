/** The tables of a PostgreSQL as files: written from one snapshot while others write, and read back into an empty database. */
import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { problem } from '../../contract/errors.ts'
import type { Row, SqlValue, Tx } from '../db.ts'
import { applyMissing, MIGRATIONS, readMigrations, statementsFor, type Migration } from '../migrate.ts'
import { numbered } from '../sql/placeholders.ts'
import { copyIn, copyOut } from './copy.ts'
import { rowParsers } from './postgres.ts'

/** A saved table; its rows lie in a file of its name, in the text form of COPY. */
export interface SavedTable {
  readonly name: string
  readonly columns: readonly string[]
  readonly rows: number
}

/** What a database was: its schema by the migrations that made it, and its tables, those that others refer to first. */
export interface SavedDatabase {
  readonly kind: 'postgres'
  readonly migrations: readonly Pick<Migration, 'number' | 'name' | 'sha256'>[]
  readonly tables: readonly SavedTable[]
}

/** Written by the migrations themselves. */
const OF_MIGRATIONS = ['schema_migrations', 'schema_floor']

/**
 * Writes every table of Slipway's into the file that `fileOf` names, as all of them were at one moment; writers go on meanwhile. Tables
 * of others in the same schema are left out. Throws `not_found` for a database without Slipway's tables, `unavailable` when it
 * cannot be reached.
 */
export async function saveTables(url: string, fileOf: (table: string) => string): Promise<SavedDatabase> {
  return withClient(url, async (client) => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    const found = await tablesOf(client)
    if (!found.has('schema_migrations')) throw problem('not_found', { what: 'database of Slipway', id: hidden(url) })
    const migrations = await client.query<SavedDatabase['migrations'][number]>(
      'SELECT number, name, sha256 FROM schema_migrations ORDER BY number',
    )
    const known = new Set([...OF_MIGRATIONS, ...tablesMade(readMigrations(MIGRATIONS))])
    const tables: SavedTable[] = []
    for (const name of await inOrder(
      client,
      [...found].filter((table) => known.has(table)),
    )) {
      const columns = await columnsOf(client, name)
      await pipeline(
        copyOut(client, `COPY ${listed(name, columns)} TO STDOUT`),
        createWriteStream(fileOf(name), { mode: 0o600 }),
      )
      const counted = await client.query<{ rows: number }>(`SELECT count(*) AS rows FROM ${quoted(name)}`)
      tables.push({ name, columns, rows: counted.rows[0]?.rows ?? 0 })
    }
    await client.query('ROLLBACK')
    return { kind: 'postgres', migrations: migrations.rows, tables }
  })
}

/** Tables that are being put into a database, all in one transaction. */
export interface Loading {
  /** Takes the rows of a table. Throws `bad_request` when they are not as many as were saved, or not rows of this table. */
  load(table: string, rows: AsyncIterable<Uint8Array>): Promise<void>
  /** Counts all rows once more and makes them durable. */
  commit(): Promise<void>
  /** Leaves the database as empty as it was, unless it was committed; closes the connection. */
  close(): Promise<void>
}

/**
 * Makes the schema of a saved database in the empty one at `url` and waits for the rows. Throws `conflict` when there is anything in
 * it, and `unprocessable` when a newer program made what was saved.
 */
export async function startLoading(url: string, saved: SavedDatabase): Promise<Loading> {
  const known = knownOf(saved)
  const client = await connected(url)
  const byName = new Map(saved.tables.map((table) => [table.name, table]))
  try {
    await client.query('BEGIN')
    const t = transaction(client)
    await t.lock('schema_migrations')
    await refuseFull(client, url)
    await applyMissing(t, known, Date.now)
    const names = [...(await tablesOf(client))]
    // migrations write rows of their own; what was saved has them
    await client.query(`TRUNCATE ${names.map(quoted).join(', ')}`)
  } catch (error) {
    await client.end()
    throw error
  }
  return {
    async load(name, rows) {
      const table = byName.get(name)
      if (table === undefined) throw problem('bad_request', { detail: `the backup names no table ${name}` })
      const taken = await copyIn(client, `COPY ${listed(name, table.columns)} FROM STDIN`, rows).catch(notRows(name))
      if (taken !== table.rows) throw miscounted(table, taken)
    },
    async commit() {
      for (const table of saved.tables) {
        const found = await client.query<{ rows: number }>(`SELECT count(*) AS rows FROM ${quoted(table.name)}`)
        if (found.rows[0]?.rows !== table.rows) throw miscounted(table, found.rows[0]?.rows ?? 0)
      }
      await client.query('COMMIT')
      // the server does so by itself later; a first start with figures is quicker
      await client.query('ANALYZE').catch(() => undefined)
    },
    close: () => client.end(),
  }
}

/** The migrations that made what was saved, as this program has them. */
function knownOf(saved: SavedDatabase): Migration[] {
  const byNumber = new Map(readMigrations(MIGRATIONS).map((migration) => [migration.number, migration]))
  return saved.migrations.map(({ number, name, sha256 }) => {
    const migration = byNumber.get(number)
    if (migration?.sha256 === sha256) return migration
    const detail = `the backup was made by another Slipway, whose migration ${name} this one does not have; use that version`
    throw problem('unprocessable', { detail })
  })
}

/** Names of the tables that migrations make. */
function tablesMade(migrations: readonly Migration[]): string[] {
  const made = /^(?:CREATE TABLE (?:IF NOT EXISTS )?|ALTER TABLE \w+ RENAME TO )(\w+)/
  return migrations.flatMap(({ sql }) =>
    statementsFor(sql, 'postgres').flatMap((statement) => made.exec(statement)?.[1] ?? []),
  )
}

async function tablesOf(client: pg.Client): Promise<Set<string>> {
  const found = await client.query<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' ORDER BY 1",
  )
  return new Set(found.rows.map((row) => row.name))
}

async function columnsOf(client: pg.Client, table: string): Promise<string[]> {
  const found = await client.query<{ name: string }>(
    `SELECT attname AS name FROM pg_attribute
     WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum`,
    [quoted(table)],
  )
  return found.rows.map((row) => row.name)
}

/** Tables after those that they refer to. */
async function inOrder(client: pg.Client, tables: readonly string[]): Promise<string[]> {
  const found = await client.query<{ name: string; target: string }>(
    `SELECT a.relname AS name, b.relname AS target FROM pg_constraint c
     JOIN pg_class a ON a.oid = c.conrelid JOIN pg_class b ON b.oid = c.confrelid
     WHERE c.contype = 'f' AND a.oid <> b.oid AND c.connamespace = current_schema()::regnamespace`,
  )
  const ordered = new Set<string>()
  const visit = (table: string): void => {
    if (ordered.has(table)) return
    for (const { name, target } of found.rows) if (name === table) visit(target)
    ordered.add(table)
  }
  tables.forEach(visit)
  return [...ordered].filter((table) => tables.includes(table))
}

async function refuseFull(client: pg.Client, url: string): Promise<void> {
  const found = await client.query<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind <> 'i' LIMIT 3",
  )
  if (found.rows.length === 0) return
  const names = found.rows.map((row) => row.name).join(', ')
  throw problem('conflict', {
    detail: `the database ${hidden(url)} is not empty: it has ${names}; restore into a new one`,
  })
}

function notRows(table: string): (error: unknown) => never {
  return (error) => {
    const { code, message } = error as { code?: unknown; message?: unknown }
    // data exceptions, broken constraints, unknown columns: the rows are not what this table holds
    if (typeof code !== 'string' || !/^(22|23|42)...$/.test(code)) throw error
    throw problem('bad_request', { detail: `this is no sound backup: table ${table}: ${String(message)}` }, error)
  }
}

function miscounted(table: SavedTable, found: number): Error {
  const detail = `this is no sound backup: table ${table.name} has ${found} rows, and ${table.rows} were saved`
  return problem('bad_request', { detail })
}

/** An address without its password, for messages. */
function hidden(url: string): string {
  if (!URL.canParse(url)) return 'of SLIPWAY_DATABASE_URL'
  const { host, pathname } = new URL(url)
  return host + pathname
}

function quoted(name: string): string {
  return pg.escapeIdentifier(name)
}

function listed(table: string, columns: readonly string[]): string {
  return `${quoted(table)} (${columns.map(quoted).join(', ')})`
}

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'slipway backup',
    connectionTimeoutMillis: 15_000,
    keepAlive: true,
    types: rowParsers,
  })
  // what breaks a connection is told by the statement that it breaks
  client.on('error', () => undefined)
  await client.connect()
  return client
}

async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await connected(url)
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

/** A transaction that has begun on a connection, for what is written for `Db.tx`. */
function transaction(client: pg.Client): Tx {
  const send = (sql: string, params: readonly unknown[] = []): Promise<pg.QueryResult<Row>> =>
    client.query<Row>(numbered(sql), [...params])
  return {
    kind: 'postgres',
    all: async <T>(sql: string, params?: readonly SqlValue[]) => (await send(sql, params)).rows as T[],
    get: async <T>(sql: string, params?: readonly SqlValue[]) => (await send(sql, params)).rows[0] as T | undefined,
    run: async (sql, params) => (await send(sql, params)).rowCount ?? 0,
    lock: async (name) => void (await send('SELECT pg_advisory_xact_lock(hashtextextended(?, 0))', [name])),
    afterCommit: () => undefined,
  }
}
