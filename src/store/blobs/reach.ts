/** What rows need of the blobs: digests, and trees, which need their manifest and each of its files. */
import type { Blobs, Digest } from './blobs.ts'
import { treeFiles } from './trees.ts'

/** Rows that need a tree name it by the digest of its manifest. */
export interface NeededTree {
  readonly tree: Digest
}

/** All that one room needs, read from its rows. What throws ends whoever asks before anything is deleted or said to be missing. */
export type Reachable = () => AsyncIterable<Digest | NeededTree>

/**
 * Every digest that the sources need, some of them more than once. A tree whose manifest is gone needs only that. `unreadable` is told of
 * a manifest whose bytes are not those of its digest, and its files are left out; without it that is thrown.
 */
export async function* neededDigests(
  blobs: Pick<Blobs, 'has' | 'bytes'>,
  sources: readonly Reachable[],
  unreadable?: (tree: Digest) => void,
): AsyncGenerator<Digest> {
  const trees = new Set<Digest>()
  for (const source of sources) {
    for await (const needed of source()) {
      if (typeof needed === 'string') yield needed
      else trees.add(needed.tree)
    }
  }
  for (const tree of trees) {
    yield tree
    if (await blobs.has(tree)) yield* filesOf(blobs, tree, unreadable)
  }
}

async function* filesOf(
  blobs: Pick<Blobs, 'bytes'>,
  tree: Digest,
  unreadable: ((tree: Digest) => void) | undefined,
): AsyncGenerator<Digest> {
  try {
    for (const { digest } of await treeFiles(blobs, tree)) yield digest
  } catch (error) {
    const { code } = error as { code?: unknown }
    // it may have gone since it was asked for
    if (code === 'not_found' || code === 'ENOENT') return
    if (unreadable === undefined || (code !== 'corrupt_blob' && code !== 'EIO')) throw error
    unreadable(tree)
  }
}
