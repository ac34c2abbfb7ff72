/** Makes commits durable: syncs SQLite's write-ahead log from a thread of the pool, so that the event loop goes on. */
import { closeSync, fdatasync, fsyncSync, openSync } from 'node:fs'
import { dirname } from 'node:path'

export class WalSync {
  readonly #fd: number

  /** The log of the database at `path` must exist; it stays the same file while a connection is open. */
  constructor(path: string) {
    this.#fd = openSync(`${path}-wal`, 'r')
    syncFolder(dirname(path))
  }

  /** Resolves when all that was written to the log before the call is on the disk. */
  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#fd, (error) => (error === null ? resolve() : reject(error)))
    })
  }

  close(): void {
    closeSync(this.#fd)
  }
}

/** Makes names made or moved in a folder durable. */
export function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
