/**
 * Some bytes of the disk that are kept for the next start, so that a server starts on a full one: SQLite needs room for the index of its
 * log to open a database, even to read it, and a gateway for the file that says where it listens.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { engineCode, isStorageFull } from './failures.ts'

/** Files in the data folder, and their bytes: the index takes 32 KiB, and each file a block or two. */
const RESERVES = { 'database.reserve': 40 * 1024, 'gateway.reserve': 64 * 1024 }

/** For what room is kept. */
export type Reserve = keyof typeof RESERVES

/** Keeps the bytes, as far as they are not kept already and there is room for them. */
export function keepReserves(dataDir: string): void {
  for (const [name, bytes] of Object.entries(RESERVES)) {
    const file = join(dataDir, name)
    if (statSync(file, { throwIfNoEntry: false }) !== undefined) continue
    try {
      write(file, bytes)
    } catch (error) {
      rmSync(file, { force: true })
      if (!isStorageFull(error)) throw error
    }
  }
}

/** What `open` gives; where it fails for want of room, once more without the reserve. */
export function withReserve<T>(dataDir: string, reserve: Reserve, open: () => T): T {
  try {
    return open()
  } catch (error) {
    const file = join(dataDir, reserve)
    const wantsRoom = isStorageFull(error) || /^SQLITE_(?:IOERR|CANTOPEN)/.test(engineCode(error))
    if (!wantsRoom || statSync(file, { throwIfNoEntry: false }) === undefined) throw error
    rmSync(file)
    return open()
  }
}

function write(file: string, size: number): void {
  const handle = openSync(file, 'wx', 0o600)
  try {
    // random, for a file system that compresses would keep nothing for zeros
    const bytes = randomBytes(size)
    for (let at = 0; at < size;) at += writeSync(handle, bytes, at)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
