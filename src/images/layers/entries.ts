/** What a layer holds: files, folders and symbolic links by path, each with a fixed owner and without a time. */
import { posix } from 'node:path'
import { problem } from '../../contract/errors.ts'
import { safePath } from '../../store/blobs/archive.ts'

/** Who owns what the image's own process writes: a number, for a name could be looked up only inside of the image. */
export const IMAGE_USER = 10_001

export interface LayerFile {
  readonly kind: 'file'
  readonly mode: number
  /** Bytes, or the path of a file on this machine with its size. */
  readonly source: Buffer | { readonly file: string; readonly size: number }
}

export interface LayerFolder {
  readonly kind: 'folder'
  readonly mode: number
  /** Default 0. */
  readonly owner?: number
}

export interface LayerLink {
  readonly kind: 'link'
  /** Relative to the link's folder, or from the root of the image. */
  readonly target: string
}

export type LayerEntry = LayerFile | LayerFolder | LayerLink

/** Entries of a layer by path, without a leading `/`. */
export class Entries {
  readonly #entries = new Map<string, LayerEntry>()

  /**
   * Adds an entry; its folders come with it. Throws `bad_request` for a path that leaves the root, for a link whose target does, and for a
   * path that is there with another kind; the last of two files counts.
   */
  add(path: string, entry: LayerEntry): this {
    const clean = safePath(path)
    const known = this.#entries.get(clean)
    if (known !== undefined && known.kind !== entry.kind) throw twice(clean)
    for (let folder = posix.dirname(clean); folder !== '.'; folder = posix.dirname(folder)) {
      const above = this.#entries.get(folder)
      if (above === undefined) this.#entries.set(folder, { kind: 'folder', mode: 0o755 })
      else if (above.kind !== 'folder') throw twice(folder)
    }
    if (entry.kind === 'link') checkTarget(clean, entry.target)
    this.#entries.set(clean, entry)
    return this
  }

  file(path: string, content: string | Buffer, mode = 0o644): this {
    return this.add(path, { kind: 'file', mode, source: Buffer.from(content) })
  }

  get size(): number {
    return this.#entries.size
  }

  /** By path in the order of code units, which is the same everywhere. */
  sorted(): [path: string, entry: LayerEntry][] {
    return [...this.#entries].toSorted(([a], [b]) => (a < b ? -1 : 1))
  }
}

/** A link may lead to anything inside of the image, and to nothing above its root. */
function checkTarget(path: string, target: string): void {
  const at = target.startsWith('/') ? posix.normalize(`./${target}`) : posix.join(posix.dirname(path), target)
  const leaves = at === '..' || at.startsWith('../')
  if (target === '' || target.includes('\0') || leaves)
    throw problem('bad_request', {
      detail: `the link ${path} leads to ${JSON.stringify(target)}, outside of the image`,
    })
}

function twice(path: string): Error {
  return problem('bad_request', { detail: `${path} is in a layer twice, as a folder, a file or a link` })
}
