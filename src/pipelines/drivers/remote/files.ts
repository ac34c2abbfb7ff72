/** Which files a node may read and what it may make an output of: those of its own attempt. */
import { problem } from '../../../contract/errors.ts'
import { safePath } from '../../../store/blobs/archive.ts'
import type { Blobs } from '../../../store/blobs/blobs.ts'
import { putManifest, refuseOverlap, treeDigests, treeFiles } from '../../../store/blobs/trees.ts'
import type { TreeFile, TreeInfo } from '../../../store/blobs/trees.ts'
import type { Reader } from '../../../store/db.ts'

/** The files of an output as a node lists them: path, bytes, digest, whether it may be run. */
export type Listed = readonly (readonly [string, number, string, boolean])[]

/** Attempts whose files are remembered. */
const REMEMBERED = 200

/** What an attempt was given: digests with their sizes, those of manifests included. */
export class Given {
  readonly #blobs: Blobs
  readonly #known = new Map<string, ReadonlySet<string>>()

  constructor(blobs: Blobs) {
    this.#blobs = blobs
  }

  /** Every digest of these trees. */
  async of(attempt: string, trees: readonly string[]): Promise<ReadonlySet<string>> {
    const known = this.#known.get(attempt)
    if (known !== undefined) return known
    const found = new Set<string>()
    for (const tree of await this.#there(trees))
      for await (const digest of treeDigests(this.#blobs, tree)) found.add(digest)
    if (this.#known.size >= REMEMBERED) this.#known.clear()
    this.#known.set(attempt, found)
    return found
  }

  /** A checkpoint may be gone that another is there for; whatever else is missing is missed when it is asked for. */
  async #there(trees: readonly string[]): Promise<string[]> {
    const there: string[] = []
    for (const tree of trees) if (await this.#blobs.has(tree)) there.push(tree)
    return there
  }

  forget(attempt: string): void {
    this.#known.delete(attempt)
  }

  /** Sizes by digest of the files of these trees. */
  async sizes(trees: readonly string[]): Promise<Map<string, number>> {
    const sizes = new Map<string, number>()
    for (const tree of await this.#there(trees))
      for (const { digest, size } of await treeFiles(this.#blobs, tree)) sizes.set(digest, size)
    return sizes
  }
}

/** Files that the node has sent, by digest with their sizes. */
export async function sentFiles(reader: Reader, attempt: string): Promise<Map<string, number>> {
  const rows = await reader.all<{ digest: string; size: number }>(
    'SELECT digest, size FROM pipeline_node_files WHERE attempt = ?',
    [attempt],
  )
  return new Map(rows.map(({ digest, size }) => [digest, size]))
}

/**
 * Stores an output by the list of its files. Throws `unprocessable` for a file that the node has neither sent nor been given, so that no
 * other project's can be taken by its digest, and `bad_request` for paths that cannot be laid out.
 */
export async function keepOutput(blobs: Blobs, name: string, listed: Listed, owned: OwnedFiles): Promise<TreeInfo> {
  const files: TreeFile[] = listed.map(([path, size, digest, executable]) => {
    if (owned.get(digest) !== size) {
      const detail = `the output "${name}" lists ${digest} of ${size} bytes, which this attempt has not sent`
      throw problem('unprocessable', { detail })
    }
    return { path: listed.length === 1 && path === '' ? '' : safePath(path), size, digest, executable }
  })
  if (new Set(files.map(({ path }) => path)).size < files.length)
    throw problem('bad_request', { detail: `the output "${name}" lists a path twice` })
  refuseOverlap(files)
  return putManifest(blobs, files)
}

/** Sizes by digest. */
export type OwnedFiles = Pick<ReadonlyMap<string, number>, 'get'>
