/** Opens what a name on the command line means: the documents and blobs of an image in a layout or a registry. */
import { imageFor } from '../../images/build/base.ts'
import type { OpenImage } from '../../images/compare/difference.ts'
import { ImageConfig, Manifest, readDocument } from '../../images/oci/documents.ts'
import type { Descriptor, Platform } from '../../images/oci/documents.ts'
import type { BlobFolder } from '../../images/oci/blobs.ts'
import { layoutBlobs, resolveInLayout } from '../../images/oci/layout.ts'
import { parseReference, referenceText } from '../../images/oci/reference.ts'
import { registries } from './registries.ts'

/** What blobs and documents are read from. */
export type ImageSource = Pick<BlobFolder, 'bytes' | 'stream'>

export interface OpenReference {
  readonly name: string
  readonly root: Descriptor
  readonly source: ImageSource
}

export async function openReference(given: string, open = registries()): Promise<OpenReference> {
  const reference = parseReference(given)
  if (reference.kind === 'registry') {
    const source = open(reference)
    return { name: source.name, root: await source.resolve(), source }
  }
  const root = await resolveInLayout(reference)
  return { name: referenceText(reference), root, source: layoutBlobs(reference.dir) }
}

/** The image of a platform. */
export async function openImage({ name, root, source }: OpenReference, platform: Platform): Promise<OpenImage> {
  return readImage(source, (await imageFor(source, root, platform, name)).digest, name)
}

/** The image of a manifest. */
export async function readImage(source: ImageSource, digest: string, name: string): Promise<OpenImage> {
  const manifest = readDocument(Manifest, await source.bytes(digest), `the manifest ${digest}`)
  const config = readDocument(ImageConfig, await source.bytes(manifest.config.digest), `the configuration of ${name}`)
  return { digest, manifest, config, blobs: source }
}
