/** What an image is made of: its manifests, configuration and layers, walked from its root. */
import { problem } from '../../contract/errors.ts'
import type { BlobFolder } from './blobs.ts'
import { Index, isIndex, Manifest, readDocument } from './documents.ts'
import type { Descriptor } from './documents.ts'

export interface Parts {
  /** Manifests, those that others name first, the root last. */
  readonly manifests: readonly Descriptor[]
  /** Configurations and layers, each once. */
  readonly blobs: readonly Descriptor[]
}

/** Deepest nesting of indexes. */
const MOST_DEPTH = 4

/** Reads the whole graph below a root by its documents. Throws `unprocessable` for what is not as OCI has it. */
export async function partsOf(documents: Pick<BlobFolder, 'bytes'>, root: Descriptor, depth = 0): Promise<Parts> {
  if (depth > MOST_DEPTH)
    throw problem('unprocessable', { detail: `${root.digest} lies deeper than ${MOST_DEPTH} indexes` })
  const bytes = await documents.bytes(root.digest)
  if (!isIndex(root.mediaType)) {
    const { config, layers } = readDocument(Manifest, bytes, `the manifest ${root.digest}`)
    return { manifests: [root], blobs: once([config, ...layers]) }
  }
  const { manifests } = readDocument(Index, bytes, `the index ${root.digest}`)
  const below: Parts[] = []
  for (const one of manifests) below.push(await partsOf(documents, one, depth + 1))
  return {
    manifests: once([...below.flatMap((part) => part.manifests), root]),
    blobs: once(below.flatMap((part) => part.blobs)),
  }
}

/** Brings an image from one folder into another, the root last. */
export async function copyImage(from: BlobFolder, to: BlobFolder, root: Descriptor): Promise<Parts> {
  const parts = await partsOf(from, root)
  for (const one of [...parts.blobs, ...parts.manifests]) await to.adopt(from, one)
  return parts
}

function once(descriptors: readonly Descriptor[]): Descriptor[] {
  return [...new Map(descriptors.map((one) => [one.digest, one])).values()]
}
