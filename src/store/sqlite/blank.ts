/** The file of an empty database with the tables of this program: made once in a process, and copied for tests that open hundreds. */
import { writeFileSync } from 'node:fs'
import Database from 'better-sqlite3'

let blank: Buffer | undefined

/** Writes it to a file that is not there yet; nothing where this process has not migrated one before. */
export function writeBlank(file: string): void {
  if (blank !== undefined) writeFileSync(file, blank, { mode: 0o600, flag: 'wx' })
}

/** Keeps what is in the file of a database that was migrated just now and holds nothing else. */
export function keepBlank(file: string): void {
  if (blank !== undefined) return
  const db = new Database(file, { readonly: true })
  blank = db.serialize()
  db.close()
}
