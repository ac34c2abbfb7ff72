/** Lets one server at a time use a data folder. The operating system holds the lock, so it ends with its holder however that dies. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { isBusy } from './failures.ts'

/** Name of the lock's file; it has no content and stays in the folder. */
export const LOCK_FILE = 'server.lock'

/** The locks that this process has: one that nobody names any more must not be collected, and so be given back unseen. */
const held = new Set<Database.Database>()

/**
 * Takes the lock of a data folder, which is made (0700) if it is missing, and returns how to give it back; undefined when
 * another process has it. It never waits, and there is nothing to clean up after a crash.
 */
export function lockFolder(dataDir: string): (() => void) | undefined {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const file = new Database(join(dataDir, LOCK_FILE), { timeout: 0 })
  try {
    // the journal stays in memory: the lock is wanted, nothing is written
    file.pragma('journal_mode = MEMORY')
    file.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    file.close()
    if (isBusy(error)) return undefined
    throw error
  }
  held.add(file)
  return () => {
    held.delete(file)
    file.close()
  }
}
