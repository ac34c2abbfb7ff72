/** Looks through an SQLite file for damaged pages, table by table, so that nothing is held up while a large one is read. */
import Database from 'better-sqlite3'
import { closeSync, openSync, readSync } from 'node:fs'

/** How far a look came. `found` is empty for a sound file. */
export interface Checked {
  readonly found: readonly string[]
  readonly tables: number
  /** Tables that the time did not suffice for. */
  readonly left: number
}

/** Faults that are told at most. */
const MOST_FAULTS = 10

/** Checks the file at `path` for `ms` at most; a table that is begun is ended. Rows are not compared with their indexes, as `quick_check` has it. */
export function quickCheck(path: string, ms: number): Checked {
  const end = performance.now() + ms
  let tables: string[] = []
  const found: string[] = []
  let done = 0
  try {
    const connection = new Database(path, { readonly: true, fileMustExist: true, timeout: 5000 })
    try {
      tables = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all() as string[]
      for (const table of ['sqlite_schema', ...tables]) {
        if (performance.now() > end || found.length >= MOST_FAULTS) break
        found.push(...faultsOf(connection, table))
        done++
      }
    } finally {
      connection.close()
    }
  } catch (error) {
    const { code = '', message } = error as { code?: string; message: string }
    if (!/^SQLITE_(?:CORRUPT|NOTADB)/.test(code)) throw error
    found.push(message)
  }
  // a disk that does not answer looks like damage, and is none
  if (found.length > 0) readWhole(path)
  return { found: found.slice(0, MOST_FAULTS), tables: tables.length, left: Math.max(0, tables.length + 1 - done) }
}

/** Throws what the disk answers where it cannot read the file. */
function readWhole(path: string): void {
  const file = openSync(path, 'r')
  const bytes = Buffer.allocUnsafe(1024 * 1024)
  try {
    while (readSync(file, bytes, 0, bytes.length, null) > 0);
  } finally {
    closeSync(file)
  }
}

function faultsOf(connection: Database.Database, table: string): string[] {
  try {
    const rows = connection.pragma(`quick_check('${table.replaceAll("'", "''")}')`) as { quick_check: string }[]
    return rows.map((row) => row.quick_check).filter((text) => text !== 'ok')
  } catch (error) {
    const { code = '', message } = error as { code?: string; message: string }
    if (!code.startsWith('SQLITE_CORRUPT')) throw error
    return [`${table}: ${message}`]
  }
}
