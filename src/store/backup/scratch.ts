/** Folders in which a backup or a restore is made: locked while somebody is at it, so that what a killed one has left is told from what is in use. */
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ifMissing, ifMissingNow } from '../../contract/absence/absent.ts'
import { engineCode } from '../failures.ts'
import { LOCK_FILE, lockFolder } from '../folder-lock.ts'

export interface Scratch {
  readonly folder: string
  /** Ends the use; what is still there goes. */
  readonly end: () => Promise<void>
}

/** A folder without a lock is of an older program, which may be at it for so long, ms. */
const OLD_MS = 24 * 3_600_000

/** Makes a folder whose name begins with the path `beginning`, for its owner alone, and locks it where the file system can. */
export async function makeScratch(beginning: string): Promise<Scratch> {
  for (;;) {
    const folder = `${beginning}${randomUUID()}`
    await mkdir(folder, { mode: 0o700 })
    const release = lock(folder)
    // somebody who clears away may have been quicker
    if (release === undefined) continue
    const end = async (): Promise<void> => {
      release()
      await rm(folder, { recursive: true, force: true })
    }
    return { folder, end }
  }
}

/** Removes the folders whose names begin so and which nobody uses any more; returns their names. */
export async function clearScratch(beginning: string): Promise<string[]> {
  const [parent, name] = [dirname(beginning), basename(beginning)]
  const cleared: string[] = []
  for (const each of (await ifMissing(readdir(parent))) ?? []) {
    const folder = join(parent, each)
    if (!each.startsWith(name) || !UUID.test(each.slice(name.length)) || !(await isLeft(folder))) continue
    const release = ifMissingNow(() => lockFolder(folder))
    if (release === undefined) continue
    await rm(folder, { recursive: true, force: true })
    release()
    cleared.push(folder)
  }
  return cleared
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Whether a folder may be one that was left: it has a lock that can be asked for, or is old. */
async function isLeft(folder: string): Promise<boolean> {
  if (existsSync(join(folder, LOCK_FILE))) return true
  const found = await ifMissing(stat(folder))
  return found?.isDirectory() === true && found.mtimeMs < Date.now() - OLD_MS
}

/** Undefined when another has the lock. A file system without locks has none to give: the folder is used without, and never cleared. */
function lock(folder: string): (() => void) | undefined {
  try {
    return lockFolder(folder)
  } catch (error) {
    if (!engineCode(error).startsWith('SQLITE_IOERR')) throw error
    return () => undefined
  }
}
