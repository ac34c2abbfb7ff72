/** Where an image goes that was made: into an OCI layout. */
import { resolve } from 'node:path'
import type { BlobFolder } from '../../images/oci/blobs.ts'
import { copyImage } from '../../images/oci/graph.ts'
import type { Descriptor } from '../../images/oci/documents.ts'
import { layoutBlobs, nameInLayout } from '../../images/oci/layout.ts'
import { parseReference, referenceText } from '../../images/oci/reference.ts'
import type { LayoutReference } from '../../images/oci/reference.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'

/** The layout of --out, by default `layout:image`. Throws UsageError for a registry there, or a digest. */
export function destinationOf(invocation: Invocation): LayoutReference {
  const reference = parseReference(text(invocation, 'out') ?? 'layout:image', '--out')
  if (reference.kind !== 'layout' || reference.digest !== undefined)
    throw new UsageError(`--out is "${referenceText(reference)}"; expected layout:FOLDER or layout:FOLDER:TAG`)
  return reference
}

/** Takes an image with all that it is made of out of the cache into the layout, and says where it is. */
export async function delivered(cache: BlobFolder, root: Descriptor, to: LayoutReference): Promise<string> {
  const dir = resolve(to.dir)
  await copyImage(cache, layoutBlobs(dir), root)
  await nameInLayout(dir, root, to.tag)
  return referenceText(to)
}
