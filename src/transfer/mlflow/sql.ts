/** Reads the database of an MLflow server as it lies: SQLite or PostgreSQL, never written to. */
import Sqlite from 'better-sqlite3'
import pg from 'pg'
import { problem } from '../../contract/errors.ts'
import type { SqlValue } from '../../store/db.ts'

/** Values as both engines give them; JSON columns of PostgreSQL come as text too. */
export type MlflowRow = Record<string, SqlValue>

export interface MlflowSql {
  /** Rows of a query with `?` placeholders. */
  all(sql: string, params?: readonly SqlValue[]): Promise<MlflowRow[]>
  /** True when the database has this table with this column; older releases lack some. */
  has(table: string, column: string): Promise<boolean>
  close(): Promise<void>
}

/** Opens `sqlite:///path` or `postgresql://…`. Throws `not_found`, and `unprocessable` for a database that is not MLflow's. */
export async function openMlflowSql(address: string): Promise<MlflowSql> {
  const sql = address.startsWith('sqlite:') ? openSqlite(address) : await openPostgres(address)
  if (await sql.has('runs', 'run_uuid')) return sql
  await sql.close()
  throw problem('unprocessable', { detail: `${shownAddress(address)} is not a database of MLflow: it has no runs` })
}

/** The address without its password. */
export function shownAddress(address: string): string {
  return address.replace(/\/\/[^/@]*@/, '//')
}

/** The file of a `sqlite:` address: three slashes before a relative path, four before an absolute one. */
export function sqliteFile(address: string): string {
  return address.replace(/^sqlite:\/\/\//, '')
}

function openSqlite(address: string): MlflowSql {
  let database: Sqlite.Database
  try {
    database = new Sqlite(sqliteFile(address), { readonly: true, fileMustExist: true })
  } catch (error) {
    throw problem('not_found', { what: 'database', id: address }, error)
  }
  return {
    all: async (sql, params = []) => database.prepare<SqlValue[], MlflowRow>(sql).all(...params),
    has: async (table, column) =>
      database.prepare('SELECT 1 FROM pragma_table_info(?) WHERE name = ?').get(table, column) !== undefined,
    close: async () => void database.close(),
  }
}

const INT8 = 20
const JSON_TYPES = [114, 3802]

async function openPostgres(address: string): Promise<MlflowSql> {
  const plain = address.replace(/^postgres(?:ql)?(?:\+\w+)?:/, 'postgresql:')
  const known = pg.types.getTypeParser.bind(pg.types) as (oid: number) => unknown
  const parserOf = (oid: number): unknown => {
    if (oid === INT8) return Number
    return JSON_TYPES.includes(oid) ? (text: string) => text : known(oid)
  }
  const types = { getTypeParser: parserOf as typeof pg.types.getTypeParser }
  const client = new pg.Client({ connectionString: plain, types })
  await client.connect().catch((error: unknown) => {
    throw problem('not_found', { what: 'database', id: shownAddress(address) }, error)
  })
  await client.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY')
  const all: MlflowSql['all'] = async (sql, params = []) => {
    let at = 0
    const numbered = sql.replaceAll('?', () => `$${++at}`)
    return (await client.query<MlflowRow>(numbered, [...params])).rows
  }
  return {
    all,
    has: async (table, column) => {
      const found = 'SELECT 1 AS one FROM information_schema.columns WHERE table_name = ? AND column_name = ?'
      return (await all(found, [table, column])).length > 0
    },
    close: () => client.end(),
  }
}
