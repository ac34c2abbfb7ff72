/** How every SQLite connection of Slipway is set up. */
import Database from 'better-sqlite3'
import { problem } from '../../contract/errors.ts'
import { sqliteRegexp } from '../sql/regexp.ts'

export type Connection = Database.Database

/** Pages in the log after which SQLite itself moves them into the database, should nobody have done so earlier. */
const AUTOCHECKPOINT_PAGES = 8000

/** Opens the one connection that writes, and makes the file if it is missing. */
export function openWriter(path: string): Connection {
  const connection = new Database(path, { timeout: 0 })
  whileBusy(connection, () => {
    connection.pragma('journal_mode = WAL')
    // The log is made by the first read, and WalSync needs it.
    connection.prepare('SELECT count(*) FROM sqlite_schema').get()
  })
  // FULL is NORMAL and one sync of the log per commit; GroupCommit does that sync itself, off the event loop.
  connection.pragma('synchronous = NORMAL')
  connection.pragma(`wal_autocheckpoint = ${AUTOCHECKPOINT_PAGES}`)
  connection.pragma('journal_size_limit = 67108864')
  common(connection)
  return connection
}

/** Opens a connection that can only read; it sees what was committed. */
export function openReader(path: string): Connection {
  const connection = new Database(path, { readonly: true, fileMustExist: true, timeout: 5000 })
  common(connection)
  connection.function('regexp', { deterministic: true }, sqliteRegexp())
  return connection
}

/** Moves what readers no longer need from the log into the database; returns how many pages the log held. */
export function checkpoint(connection: Connection): number {
  const [row] = connection.pragma('wal_checkpoint(PASSIVE)') as { log: number }[]
  return row?.log ?? 0
}

/**
 * Copies the database as it is at one moment into a new file and checks that copy. The copy needs no log beside it.
 * Writers go on meanwhile. Throws when the copy is damaged.
 */
export async function snapshot(connection: Connection, file: string): Promise<void> {
  // All in one step: in several, each write of another connection would begin the copy anew.
  await connection.backup(file, { progress: () => 0x7fffffff })
  const copy = new Database(file)
  try {
    copy.pragma('journal_mode = DELETE')
    const found = copy.pragma('integrity_check(10)', { simple: true })
    if (found !== 'ok') throw problem('storage_corrupt', { detail: String(found) })
  } finally {
    copy.close()
  }
}

function common(connection: Connection): void {
  connection.pragma('foreign_keys = ON')
  connection.pragma('trusted_schema = OFF')
  connection.pragma('temp_store = MEMORY')
  connection.pragma('cache_size = -32768')
  // PostgreSQL's LIKE tells capitals from small letters; SQLite's default does not.
  connection.pragma('case_sensitive_like = ON')
}

/** SQLite's own wait does not cover the change to WAL; another process may be opening the same file just now. */
function whileBusy(connection: Connection, setUp: () => void): void {
  connection.pragma('busy_timeout = 5000')
  const deadline = performance.now() + 5000
  for (;;) {
    try {
      setUp()
      break
    } catch (error) {
      const busy = error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')
      if (!busy || performance.now() > deadline) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
    }
  }
  connection.pragma('busy_timeout = 0')
}
