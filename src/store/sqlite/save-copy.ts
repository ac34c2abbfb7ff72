/** Saves what an open database holds beside it, when its own files are not what their names lead to any more. */
import { mkdirSync, openSync, closeSync, fsyncSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { problem } from '../../contract/errors.ts'
import { ask } from '../integrity/look.ts'
import type { Checked } from '../integrity/quick-check.ts'
import type { Connection } from './connection.ts'
import { syncFolder } from './wal.ts'

/** Pages that are copied at once: others have their turn between. */
const PAGES = 1000
/** Longest look through the copy, ms. */
const LOOK_MS = 30 * 60_000

/** The name of a copy of the database at `path` that is made now. */
export function copyName(path: string, now: Date): string {
  return `${path}.saved-${now.toISOString().replaceAll(/[:.]/g, '-')}`
}

/** Copies all that was committed into the new file `file`, looks through it and makes it durable. Nobody may write meanwhile. */
export async function saveCopy(connection: Connection, file: string): Promise<void> {
  const partial = `${file}.partial`
  // the folder may have been moved away with the file
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  try {
    await connection.backup(partial, { progress: () => PAGES })
    const copy = new Database(partial)
    copy.pragma('journal_mode = DELETE')
    copy.close()
    const question = { database: partial, ms: LOOK_MS, background: false }
    const checked = await ask<Checked>(question, LOOK_MS, new AbortController().signal)
    if (checked !== undefined && checked.found.length > 0)
      throw problem('storage_corrupt', { detail: checked.found.join('; ') })
    const handle = openSync(partial, 'r')
    fsyncSync(handle)
    closeSync(handle)
    renameSync(partial, file)
    syncFolder(dirname(file))
  } finally {
    rmSync(partial, { force: true })
  }
}
