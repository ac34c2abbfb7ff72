/**
 * The embedded online store: a database of SQLite beside the main one, which the control process writes and every gateway of the machine
 * reads. A set holds the rows of one version of a view; while a new one is made the old one answers, and a switch is one transaction.
 */
import { existsSync } from 'node:fs'
import Database from 'better-sqlite3'

export type Connection = Database.Database
export type Statement = Database.Statement

/** Of the file; another one is made anew from the sources. */
const LAYOUT = 1

const SCHEMA = `
CREATE TABLE IF NOT EXISTS sets (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  project TEXT NOT NULL,
  view TEXT NOT NULL,
  version INTEGER NOT NULL,
  -- shadow: being made; live: answers; old: to be removed
  state TEXT NOT NULL,
  -- the definition of the view, JSON
  definition TEXT NOT NULL,
  -- the last number that a pushed row got
  arrival INTEGER NOT NULL DEFAULT 0,
  -- ns until which the source was read; NULL before that
  horizon INTEGER,
  -- 1 while some rows are of the future
  has_ahead INTEGER NOT NULL DEFAULT 0,
  written_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS sets_live ON sets (project, view, version) WHERE state = 'live';
CREATE TABLE IF NOT EXISTS rows (
  set_id INTEGER NOT NULL,
  entity TEXT NOT NULL,
  event INTEGER NOT NULL,
  created INTEGER NOT NULL,
  arrival INTEGER NOT NULL,
  -- NULL once it has expired for good: that it was there is kept a while longer
  packed TEXT,
  PRIMARY KEY (set_id, entity)
) STRICT, WITHOUT ROWID;
-- Rows that are not seen yet: of the future, or known later.
CREATE TABLE IF NOT EXISTS ahead (
  set_id INTEGER NOT NULL,
  entity TEXT NOT NULL,
  arrival INTEGER NOT NULL,
  event INTEGER NOT NULL,
  created INTEGER NOT NULL,
  packed TEXT,
  PRIMARY KEY (set_id, entity, arrival)
) STRICT, WITHOUT ROWID;
-- What windows of one step need of each tile, in the order of the windows of the view.
CREATE TABLE IF NOT EXISTS tiles (
  set_id INTEGER NOT NULL,
  entity TEXT NOT NULL,
  step INTEGER NOT NULL,
  tile INTEGER NOT NULL,
  packed TEXT NOT NULL,
  PRIMARY KEY (set_id, entity, step, tile)
) STRICT, WITHOUT ROWID;
`

/** Opens the store for writing, and makes it where it is missing. Every commit is on the disk when it returns. */
export function openForWriting(path: string): Connection {
  const connection = new Database(path, { timeout: 5000 })
  connection.pragma('journal_mode = WAL')
  connection.pragma('synchronous = FULL')
  connection.pragma('trusted_schema = OFF')
  connection.transaction(() => {
    const layout = connection.pragma('user_version', { simple: true })
    if (layout !== 0 && layout !== LAYOUT)
      throw new Error(`the online store has the layout ${String(layout)}, and this program knows ${LAYOUT}`)
    connection.exec(SCHEMA)
    connection.pragma(`user_version = ${LAYOUT}`)
  })()
  return connection
}

/** Whether a store is there as a whole: its file comes a moment before its tables. */
export function hasStore(path: string): boolean {
  if (!existsSync(path)) return false
  const connection = new Database(path, { readonly: true, fileMustExist: true, timeout: 1000 })
  try {
    return connection.pragma('user_version', { simple: true }) === LAYOUT
  } finally {
    connection.close()
  }
}

/** Opens the store for reading. Throws where it is missing. */
export function openForReading(path: string): Connection {
  const connection = new Database(path, { readonly: true, fileMustExist: true, timeout: 1000 })
  connection.pragma('cache_size = -32768')
  connection.pragma('mmap_size = 268435456')
  return connection
}
