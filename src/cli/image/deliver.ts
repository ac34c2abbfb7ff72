/** Where an image goes that was made or copied: into an OCI layout, or to a registry. */
import { resolve } from 'node:path'
import type { BlobFolder } from '../../images/oci/blobs.ts'
import { copyImage } from '../../images/oci/graph.ts'
import type { Descriptor } from '../../images/oci/documents.ts'
import { layoutBlobs, nameInLayout } from '../../images/oci/layout.ts'
import { parseReference, referenceText } from '../../images/oci/reference.ts'
import type { LayoutReference, Reference } from '../../images/oci/reference.ts'
import type { RemoteImage } from '../../images/remote/image.ts'
import { complete, push } from '../../images/remote/transfer.ts'
import type { Moved } from '../../images/remote/transfer.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import type { OpenRemote } from './registries.ts'

/** Where `image build` is told to bring it: --out, --push, or by default `layout:image`. Throws UsageError for what is no place. */
export function destinationsOf(invocation: Invocation): Reference[] {
  const [out, pushed] = [text(invocation, 'out'), text(invocation, 'push')]
  const places: Reference[] = []
  if (out !== undefined || pushed === undefined) places.push(layoutPlace(out ?? 'layout:image', '--out'))
  if (pushed !== undefined) places.push(registryPlace(pushed, '--push'))
  return places
}

/** A layout to write to. */
export function layoutPlace(given: string, name: string): LayoutReference {
  const reference = parseReference(given, name)
  if (reference.kind !== 'layout' || reference.digest !== undefined)
    throw new UsageError(`${name} is "${given}"; expected layout:FOLDER or layout:FOLDER:TAG`)
  return reference
}

/** A repository to push to. */
export function registryPlace(given: string, name: string): Exclude<Reference, LayoutReference> {
  const reference = parseReference(given, name)
  if (reference.kind !== 'registry' || reference.digest !== undefined)
    throw new UsageError(`${name} is "${given}"; expected REGISTRY/REPOSITORY[:TAG]`)
  return reference
}

/** An image that lies in a folder of this machine, but for what its base lends. */
export interface Deliverable {
  readonly blobs: BlobFolder
  readonly root: Descriptor
  readonly lenders: readonly RemoteImage[]
}

/** Brings it there; what was moved is told of a registry. */
export async function deliver(
  { blobs, root, lenders }: Deliverable,
  to: Reference,
  open: OpenRemote,
  say: (line: string) => void,
): Promise<{ to: string; moved?: Moved }> {
  if (to.kind === 'registry')
    return { to: referenceText(to), moved: await push({ from: blobs, root, to: open(to), lenders, say }) }
  const dir = resolve(to.dir)
  await complete(blobs, root, lenders, say)
  await copyImage(blobs, layoutBlobs(dir), root)
  await nameInLayout(dir, root, to.tag)
  return { to: referenceText(to) }
}
