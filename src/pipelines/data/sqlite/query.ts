/** Runs one query over a database of SQLite that other programs may be writing: it reads, and can do nothing else. */
import { constants, DatabaseSync, type StatementSync } from 'node:sqlite'
import { NotQueried, type QueryTask } from './task.ts'

/** A value as SQLite stores it: whole numbers as they are, whatever their size. */
export type Cell = bigint | number | string | Uint8Array | null

export interface Column {
  readonly name: string
  /** The type that the table declares; null of an expression. */
  readonly declared: string | null
}

export interface Query {
  readonly columns: readonly Column[]
  /** In the order of the query; all are of one moment, for one statement reads one snapshot. */
  readonly rows: () => Iterable<readonly Cell[]>
  readonly isFixed: () => boolean
}

/** Calls `use` with the query. Throws `NotQueried` for what is refused, and for what is worth another try. */
export async function withQuery<T>(
  { uri, query, patience_ms }: Pick<QueryTask, 'uri' | 'query' | 'patience_ms'>,
  use: (query: Query) => Promise<T>,
): Promise<T> {
  const denied: string[] = []
  try {
    const db = new DatabaseSync(new URL(uri), { readOnly: true, timeout: patience_ms })
    try {
      const asked = confine(db, denied)
      const statement = only(db, query)
      statement.setReadBigInts(true)
      statement.setReturnArrays(true)
      return await use({
        columns: columnsOf(statement),
        rows: () => statement.iterate() as unknown as Iterable<Cell[]>,
        isFixed: () => ![...asked].some((name) => VARYING.has(name)),
      })
    } finally {
      db.close()
    }
  } catch (error) {
    throw inWords(error, denied)
  }
}

const { SQLITE_OK, SQLITE_DENY, SQLITE_SELECT, SQLITE_READ, SQLITE_RECURSIVE, SQLITE_FUNCTION } = constants

const READS: readonly number[] = [SQLITE_SELECT, SQLITE_READ, SQLITE_RECURSIVE]
/** Functions that reach out of the database, where a build of SQLite has them. */
const REACHING = new Set(['load_extension', 'readfile', 'writefile', 'edit', 'fts3_tokenizer'])
/** Functions that may say something else of the same rows: those of time know `now`. */
const VARYING = new Set([
  'random',
  'randomblob',
  'changes',
  'total_changes',
  'last_insert_rowid',
  'date',
  'time',
  'datetime',
  'julianday',
  'unixepoch',
  'strftime',
  'timediff',
  'current_date',
  'current_time',
  'current_timestamp',
])

/** From here on only what reads is prepared. Returns the names of the functions that are asked for, as they come. */
function confine(db: DatabaseSync, denied: string[]): ReadonlySet<string> {
  db.enableDefensive(true)
  db.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON')
  const asked = new Set<string>()
  db.setAuthorizer((action, first, second) => {
    if (READS.includes(action)) return SQLITE_OK
    const name = (second ?? '').toLowerCase()
    if (action === SQLITE_FUNCTION && !REACHING.has(name)) {
      asked.add(name)
      return SQLITE_OK
    }
    denied.push(action === SQLITE_FUNCTION ? `the function ${name}` : `${wordOf(action)} ${first ?? ''}`.trim())
    return SQLITE_DENY
  })
  return asked
}

/** For example `PRAGMA`, `ATTACH`, `CREATE TABLE`. */
function wordOf(action: number): string {
  const [name] = Object.entries(constants).find(([key, code]) => code === action && !RESULTS.includes(key)) ?? []
  return (name ?? `action ${action}`).replace(/^SQLITE_/, '').replaceAll('_', ' ')
}

/** Names of results, which share their numbers with actions. */
const RESULTS: readonly string[] = Object.keys(constants).filter((key) =>
  /^SQLITE_(CHANGESET_|OK|DENY|IGNORE)/.test(key),
)

/** The one statement of a text: SQLite itself leaves out what follows the first. */
function only(db: DatabaseSync, query: string): StatementSync {
  const statement = db.prepare(query)
  const rest = query.slice(statement.sourceSQL.length).replaceAll(/--.*(\n|$)|\/\*[^]*?(\*\/|$)|[\s;]/g, '')
  if (rest !== '') throw new NotQueried({ refused: 'the query is more than one statement, and one was expected' })
  if (statement.expandedSQL !== statement.sourceSQL)
    throw new NotQueried({ refused: 'the query has a parameter, and nothing gives it a value' })
  return statement
}

function columnsOf(statement: StatementSync): Column[] {
  const columns = statement.columns().map(({ name, type }): Column => ({ name, declared: type }))
  // a statement that is not looked at before it runs, as VACUUM, has none
  if (columns.length === 0) throw new NotQueried({ refused: 'the query gives no columns, and a source only reads' })
  const seen = new Set<string>()
  for (const { name } of columns) {
    if (name === '') throw new NotQueried({ refused: 'the query gives a column without a name; name it with AS' })
    const key = name.toLowerCase()
    if (seen.has(key))
      throw new NotQueried({ refused: `the query gives two columns of the name "${name}"; name them apart with AS` })
    seen.add(key)
  }
  return columns
}

/** Results of SQLite by the last byte of their code. */
const [NO_MEMORY, BUSY, LOCKED, READONLY, CORRUPT, CANNOT_OPEN, NO_DATABASE] = [7, 5, 6, 8, 11, 14, 26]

function inWords(error: unknown, denied: readonly string[]): unknown {
  const { code, errcode } = error as { readonly code?: unknown; readonly errcode?: unknown }
  if (!(error instanceof Error) || error instanceof NotQueried) return error
  if (code === 'ERR_INVALID_ARG_VALUE') return new NotQueried({ refused: `the query cannot be run: ${error.message}` })
  if (code !== 'ERR_SQLITE_ERROR' || typeof errcode !== 'number') return error
  if (denied.length > 0) return new NotQueried({ refused: `the query has ${denied[0]}, and a source only reads` })
  switch (errcode & 0xff) {
    case BUSY:
    case LOCKED:
      return new NotQueried({ away: 'another program has locked it' })
    case READONLY:
      return new NotQueried({ refused: UNFINISHED })
    case CANNOT_OPEN:
      return new NotQueried({ away: `it cannot be opened: ${error.message}` })
    case NO_DATABASE:
      return new NotQueried({ refused: 'it is no database of SQLite, or an encrypted one' })
    case CORRUPT:
      return new NotQueried({ refused: `it is damaged: ${error.message}` })
    case NO_MEMORY:
      return new NotQueried({ refused: 'the query needs more memory than there is' })
    default:
      return new NotQueried({ refused: `SQLite refused the query: ${error.message}` })
  }
}

/** Said of a database whose last writer was killed, where only a program that may write can take back what it left. */
const UNFINISHED =
  'its last writer ended in the middle of a transaction, and taking that back would write to it; open it once with the program that writes it, or with the command sqlite3'
