/** The database of the money of all gateways of a data folder, and the lock by which each shows that it lives. */
import { randomUUID } from 'node:crypto'
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { engineCode, isBusy } from '../../../store/failures.ts'
import { moneyFolder, moneyPath } from './place.ts'

export type Connection = Database.Database
export type Statement = Database.Statement

/** Of the file; it must not be opened by a program that knows none of it. The first had no shares. */
const LAYOUT = 2
const OLDEST_LAYOUT = 1

/** How long each step of the opening waits for another process, ms. The event loop waits too, so it is short. */
const OPENING_MS = 25

/** Bytes of its log of writes that are kept when it begins anew; while several write at once it may be larger. */
const MOST_LOG = 16 * 1024 * 1024

const SCHEMA = `
-- One row for each window of each budget; all amounts are nanodollars.
CREATE TABLE IF NOT EXISTS spending (
  budget TEXT NOT NULL,
  -- beginning of the window, ms; 0 for one that never ends
  since INTEGER NOT NULL,
  -- its end, ms; NULL where it never ends
  until INTEGER,
  spent INTEGER NOT NULL,
  -- by reservations that are open
  reserved INTEGER NOT NULL,
  PRIMARY KEY (budget, since)
) STRICT, WITHOUT ROWID;
-- What this server may spend of budgets that several servers charge; the control process writes it.
CREATE TABLE IF NOT EXISTS shares (
  budget TEXT NOT NULL,
  since INTEGER NOT NULL,
  until INTEGER,
  amount INTEGER NOT NULL,
  PRIMARY KEY (budget, since)
) STRICT, WITHOUT ROWID;
-- Calls that are under way.
CREATE TABLE IF NOT EXISTS reservations (
  id TEXT NOT NULL PRIMARY KEY,
  writer INTEGER NOT NULL,
  amount INTEGER NOT NULL,
  -- JSON: pairs of a budget and the beginning of the window that it is charged to
  budgets TEXT NOT NULL,
  -- ms
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Gateways that may have reservations.
CREATE TABLE IF NOT EXISTS writers (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  -- of its log
  name TEXT NOT NULL,
  pid INTEGER NOT NULL,
  -- of the process, in ticks of the kernel; NULL where unknown
  start TEXT,
  -- name of the file that it holds locked
  lock TEXT NOT NULL
) STRICT;
`

/** Opens the database, and makes it where it is missing: folder 0700, file 0600. Throws what SQLite or the disk says. */
export function openDatabase(dataDir: string): Connection {
  mkdirSync(moneyFolder(dataDir), { recursive: true, mode: 0o700 })
  const path = moneyPath(dataDir)
  // SQLite gives the rights of this file to those beside it
  makeFile(path)
  const connection = new Database(path, { timeout: OPENING_MS })
  try {
    connection.pragma('journal_mode = WAL')
    connection.pragma('synchronous = NORMAL')
    connection.pragma(`journal_size_limit = ${MOST_LOG}`)
    connection.pragma('trusted_schema = OFF')
    if (layoutOf(connection) !== LAYOUT) connection.transaction(() => layOut(connection)).immediate()
    return connection
  } catch (error) {
    connection.close()
    throw error
  }
}

function layoutOf(connection: Connection): unknown {
  return connection.pragma('user_version', { simple: true })
}

function layOut(connection: Connection): void {
  const layout = Number(layoutOf(connection))
  if (layout !== 0 && (layout < OLDEST_LAYOUT || layout > LAYOUT))
    throw new Error(`it has the layout ${layout}, and this program knows ${LAYOUT}`)
  connection.exec(SCHEMA)
  connection.pragma(`user_version = ${LAYOUT}`)
}

/** Only where it is missing: to close a file takes away all locks that this process has on it. */
function makeFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if (engineCode(error) !== 'EEXIST') throw error
  }
}

/** A lock that the operating system takes away from its holder when that dies, in whatever way. */
export interface LifeLock {
  readonly name: string
  /** Gives it back and removes its file. */
  release(): void
}

/** Takes a lock of a name that nobody had before. */
export function newLifeLock(dataDir: string): LifeLock {
  const name = `writer-${randomUUID()}.lock`
  makeFile(join(moneyFolder(dataDir), name))
  const taken = takeLifeLock(dataDir, name)
  if (taken === undefined) throw new Error('a lock of a new name is held by another process')
  return taken
}

/** Takes a lock that a dead writer had; undefined while its holder lives. It never waits. */
export function takeLifeLock(dataDir: string, name: string): LifeLock | undefined {
  const path = join(moneyFolder(dataDir), name)
  const file = new Database(path, { timeout: 0 })
  try {
    // the lock is wanted, nothing is written
    file.pragma('journal_mode = MEMORY')
    file.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    file.close()
    if (isBusy(error)) return undefined
    throw error
  }
  return {
    name,
    release: () => {
      // first of all, lest another process open it in between and hold a file that no name leads to
      rmSync(path, { force: true })
      file.close()
    },
  }
}
