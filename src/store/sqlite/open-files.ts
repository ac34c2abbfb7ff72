/** Tells whether the files of an open database are still what its names lead to: what is written on a file without a name is lost with its process. */
import { statSync } from 'node:fs'
import type { Stats } from 'node:fs'

interface OpenFile {
  readonly path: string
  readonly dev: number
  readonly ino: number
}

/** Asked after each transaction: numbers cost half of big integers, and two files whose inodes differ above 2^53 only are none to meet. */
const HERE = { throwIfNoEntry: false } as const

export class OpenFiles {
  readonly #files: readonly OpenFile[]

  /** `path` is the database's file; a connection has it open, with its log and the index of that. */
  constructor(path: string) {
    this.#files = [path, `${path}-wal`, `${path}-shm`].map((each) => {
      const { dev, ino } = statSync(each)
      return { path: each, dev, ino }
    })
  }

  /** What became of the first of them that is not there any more, or another; undefined while all are as they were opened. */
  changed(): string | undefined {
    for (const { path, dev, ino } of this.#files) {
      const found: Stats | undefined = statSync(path, HERE)
      if (found === undefined) return `${path} was removed or moved away while the server had it open`
      if (found.dev !== dev || found.ino !== ino)
        return `${path} was replaced by another file while the server had it open`
    }
    return undefined
  }
}
