/** The online store of this machine, as the control process holds it: opened when it is first written, closed when the server stops. */
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { onlinePath } from './path.ts'
import { OnlineReader } from './reader.ts'
import { hasStore } from './schema.ts'
import { OnlineStore } from './store.ts'

export interface Online {
  /** The file that readers open; it is missing until something was written. */
  readonly path: string
  /** The store for writing; it is made where it is missing. Throws after `close`. */
  store(): OnlineStore
  /** The store for reading; undefined while there is none. Throws after `close`. */
  reader(): OnlineReader | undefined
  /** Closes what was opened; doing it once more changes nothing. */
  close(): void
}

/** The online store below a data folder. Nothing is touched before `store` is called. */
export function openOnline(dataDir: string): Online {
  const path = onlinePath(dataDir)
  let opened: OnlineStore | undefined
  let read: OnlineReader | undefined
  let isClosed = false
  return {
    path,
    store() {
      if (isClosed) throw new Error('the online store is closed')
      if (opened === undefined) {
        mkdirSync(dirname(path), { recursive: true })
        opened = new OnlineStore(path)
      }
      return opened
    },
    reader() {
      if (isClosed) throw new Error('the online store is closed')
      if (read === undefined && hasStore(path)) read = new OnlineReader(path)
      return read
    },
    close() {
      isClosed = true
      read?.close()
      read = undefined
      opened?.close()
      opened = undefined
    },
  }
}
