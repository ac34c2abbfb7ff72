/**
 * The file of an empty database with the tables of this program, for tests that open hundreds: made once in a process, or once for all those
 * of a check, and copied.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import Database from 'better-sqlite3'

/** Names the file of one that a check has made for all its processes. */
export const SHARED_BLANK = 'SLIPWAY_TEST_BLANK'

let blank: Buffer | undefined

/** Writes it to a file that is not there yet; nothing where none was made before. */
export function writeBlank(file: string): void {
  const shared = process.env[SHARED_BLANK]
  if (shared !== undefined) blank ??= readFileSync(shared)
  if (blank !== undefined) writeFileSync(file, blank, { mode: 0o600, flag: 'wx' })
}

/** Keeps what is in the file of a database that was migrated just now and holds nothing else. */
export function keepBlank(file: string): void {
  blank ??= readBlank(file)
}

/** What is in the file of a database, with what still lies in its log. */
export function readBlank(file: string): Buffer {
  const db = new Database(file, { readonly: true })
  const bytes = db.serialize()
  db.close()
  return bytes
}
