/** Files of keys: made once, whole or not at all, for their owner alone. */
import { randomUUID } from 'node:crypto'
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'

/** The content of a file, which is made (0600) of `make` when it is missing; of several processes that make it at once, one is first. */
export function keptFile(file: string, make: () => Uint8Array): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  // Whole or not at all: a crash or a full disk must not leave a key that is none.
  const partial = `${file}.${randomUUID()}`
  try {
    const handle = openSync(partial, 'wx', 0o600)
    try {
      writeSync(handle, make())
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
    linkSync(partial, file)
  } catch (error) {
    // another process was first
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(partial, { force: true })
  }
  return readFileSync(file)
}
