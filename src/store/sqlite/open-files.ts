/** Tells whether the files of an open database are still what its names lead to: what is written on a file without a name is lost with its process. */
import { statSync } from 'node:fs'
import type { Stats } from 'node:fs'
import { dirname } from 'node:path'

type Place = Pick<Stats, 'dev' | 'ino'>

interface OpenFile extends Place {
  readonly path: string
}

/** Asked after each transaction: numbers cost half of big integers, and two files whose inodes differ above 2^53 only are none to meet. */
const HERE = { throwIfNoEntry: false } as const

/** A folder whose time is older than this has another time after each further change: the coarsest file systems count in two seconds. */
const COARSE_MS = 3000

export class OpenFiles {
  readonly #folder: string
  readonly #files: readonly OpenFile[]
  /** The folder as it was when all of them were looked at last, where it had not changed for a while then. */
  #quiet: (Place & Pick<Stats, 'mtimeMs'>) | undefined

  /** `path` is the database's file; a connection has it open, with its log and the index of that. */
  constructor(path: string) {
    this.#folder = dirname(path)
    this.#files = [path, `${path}-wal`, `${path}-shm`].map((each) => ({ path: each, ...placeOf(statSync(each)) }))
  }

  /** What became of the first of them that is not there any more, or another; undefined while all are as they were opened. */
  changed(): string | undefined {
    for (const file of this.#files) {
      const found: Stats | undefined = statSync(file.path, HERE)
      if (found === undefined) return `${file.path} was removed or moved away while the server had it open`
      if (!isSame(found, file)) return `${file.path} was replaced by another file while the server had it open`
    }
    return undefined
  }

  /**
   * The same by a look at their folder alone, while its time tells that no name in it was made, moved or removed since they were looked at.
   * Misses what the folder does not know: a file mounted over one of them, a time that was set back by hand.
   */
  changedInFolder(): string | undefined {
    const folder: Stats | undefined = statSync(this.#folder, HERE)
    const quiet = this.#quiet
    if (folder !== undefined && quiet !== undefined && folder.mtimeMs === quiet.mtimeMs && isSame(folder, quiet))
      return undefined
    const what = this.changed()
    const isQuiet = what === undefined && folder !== undefined && Date.now() - folder.mtimeMs > COARSE_MS
    this.#quiet = isQuiet ? { mtimeMs: folder.mtimeMs, ...placeOf(folder) } : undefined
    return what
  }
}

function placeOf({ dev, ino }: Place): Place {
  return { dev, ino }
}

function isSame(left: Place, right: Place): boolean {
  return left.ino === right.ino && left.dev === right.dev
}
